"""Where an order goes that its provider cannot take, and what to say of each provider that cannot take it. Pure.

It goes to the next model of a selection that is made anew, at most twice. A job that nobody can take waits; the
providers that were down are asked in turn, each once a minute, so that it is made wherever it works first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from nexiom_sdk.attempts import AGAIN_AFTER_SECONDS, attempts_of
from nexiom_sdk.errors import ModelRetired
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.types import Candidate, Choice, VideoRequest
from nexiom_sdk.wording import printable

MOST_ORDERS_ELSEWHERE = 2
SUBMITS_BEFORE_FALLBACK = 3
_LONGEST_REASON = 300
_NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One place where the job may go.

    Args:
        candidate: The model, with its terms and its price of now.
        run_at: When it is ordered there.
        submits: How many of its submits count as made; a provider whose turn has come again gets one.
    """

    candidate: Candidate
    run_at: datetime
    submits: int = 0


def request_of(job: GenerationJob) -> VideoRequest:
    """The request to select a model for once more: never for another tier than the job was taken for."""
    if job.request.quality_tier is not None or job.quality_tier is None:
        return job.request
    return job.request.evolve(quality_tier=job.quality_tier)


def ways(
    job: GenerationJob, choice: Choice, *, model_alone: bool, final: bool, late: bool, now: datetime
) -> Iterator[Way]:
    """Where the job may go, the best place first.

    Args:
        job: The job; its present order was certainly not charged.
        choice: A selection of now, without providers that are failing.
        model_alone: Only the model is the reason: its provider has others.
        final: Its provider will not take it later either.
        late: The job has waited for as long as it may: nobody is asked a second time.
        now: The present moment.
    """
    attempts = attempts_of(job)
    targets = {(job.provider, job.model), *(one.target for one in attempts)}
    tried = {one.provider for one in attempts if one.error_code != ModelRetired.code}
    tried |= set() if model_alone else {job.provider}
    if len(targets) <= MOST_ORDERS_ELSEWHERE:
        for one in choice.ranked:
            if one.provider not in tried and (one.provider, one.model) not in targets:
                yield Way(candidate=one, run_at=now)
    if late:
        return
    ranked: dict[tuple[str | None, str | None], Candidate] = {(one.provider, one.model): one for one in choice.ranked}
    soon = now + timedelta(seconds=AGAIN_AFTER_SECONDS)
    waiting = ((utc(one.again_at), one.target) for one in attempts if one.again_at is not None)
    for again_at, target in sorted(waiting, key=lambda one: one[0]):
        candidate = ranked.get(target)
        if candidate is not None and candidate.provider != job.provider and (final or again_at <= soon):
            yield Way(candidate=candidate, run_at=max(now, again_at), submits=SUBMITS_BEFORE_FALLBACK - 1)


def reasons(job: GenerationJob, choice: Choice, refused: Mapping[str, str]) -> dict[str, str]:
    """Why no other provider has the job, by provider.

    Args:
        job: The job.
        choice: A selection of now, without providers that are failing.
        refused: What is known besides, by provider.
    """
    first = job.choice.ranked if job.choice else ()
    known = dict.fromkeys((*(one.provider for one in first), *(one.provider for one in choice.ranked)))
    attempts = {one.provider: one for one in attempts_of(job)}
    dropped = {one.provider: one.reasons[0] for one in reversed(choice.rejected) if one.reasons}
    said: dict[str, str] = {}
    for name in known:
        if name == job.provider:
            continue
        if name in refused:
            said[name] = refused[name]
        elif not any(one.provider == name for one in choice.ranked) and name in dropped:
            said[name] = dropped[name]
        elif (attempt := attempts.get(name)) is not None:
            said[name] = attempt.error_message or "could not take it"
        else:
            said[name] = f"is not asked: {MOST_ORDERS_ELSEWHERE} others were"
    return said


def in_words(job: GenerationJob, message: str, others: Mapping[str, str] = _NOBODY) -> str:
    """What keeps a job waiting, each provider with its reason; only the message where there is no other provider.

    Args:
        job: The job.
        message: What is wrong at its provider.
        others: What is wrong elsewhere now; for those that are not named, why they did not take it before.
    """
    before = {one.provider or "": one.error_message or "could not take it" for one in attempts_of(job)}
    each = {job.provider or "": ""} | before | {**others} | {job.provider or "": message}  # its own comes first
    if len(each) == 1:
        return message
    return "; ".join(f"{name}: {_reason(name, why)}" for name, why in each.items()) + "."


def _reason(name: str, why: str) -> str:
    return printable(why, _LONGEST_REASON).removeprefix(f"{name} ").rstrip(".")
