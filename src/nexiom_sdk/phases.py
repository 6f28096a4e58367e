"""What front ends see of a job, and where a worker goes on with it.

`status` is what front ends see and has four values for ever. `phase` is the worker's:

| phase      | status                                      | claimed | goes to                                    |
|------------|---------------------------------------------|---------|--------------------------------------------|
| queued     | pending                                     | yes     | submitting, done                           |
| submitting | processing                                  | yes     | waiting, saving, queued, unknown, done     |
| waiting    | processing; failed after the deadline       | yes     | saving, queued, done                       |
| saving     | processing                                  | yes     | done                                       |
| unknown    | failed (submission_uncertain)               | never   | waiting, saving (found), queued (again)    |
| done       | completed or failed                         | never   | queued (a failed job resubmitted)          |
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class JobStatus(enum.StrEnum):
    """What a front end sees."""

    PENDING = "pending"  # taken, nothing sent yet
    PROCESSING = "processing"  # with the provider, or being saved
    COMPLETED = "completed"  # the checked video is in the store
    FAILED = "failed"  # ended without a video, as far as we know


class Phase(enum.StrEnum):
    """Where a worker goes on."""

    QUEUED = "queued"  # nothing was sent for this order
    SUBMITTING = "submitting"  # the intent is committed; the paid call may have gone out
    WAITING = "waiting"  # the provider has it
    SAVING = "saving"  # the provider is done; the video is on its way to the store
    UNKNOWN = "unknown"  # the paid call may have been accepted and nobody can tell
    DONE = "done"  # nothing is left to do


CLAIMABLE = (Phase.QUEUED, Phase.SUBMITTING, Phase.WAITING, Phase.SAVING)

_NEXT: Mapping[Phase, frozenset[Phase]] = {
    Phase.QUEUED: frozenset({Phase.SUBMITTING, Phase.DONE}),
    Phase.SUBMITTING: frozenset({Phase.WAITING, Phase.SAVING, Phase.QUEUED, Phase.UNKNOWN, Phase.DONE}),
    Phase.WAITING: frozenset({Phase.SAVING, Phase.QUEUED, Phase.DONE}),
    Phase.SAVING: frozenset({Phase.DONE}),
    Phase.UNKNOWN: frozenset({Phase.WAITING, Phase.SAVING, Phase.QUEUED}),
    Phase.DONE: frozenset({Phase.QUEUED}),
}


def may_move(before: Phase, after: Phase) -> bool:
    """Whether the state machine has this step; staying where one is always allowed.

    Example:
        >>> may_move(Phase.QUEUED, Phase.WAITING)
        False
    """
    return before == after or after in _NEXT[before]
