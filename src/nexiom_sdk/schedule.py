"""When to look at a running job again: pure arithmetic over what is known of it.

One early look catches refusals. Then silence until the time by which 5 % of such jobs are done, learned from our own
rows; then a look every few seconds. The provider's own words win, within reason, and looks begin to count when it says
running.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from nexiom_sdk.hints import sane_hint
from nexiom_sdk.types import Candidate

EARLY_LOOK_SECONDS = 10.0
STEADY_SECONDS = 10.0
WATCHED_SECONDS = 5.0
CALLBACK_SECONDS = 60.0
LATE_SECONDS = 600.0
LATE_WINDOW_SECONDS = 24 * 3600.0
LONGEST_BACKOFF_SECONDS = 60.0
MOST_SECONDS_A_FAILURE = 10.0  # a wish is lengthened by this much at most, see `backoff`
LEAST_HISTORY = 5
MOST_SILENCE_SECONDS = 1800.0  # then a look, whatever the history says: late successes must not blind us for weeks
SPREAD = 0.1  # gaps vary by this share either way, so that jobs do not march in step

_P5 = -1.645  # standard normal
_UNKNOWN_SPREAD = 0.5  # of ln(seconds), where only the card's figure is known
_LEAST_SPREAD, _MOST_SPREAD = 0.02, 1.5

# Lengths in seconds above which clips of one model take visibly longer: jobs are compared within one bucket.
_BUCKETS = (5, 6, 8, 10, 15, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the schedule of one job depends on.

    Args:
        history_seconds: How long jobs with the same setting took, from our own rows.
        typical_seconds: The card's median, until there are enough of them.
        floor_seconds: Shortest gap that the provider allows.
        watched: A person is waiting.
        callback: The provider promised to call back.
    """

    history_seconds: Sequence[float] = ()
    typical_seconds: float = 120.0
    floor_seconds: float = 5.0
    watched: bool = False
    callback: bool = False

    @property
    def gap_seconds(self) -> float:
        """Gap between looks once a result may be there."""
        return CALLBACK_SECONDS if self.callback else WATCHED_SECONDS if self.watched else STEADY_SECONDS


def earliest_finish(history_seconds: Sequence[float], typical_seconds: float) -> float:
    """Seconds after which 5 % of such jobs are done, for log-normal times. What took longer than a day is not counted.

    Example:
        >>> round(earliest_finish([], 100.0)), round(earliest_finish([60, 62, 58, 61, 59], 100.0))
        (44, 57)
    """
    history_seconds = [seconds for seconds in history_seconds if 0 <= seconds <= LATE_WINDOW_SECONDS]
    if len(history_seconds) < LEAST_HISTORY:
        middle, spread = math.log(max(typical_seconds, 0.001)), _UNKNOWN_SPREAD
    else:
        logarithms = [math.log(max(seconds, 0.001)) for seconds in history_seconds]
        middle = statistics.fmean(logarithms)
        # In floats: `statistics.stdev` adds up fractions, which is exact and takes as long as all else in a look.
        deviation = math.sqrt(math.fsum((one - middle) ** 2 for one in logarithms) / (len(logarithms) - 1))
        spread = min(max(deviation, _LEAST_SPREAD), _MOST_SPREAD)
    return math.exp(middle + _P5 * spread)


def next_look(
    pace: Pace,
    *,
    since_submit_seconds: float,
    since_running_seconds: float | None = None,
    queued: bool = False,
    hint_seconds: float | None = None,
    left_seconds: float | None = None,
    luck: float = 0.5,
) -> float:
    """Seconds from now until the next look; the silence is bounded, because one bad day must not blind us for weeks.

    Args:
        pace: What the schedule depends on.
        since_submit_seconds: Time since the provider took the order.
        since_running_seconds: Time since the provider first said running; None before that.
        queued: The provider says that it has not begun: the silence begins only when it does.
        hint_seconds: The provider's own wish; a longer gap than ours wins, a shorter one does not. At most an hour.
        left_seconds: Time until the job is over its deadline: we want to look then, if the provider lets us.
        luck: A number from 0 to 1 that spreads looks by ten percent either way.

    Example:
        >>> next_look(Pace(typical_seconds=100), since_submit_seconds=0)
        10.0
        >>> round(next_look(Pace(typical_seconds=100), since_submit_seconds=10, since_running_seconds=10))
        34
    """
    first_chance = earliest_finish(pace.history_seconds, pace.typical_seconds)
    if since_submit_seconds < (1 - SPREAD) * EARLY_LOOK_SECONDS and first_chance > 2 * EARLY_LOOK_SECONDS:
        gap = EARLY_LOOK_SECONDS - since_submit_seconds
    elif queued:
        gap = pace.gap_seconds
    else:
        silence = first_chance - (since_submit_seconds if since_running_seconds is None else since_running_seconds)
        gap = min(silence, MOST_SILENCE_SECONDS) if silence > 0 else pace.gap_seconds
    until_over = math.inf if left_seconds is None else max(left_seconds, 0.0)
    return max(min(_spread(gap, luck), until_over), pace.floor_seconds, sane_hint(hint_seconds))


def backoff(attempts: int, *, hint_seconds: float | None = None, luck: float = 0.5) -> float:
    """Seconds until a failed step is tried again: doubling from 2 s to 60 s; the provider's own wish wins.

    A wish of no time at all is none. One that has not helped is lengthened: to a second for each failure, ten at most.

    Example:
        >>> backoff(1), backoff(3), backoff(50), backoff(1, hint_seconds=120)
        (2.0, 8.0, 60.0, 120)
        >>> backoff(3, hint_seconds=0), backoff(3, hint_seconds=0.1)
        (8.0, 3)
    """
    asked = sane_hint(hint_seconds)
    if asked:
        return max(asked, min(attempts, MOST_SECONDS_A_FAILURE))
    return _spread(min(2.0 ** min(attempts, 10), LONGEST_BACKOFF_SECONDS), luck)


def schedule_key(order: Candidate) -> str:
    """The setting within which jobs take about equally long.

    Example:
        >>> schedule_key(Candidate(provider="acme", model="a1", resolution="720p", audio=False, duration_seconds=7))
        'acme|a1|text|720p|silent|8'
    """
    sound = "-" if order.audio is None else "sound" if order.audio else "silent"
    bucket = next((limit for limit in _BUCKETS if order.duration_seconds and order.duration_seconds <= limit), "-")
    return "|".join((order.provider, order.model, order.mode, order.resolution or "-", sound, str(bucket)))


def _spread(gap_seconds: float, luck: float) -> float:
    return gap_seconds * (1 - SPREAD + 2 * SPREAD * luck)
