"""How the command ends: one number for each kind of ending, and what is said about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from nexiom_sdk.errors import (
    BudgetExceeded,
    Charged,
    ConfigurationError,
    IllegalTransition,
    JobConflict,
    JobError,
    JobNotFound,
    NexiomError,
    NoCandidate,
    ProviderError,
    RequestError,
    StorageError,
    SubmissionUncertain,
    WaitTimeout,
)

DONE, FAILED, USAGE, CONFIGURATION, NO_MODEL, STORAGE, UNCERTAIN, TIMEOUT, NOT_CURRENT = range(9)
INTERRUPTED = 130
READER_GONE = 141  # what a shell reports of a program whose reader went away

MEANINGS: Mapping[int, str] = {
    DONE: "done",
    FAILED: "the job failed at the provider",
    USAGE: "wrong usage, or a request that cannot be valid",
    CONFIGURATION: "set-up: a key is missing, a provider unknown, a plug-in broken",
    NO_MODEL: "no model fits, or a budget would be exceeded",
    STORAGE: "rows or files could not be read or written",
    UNCERTAIN: "nobody can tell whether the order was taken",
    TIMEOUT: "--timeout ended the wait; the job goes on",
    NOT_CURRENT: "--check found a schema that is not current",
    INTERRUPTED: "interrupted; the job goes on",
}

# A class that is not listed ends like the nearest of its base classes.
EXIT_CODES: Mapping[type[NexiomError], int] = {
    NexiomError: FAILED,
    ProviderError: FAILED,
    SubmissionUncertain: UNCERTAIN,
    JobError: FAILED,
    JobNotFound: USAGE,
    JobConflict: USAGE,
    IllegalTransition: USAGE,
    WaitTimeout: TIMEOUT,
    RequestError: USAGE,
    NoCandidate: NO_MODEL,
    BudgetExceeded: NO_MODEL,
    ConfigurationError: CONFIGURATION,
    StorageError: STORAGE,
}


def exit_code(kind: type[NexiomError]) -> int:
    """The number with which the command ends after an error of this class.

    Example:
        >>> from nexiom_sdk.errors import InvalidInput, MissingCredentials
        >>> exit_code(InvalidInput), exit_code(MissingCredentials)
        (2, 3)
    """
    return next(EXIT_CODES[base] for base in kind.__mro__ if base in EXIT_CODES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why the command ends without what was asked for, in the words of a terminal.

    Args:
        code: A stable word for it.
        message: What happened.
        money: Whether something was spent, in a sentence; empty where the question does not arise.
        charged: The same as a word.
        next_step: What to do.
        job_id: The job this is about.
        exit_code: How the command ends.
    """

    code: str
    message: str
    money: str = ""
    charged: Charged | None = None
    next_step: str = ""
    job_id: str | None = None
    exit_code: int

    @classmethod
    def of(cls, error: NexiomError) -> Self:
        """An error of the library; its next step names the job, and flags instead of arguments."""
        next_step = error.next_step.replace('provider="local"', "--provider local")
        return cls(
            code=error.code,
            message=error.message,
            money=str(error).removeprefix(error.message).removesuffix(error.next_step).strip(),
            charged=error.charged,
            next_step=re.sub(r"\bJOB\b", error.job_id, next_step) if error.job_id else next_step,
            job_id=error.job_id,
            exit_code=exit_code(type(error)),
        )


class Interrupted(Exception):
    """Somebody pressed Ctrl-C, or the process was told to end; the command unwinds and says how to go on."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)
