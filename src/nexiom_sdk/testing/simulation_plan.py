"""What is to be simulated, and what a simulation showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nexiom_sdk.testing.simulated_providers import MODELS, SimulatedModel, Troubles
from nexiom_sdk.worker_defaults import STEPS_AT_ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated.

    Args:
        in_flight: How many orders the providers work on; as many arrive as end.
        seconds: Time that is counted.
        settle_seconds: Time before that, in which what was begun in mid-flight falls into step.
        workers: How many processes work; each has one worker, and gates of its own.
        concurrency: Most steps of one worker at once.
        gate: Most calls at once of one process to one provider.
        latency_seconds: How long a call to a provider takes.
        models: The mixed world; as many orders arrive for each.
        history: Whether the schedule knows twenty finished jobs of each model at the beginning.
        troubles: What goes wrong at the providers.
        kill_after_seconds: The first process is killed then, as by SIGKILL; its jobs are left to the others.
        drain: Whether to end the arrivals and to go on until every job has ended.
        seed: Of all random numbers.
    """

    in_flight: int = 1000
    seconds: float = 600.0
    settle_seconds: float = 30.0
    workers: int = 1
    concurrency: int = STEPS_AT_ONCE
    gate: int = 8
    latency_seconds: float = 0.25
    models: Sequence[SimulatedModel] = MODELS
    history: bool = True
    troubles: Troubles = field(default_factory=Troubles)
    kill_after_seconds: float | None = None
    drain: bool = False
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a simulation showed.

    Args:
        seconds: The virtual time that was counted.
        in_flight: Orders that had not ended, on average.
        calls: Calls to providers by verb.
        statements: What was said to the database, by kind; `claimed` is how many rows the claims gave.
        lags: Seconds from the end of an order to the commit that notes it.
        refusal_lags: The same, for orders that were refused.
        looks: How often the orders were looked at that arrived and ended in the counted time.
        done: Jobs that ended, by status.
        uncertain: Jobs of which nobody can tell whether they were ordered, by provider: they wait for a person.
        ordered_twice: Jobs for which more than one order was taken.
        sent_again: Keys that were sent again although their answer had come, which is of use only after a kill.
        lost: Jobs without an end for which nothing was written for 15 min, or whose order ended 15 min ago. After a
            drain: every job without an end.
        real_seconds: How long this machine took for it.
    """

    seconds: float
    in_flight: float
    calls: Mapping[str, int]
    statements: Mapping[str, int]
    lags: Sequence[float]
    refusal_lags: Sequence[float]
    looks: Sequence[int]
    done: Mapping[str, int]
    uncertain: Mapping[str, int]
    ordered_twice: Sequence[str]
    sent_again: Sequence[str]
    lost: Sequence[str]
    real_seconds: float

    @property
    def polls_a_job(self) -> float:
        """Looks for each order that was found to have ended."""
        return self.calls.get("poll", 0) / max(len(self.lags) + len(self.refusal_lags), 1)

    def lag(self, share: float) -> float:
        """The lag that this share of jobs does not exceed, in seconds."""
        ordered = sorted(self.lags)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
