"""`Studio` for code that is not async: the same verbs over one background event loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from typing_extensions import Unpack

from nexiom_sdk.background_loop import BackgroundLoop
from nexiom_sdk.clock import Clock
from nexiom_sdk.config import Settings
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.events import Sink, logging_sink
from nexiom_sdk.studio import Studio
from nexiom_sdk.types import Choice, QualityTier, RequestFields, VideoRequest

if TYPE_CHECKING:
    from datetime import datetime

    from nexiom_sdk.catalogue_filters import Takes
    from nexiom_sdk.catalogue_view import ListedModel
    from nexiom_sdk.jobs import GenerationJob, VideoResult
    from nexiom_sdk.models import ModelCard
    from nexiom_sdk.phases import JobStatus
    from nexiom_sdk.policy import Policy
    from nexiom_sdk.provider_states import ProviderState
    from nexiom_sdk.providers.registry import ProviderRegistry
    from nexiom_sdk.repositories import JobRepository
    from nexiom_sdk.spending import Dimension, Spend
    from nexiom_sdk.storage import ObjectInfo, ObjectStore
    from nexiom_sdk.types import QualityTier

T = TypeVar("T")


class SyncStudio:
    """A `Studio` without `await`. It owns a thread with an event loop, so it also works inside a running loop.

    Any number of threads may use one at the same time. Ctrl-C during a verb ends the verb; the job goes on where it
    was. After a fork each process makes its own. The arguments are those of `Studio`.

    Example:
        ```python
        with SyncStudio.from_env() as studio:
            result = studio.generate("a fox in snow", quality_tier="cinematic", duration_seconds=8)
        ```
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        repository: JobRepository | None = None,
        store: ObjectStore | None = None,
        registry: ProviderRegistry | None = None,
        policy: Policy | None = None,
        sinks: Sequence[Sink] = (logging_sink,),
        clock: Clock | None = None,
    ) -> None:
        self._studio = Studio(
            settings=settings,
            repository=repository,
            store=store,
            registry=registry,
            policy=policy,
            sinks=sinks,
            clock=clock,
        )
        self._background = BackgroundLoop(type(self).__name__, self._studio.aclose)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """A studio set up by environment variables; see `Studio.from_env`."""
        return cls(settings=Settings.from_env(env))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what the studio made, and its thread. Jobs stay as they are.

        A verb that another thread is in ends with an error that says so.
        """
        self._background.close()

    @property
    def settings(self) -> Settings:
        """How it is set up."""
        return self._studio.settings

    def generate(
        self,
        prompt: str | VideoRequest,
        *,
        user_id: str | None = None,
        client_key: str | None = None,
        role: str | None = None,
        timeout_seconds: float | None = None,
        **fields: Unpack[RequestFields],
    ) -> VideoResult:
        """Submit and wait; see `Studio.generate`."""
        return self._run(
            self._studio.generate(
                prompt, user_id=user_id, client_key=client_key, role=role, timeout_seconds=timeout_seconds, **fields
            )
        )

    def estimate(self, request: VideoRequest, *, user_id: str | None = None, role: str | None = None) -> Choice:
        """The model that would be used, why, and for how much; see `Studio.estimate`."""
        return self._studio.estimate(request, user_id=user_id, role=role)

    def providers(self, *, check: bool = False) -> Sequence[ProviderState]:
        """Every provider, and how it stands; see `Studio.providers`."""
        return self._run(self._studio.providers(check=check))

    def models(
        self,
        provider: str | None = None,
        *,
        tier: QualityTier | None = None,
        duration_seconds: float | None = None,
        takes: Takes | None = None,
        max_usd: Decimal | None = None,
        usable: bool = False,
        include_retired: bool = False,
    ) -> Sequence[ListedModel]:
        """The models of all installed providers, set up or not; see `Studio.models`."""
        return self._studio.models(
            provider,
            tier=tier,
            duration_seconds=duration_seconds,
            takes=takes,
            max_usd=max_usd,
            usable=usable,
            include_retired=include_retired,
        )

    def refresh_models(self, provider: str) -> Sequence[ModelCard]:
        """Read a provider's own list of models; see `Studio.refresh_models`."""
        return self._run(self._studio.refresh_models(provider))

    def submit(
        self,
        request: VideoRequest,
        *,
        user_id: str | None = None,
        client_key: str | None = None,
        role: str | None = None,
        defer: bool = False,
    ) -> GenerationJob:
        """Write the row and take the first step; see `Studio.submit`."""
        submitting = self._studio.submit(request, user_id=user_id, client_key=client_key, role=role, defer=defer)
        return self._run(submitting)

    def get(self, job_id: str) -> GenerationJob:
        """The row as it is; see `Studio.get`."""
        return self._run(self._studio.get(job_id))

    def jobs(
        self, *, user_id: str | None = None, status: JobStatus | None = None, limit: int = 50
    ) -> Sequence[GenerationJob]:
        """Rows, newest first; see `Studio.jobs`."""
        return self._run(self._studio.jobs(user_id=user_id, status=status, limit=limit))

    def costs(
        self,
        by: Dimension | Sequence[Dimension] = ("day",),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        user_id: str | None = None,
        provider: str | None = None,
        quality_tier: QualityTier | None = None,
    ) -> Sequence[Spend]:
        """Where the money went; see `Studio.costs`."""
        telling = self._studio.costs(
            by, since=since, until=until, user_id=user_id, provider=provider, quality_tier=quality_tier
        )
        return self._run(telling)

    def advance(self, job_id: str) -> GenerationJob:
        """Take one step if the job is due; see `Studio.advance`."""
        return self._run(self._studio.advance(job_id))

    def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> VideoResult:
        """Drive the job to its end; see `Studio.wait`."""
        return self._run(self._studio.wait(job_id, timeout_seconds=timeout_seconds))

    def watch(self, job_id: str) -> Iterator[GenerationJob]:
        """Drive the job, and give its row at each change; see `Studio.watch`."""
        changes = self._studio.watch(job_id)
        try:
            while (job := self._run(_next_or_none(changes))) is not None:
                yield job
        finally:
            with contextlib.suppress(NexiomError):  # a studio that was closed meanwhile has closed this, too
                self._run(_close(changes))

    def cancel(self, job_id: str) -> GenerationJob:
        """Ask for the job to be stopped; see `Studio.cancel`."""
        return self._run(self._studio.cancel(job_id))

    def resolve(self, job_id: str, *, provider_job_id: str) -> GenerationJob:
        """Go on with an uncertain order that a person found; see `Studio.resolve`."""
        return self._run(self._studio.resolve(job_id, provider_job_id=provider_job_id))

    def resubmit(self, job_id: str) -> GenerationJob:
        """Order again, on purpose; see `Studio.resubmit`."""
        return self._run(self._studio.resubmit(job_id))

    def handle_webhook(self, provider: str, headers: Mapping[str, str], body: bytes) -> GenerationJob | None:
        """Take a provider's callback; see `Studio.handle_webhook`."""
        return self._run(self._studio.handle_webhook(provider, headers, body))

    def result(self, job: GenerationJob) -> VideoResult:
        """The finished video of a row; see `Studio.result`."""
        return self._run(self._studio.result(job))

    def sweep(self, *, delete: bool = False) -> Sequence[ObjectInfo]:
        """Objects in `outputs` that no row names; see `Studio.sweep`."""
        return self._run(self._studio.sweep(delete=delete))

    def _run(self, verb: Coroutine[None, None, T]) -> T:
        return self._background.run(verb)


async def _next_or_none(changes: AsyncGenerator[GenerationJob, None]) -> GenerationJob | None:
    return await anext(changes, None)


async def _close(changes: AsyncGenerator[GenerationJob, None]) -> None:
    await changes.aclose()
