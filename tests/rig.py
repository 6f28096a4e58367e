"""A studio on memory and a virtual clock, around fake providers: what most tests of the engine need."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from nexiom_sdk import GenerationJob, Policy, Settings, Studio, VideoRequest
from nexiom_sdk.backends.memory import MemoryRepository, MemoryStore
from nexiom_sdk.clock import Clock
from nexiom_sdk.events import Event
from nexiom_sdk.providers.protocol import HttpOptions, VideoProvider
from nexiom_sdk.providers.registry import ProviderFactory, ProviderRegistry
from nexiom_sdk.testing import CancellableFakeProvider, FakeProvider, VirtualClock
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded

_LONGEST_RETRY_PAUSE_SECONDS = 10


class Rig:
    """A studio, and everything a test wants to look at."""

    def __init__(
        self,
        home: Path,
        clock: VirtualClock,
        providers: Sequence[FakeProvider],
        settings: Mapping[str, object],
        time: Clock | None = None,
        store: MemoryStore | None = None,
        *,
        plain: bool = False,
    ) -> None:
        self.clock = clock
        time = time or clock
        self.events: list[Event] = []
        self.repository = MemoryRepository(clock=time)
        self.store = store or MemoryStore()
        registry = ProviderRegistry(entry_points=[])
        for provider in providers:
            registry.register(provider.name, factory_of(provider))
        self.studio = Studio(
            settings=Settings(home=home, **settings),  # type: ignore[arg-type]
            repository=PlainRows(self.repository) if plain else self.repository,  # type: ignore[arg-type]
            store=self.store,
            registry=registry,
            policy=policy_over(*(f"{one.name}/{card.model}" for one in providers for card in one.models)),
            sinks=[self.events.append],
            clock=time,
        )

    async def submitted(self, **fields: object) -> GenerationJob:
        """A job that is only written down."""
        request = VideoRequest(**{"prompt": "a fox in snow", **fields})  # type: ignore[arg-type]
        return await self.studio.submit(request, defer=True)

    async def step(self, job: GenerationJob) -> GenerationJob:
        """One step, at the moment the job is due."""
        row = await self.studio.get(job.id)
        self.clock.advance(max((row.due_at - self.clock.now()).total_seconds(), 0.0) + 0.001)
        stepping = asyncio.create_task(self.studio._engine.advance(job.id))  # the step, and nothing beside it
        while not stepping.done():
            await asyncio.wait({stepping}, timeout=0.001)
            pause = self.clock.until_next()
            if pause is not None and pause < _LONGEST_RETRY_PAUSE_SECONDS:  # a heartbeat sleeps longer
                self.clock.advance(pause)
        return stepping.result()

    async def steps(self, job: GenerationJob, most: int = 60) -> GenerationJob:
        """Steps until nothing more happens by itself."""
        for _ in range(most):
            job = await self.step(job)
            if job.final:
                return job
        raise AssertionError(f"{job.phase} after {most} steps: {job.provider_metadata.get('trouble')}")

    async def left_in_submitting(self, job: GenerationJob) -> GenerationJob:
        """The row as a worker leaves it that dies after its intent: claimed, intended, nothing more."""
        from nexiom_sdk import moves

        [claimed] = await self.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
        provider = self.studio._chooser.provider(claimed.provider or "")
        submission = await self.studio._engine._desk.submission(claimed, provider)
        intent = moves.intended(claimed, submission.spec, now=self.clock.now())
        assert await self.repository.save(intent, fence=claimed.fence)
        return await self.studio.get(job.id)

    def later(self, **delta: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**delta).total_seconds())


class Pausing(CancellableFakeProvider):
    """A provider whose calls can be held open.

    Attributes:
        reached: Set as soon as a call is held.
        goes_on: Lets the calls that are held, and all later ones, be answered.
    """

    def __init__(self, name: str = "acme", **options: object) -> None:
        super().__init__(name, **options)  # type: ignore[arg-type]
        self.reached, self.goes_on = asyncio.Event(), asyncio.Event()
        self._pausing: Collection[str] = ()

    def pauses_at(self, *calls: str) -> Self:
        """From now on these calls are held, and no others; what is held already stays so."""
        self._pausing = calls
        return self

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """As the script says, when it goes on."""
        await self._passes("submit")
        return await super().submit(submission)

    async def poll(self, operation: Operation, /) -> Poll:
        """As the script says, when it goes on."""
        await self._passes("poll")
        return await super().poll(operation)

    async def _passes(self, call: str) -> None:
        if call in self._pausing:
            self.reached.set()
            await self.goes_on.wait()


class PlainRows:
    """A repository that has what every repository must have, and nothing more.

    Args:
        rows: The repository that does the work.
    """

    def __init__(self, rows: MemoryRepository) -> None:
        self._rows = rows

    def __getattr__(self, name: str) -> object:
        if name in {"admit", "spend", "hinted", "now"}:
            raise AttributeError(name)
        return getattr(self._rows, name)


def policy_over(
    *targets: str,
    fallback_on: Sequence[str] = ("rate_limited", "provider_unavailable", "quota_exhausted", "model_retired"),
) -> Policy:
    """A policy whose three tiers prefer the targets in this order."""
    candidates = [{"target": target, "weight": 100 - index} for index, target in enumerate(targets)]
    tier = {"intent": "test", "defaults": {"resolution": "720p", "duration_seconds": 4}, "candidates": candidates}
    return Policy.model_validate(
        {
            "version": "test",
            "as_of": "2026-11-24",
            "tiers": dict.fromkeys(("standard", "cinematic", "ultra_realistic"), tier),
            "fallback_on": list(fallback_on),
        }
    )


def factory_of(provider: FakeProvider) -> ProviderFactory:
    def make(config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> VideoProvider:
        return provider

    return make
