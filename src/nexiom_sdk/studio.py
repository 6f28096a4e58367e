"""The object users hold: wiring, and the verbs."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from typing_extensions import Unpack

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.config import Settings
from nexiom_sdk.errors import (
    IllegalTransition,
    InvalidInput,
    JobConflict,
    NexiomError,
    StorageError,
    StorageUnavailable,
    UnsupportedFeature,
    WaitTimeout,
)
from nexiom_sdk.events import JobCreated, Sink, Sinks, logging_sink
from nexiom_sdk.jobs import (
    DIMENSIONS,
    Dimension,
    GenerationJob,
    JobQuery,
    JobRepository,
    JobStatus,
    Limit,
    Phase,
    Spend,
    SupportsIntake,
    SupportsSpend,
    UsageQuery,
    VideoResult,
)
from nexiom_sdk.storage import ObjectStore, output_key
from nexiom_sdk.types import QUALITY_TIERS, Choice, QualityTier, RequestFields, VideoRequest
from nexiom_sdk.wording import unknown
from nexiom_sdk.worker_defaults import DRAIN_SECONDS, STEPS_AT_ONCE

# The rooms below are opened when a verb first needs them, so that making a studio costs next to nothing.
if TYPE_CHECKING:
    from nexiom_sdk.breaker_file import BreakerFile
    from nexiom_sdk.catalogue_filters import Takes
    from nexiom_sdk.catalogue_view import ListedModel
    from nexiom_sdk.choosing import Chooser
    from nexiom_sdk.desk import Desk
    from nexiom_sdk.engine import Engine
    from nexiom_sdk.intake import Intake
    from nexiom_sdk.models import ModelCard
    from nexiom_sdk.policy import Policy
    from nexiom_sdk.provider_states import ProviderState
    from nexiom_sdk.providers.calls import Door
    from nexiom_sdk.providers.registry import ProviderRegistry
    from nexiom_sdk.worker import Worker

_LONGEST_NAP_SECONDS = 1.0  # another process may finish the job meanwhile
_GLANCE_SECONDS = 0.2  # how soon a change made by a running step is seen


class Studio:
    """Makes videos: validates, chooses, orders once, follows, checks, stores.

    Everything has a default: without arguments, jobs live in SQLite and videos in a folder below `Settings.home`.
    What you pass in stays yours to close; what the studio made, it closes.

    Args:
        settings: How it is set up; None: defaults without the environment (see `from_env`).
        repository: Where rows live.
        store: Where bytes live.
        registry: Which providers exist.
        policy: Which models each tier prefers.
        sinks: Who is told what happens; default: the logger `nexiom_sdk`.
        clock: Time.

    Example:
        ```python
        async with Studio.from_env() as studio:
            result = await studio.generate("a fox in snow", quality_tier="cinematic", duration_seconds=8)
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
        self.settings: Settings = settings or Settings()
        self._clock = clock or SystemClock()
        self._sink = Sinks(sinks)
        self._given_repository = repository
        self._given_store = store
        self._given_policy = policy
        self._given_registry = registry

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """A studio set up by environment variables; `Settings` lists them.

        Args:
            env: The environment; None: that of this process.

        Raises:
            ConfigurationError: A variable holds something impossible.
        """
        return cls(settings=Settings.from_env(env))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close what the studio made. Jobs stay as they are."""
        if "_breaker_file" in self.__dict__:
            await self._breaker_file.settle()
        if "_chooser" in self.__dict__:
            await self._chooser.aclose()
        if self._given_repository is None and "repository" in self.__dict__:
            await self.repository.aclose()
        if self._given_store is None and "store" in self.__dict__:
            await self.store.aclose()

    @cached_property
    def repository(self) -> JobRepository:
        """Where rows live."""
        from nexiom_sdk.backends.urls import repository_of

        return self._given_repository or repository_of(self.settings.database, clock=self._clock)

    @cached_property
    def store(self) -> ObjectStore:
        """Where bytes live."""
        from nexiom_sdk.backends.urls import store_of

        return self._given_store or store_of(self.settings.store, clock=self._clock)

    @cached_property
    def policy(self) -> Policy:
        """Which models each tier prefers."""
        from nexiom_sdk.policy import Policy

        if self._given_policy is not None:
            return self._given_policy
        return Policy.from_file(self.settings.policy) if self.settings.policy else Policy.default()

    @cached_property
    def _registry(self) -> ProviderRegistry:
        from nexiom_sdk.providers.registry import ProviderRegistry

        return self._given_registry or ProviderRegistry(allow=self.settings.providers)

    @cached_property
    def _chooser(self) -> Chooser:
        from nexiom_sdk.choosing import Chooser

        return Chooser(
            registry=self._registry,
            settings=self.settings,
            policy=lambda: self.policy,
            clock=self._clock,
            failing=lambda: {name: held.words for name, held in self._door.breakers.failing().items()},
        )

    @cached_property
    def _breaker_file(self) -> BreakerFile:
        from nexiom_sdk.breaker_file import BreakerFile

        return BreakerFile(self.settings.home / "breakers.json", clock=self._clock)

    @cached_property
    def _door(self) -> Door:
        from nexiom_sdk.providers.calls import Door

        return Door(
            clock=self._clock,
            sink=Sinks((self._sink, self._breaker_file)),
            concurrency=self.settings.provider_concurrency,
            heard=self._breaker_file.heard,
        )

    @cached_property
    def _desk(self) -> Desk:
        from nexiom_sdk.desk import Desk

        catalogue = self._chooser.catalogue
        _ = catalogue.changes  # a mistake in the user's file is told now, and not at some step of a job
        return Desk(
            repository=self.repository,
            store=self.store,
            provider=self._chooser.provider,
            door=self._door,
            open_url=self._open_url,
            clock=self._clock,
            sink=self._sink,
            lease_seconds=self.settings.lease_seconds,
            deadline_seconds=self.settings.job_deadline_seconds,
            url_ttl_seconds=self.settings.result_url_ttl_seconds,
            callback_url=self.settings.callback_url,
            fallback_on=frozenset(self.policy.fallback_on),
            rechoose=self._rechosen,
            limits=self._limits,
            cards=catalogue.cards,
        )

    @cached_property
    def _engine(self) -> Engine:
        from nexiom_sdk.engine import Engine

        return Engine(self._desk, spool=self.settings.spool, intake=self._intake)

    @cached_property
    def _intake(self) -> Intake:
        from nexiom_sdk.intake import Intake

        return Intake(desk=self._desk, choose=self._chooser.choose, role_of=self._role_of)

    def _rechosen(self, job: GenerationJob, *, addresses: bool) -> Choice:
        from nexiom_sdk.fallback import request_of

        role = job.role or self._role_of(job.user_id)
        return self._chooser.explain_now(request_of(job), addresses=addresses, role=role)

    def _role_of(self, user_id: str | None) -> str:
        return self.policy.governance.role_of(user_id)

    def _limits(self, job: GenerationJob) -> Sequence[Limit]:
        from nexiom_sdk.governance import daily_budget

        budget, governance = self.settings.budget_usd_per_day, self.policy.governance
        role, now = job.role or self._role_of(job.user_id), job.ordered_at  # at midnight: the day that it counts to
        limits = governance.limits(user_id=job.user_id, role=role, tier=job.budget_tier, now=now)
        return limits if budget is None else (daily_budget(budget, now=now), *limits)

    def worker(self, *, concurrency: int = STEPS_AT_ONCE, drain_seconds: float = DRAIN_SECONDS) -> Worker:
        """A worker over this studio's rows; the same as the command `nexiom worker`.

        Args:
            concurrency: Most steps at once. A step mostly waits; calls at once are bounded for each provider.
            drain_seconds: Time that running steps get to end after `stop`.
        """
        from nexiom_sdk.worker import Worker

        return Worker(
            self._engine,
            repository=self.repository,
            clock=self._clock,
            sink=self._sink,
            concurrency=concurrency,
            lease_seconds=self.settings.lease_seconds,
            drain_seconds=drain_seconds,
        )

    async def generate(
        self,
        prompt: str | VideoRequest,
        *,
        user_id: str | None = None,
        client_key: str | None = None,
        role: str | None = None,
        timeout_seconds: float | None = None,
        **fields: Unpack[RequestFields],
    ) -> VideoResult:
        """Submit and wait: one call from prompt to stored video.

        Args:
            prompt: What the video shows, or a whole request.
            user_id: Whose job it is.
            client_key: The caller's own key for this order: twice the same key is one job.
            role: The user's role; None: as the policy says.
            timeout_seconds: How long to wait; None: as long as it takes. The job goes on after a timeout.
            fields: Fields of `VideoRequest`, when a prompt is given.

        Raises:
            RequestError: The request cannot be carried out; nothing was spent.
            ProviderError: The job failed; the class says why.
            WaitTimeout: The job is still running.
        """
        request = prompt if isinstance(prompt, VideoRequest) else VideoRequest(prompt=prompt, **fields)
        job = await self.submit(request, user_id=user_id, client_key=client_key, role=role, defer=True)
        return await self.wait(job.id, timeout_seconds=timeout_seconds)

    def estimate(self, request: VideoRequest, *, user_id: str | None = None, role: str | None = None) -> Choice:
        """The model that would be used, why, and for how much; asks nobody and spends nothing.

        References are not opened, and the store is taken to have web addresses; `submit` looks at both. Budgets are
        not looked at either: what is left of them is known when the row is written.

        Args:
            request: What is wanted.
            user_id: Whose job it would be.
            role: The user's role; None: as the policy says.

        Raises:
            ConfigurationError: The provider named by the request cannot be used.
        """
        return self._chooser.explain(request, role=self.policy.governance.role_of(user_id, role))

    async def providers(self, *, check: bool = False) -> Sequence[ProviderState]:
        """Every provider that is installed, whether it can be used here, what it lacks, and whether it is failing.

        Args:
            check: Also make the free call of those that have one, all at the same time; without it nobody is asked.

        Raises:
            InvalidPolicy: The policy cannot be used.
        """
        from nexiom_sdk.provider_states import provider_states

        return await provider_states(self._chooser, self._registry, self.policy, self._door, check=check)

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
        """The models of all installed providers, whether or not they are set up; asks nobody and spends nothing.

        All adapters are imported for that. The cards are those that models are chosen by: with what the file of
        `Settings.cards` says, and as `refresh_models` read them.

        Args:
            provider: Only this provider's.
            tier: Only those that the policy names for this tier.
            duration_seconds: Only those that make clips of this length.
            takes: Only those into which this may go: text alone, an image, video or audio, or a role of `Media`.
            max_usd: Only those whose second costs no more than this at its cheapest; with `duration_seconds`, whose
                clip of that length does. A model of unknown price is none of them.
            usable: Only those that can be used as things are set up.
            include_retired: Also those that are no longer offered.

        Raises:
            InvalidInput: A word or a number is impossible; the message has the nearest one.
            ConfigurationError: There is no such provider, or something in the policy or the file of cards is wrong.

        Example:
            >>> Studio().models("local")[0].state
            'usable'
        """
        return self._chooser.catalogue.models(
            provider,
            tier=tier,
            duration_seconds=duration_seconds,
            takes=takes,
            max_usd=max_usd,
            usable=usable,
            include_retired=include_retired,
        )

    async def refresh_models(self, provider: str) -> Sequence[ModelCard]:
        """Read a provider's own list of models; this studio chooses by it from then on.

        Args:
            provider: One that has such a list, such as openrouter.

        Raises:
            UnsupportedFeature: It has no such list; its models are those of this version.
            ConfigurationError: It cannot be used here.
            ProviderError: The list cannot be read; the models stay as they are.
        """
        from nexiom_sdk.providers.protocol import SupportsCatalogue

        made = self._chooser.provider(provider)
        if not isinstance(made, SupportsCatalogue):
            msg = f"{provider} has no list of models that can be read."
            raise UnsupportedFeature(msg, next_step="Its models are those of this version of the library.")
        await made.refresh()
        return self._chooser.catalogue.cards(made)

    async def submit(
        self,
        request: VideoRequest,
        *,
        user_id: str | None = None,
        client_key: str | None = None,
        role: str | None = None,
        defer: bool = False,
    ) -> GenerationJob:
        """Validate, choose, check the budget, write the row, and take the first step, so that a bad key shows at once.

        Args:
            request: What is wanted.
            user_id: Whose job it is.
            client_key: The caller's own key for this order: twice the same key is one job.
            role: The user's role, for tiers and budgets that the policy gives to some; None: as the policy says.
            defer: Only write the row; a worker or `wait` does the rest.

        Raises:
            RequestError: The request cannot be carried out, or breaks a budget; nothing was spent.
            ConfigurationError: No provider is set up for it.
            StorageError: The row or a reference cannot be stored; nothing was spent so far. Where it names a job, its
                row may have been written all the same: look for it before the request is submitted again.
        """
        from nexiom_sdk import moves
        from nexiom_sdk.desk import model_chosen

        role = self.policy.governance.role_of(user_id, role)
        request, choice = await self._intake.prepared(
            request, user_id=user_id, role=role, roots=self.settings.media_roots
        )
        now = self._clock.now()
        new = moves.created(
            str(uuid.uuid4()), request, choice, user_id=user_id, role=role, client_key=client_key, now=now
        )
        if not defer:
            new = moves.held(new, until=now + timedelta(seconds=self.settings.lease_seconds))
        try:
            job = await self.repository.add(new, limits=self._limits(new))
        except StorageUnavailable as error:  # the answer was lost, perhaps, and not the row
            error.job_id = new.id
            error.next_step = f"Look for job {new.id} before you submit this again, for it may exist. {error.next_step}"
            raise
        if job.id == new.id and choice.chosen is not None:
            self._sink(
                JobCreated(
                    job_id=job.id, user_id=user_id, quality_tier=job.quality_tier, prompt_chars=len(request.prompt)
                )
            )
            self._sink(model_chosen(job, choice.chosen))
        if defer:
            return job
        return await (self._engine.step(job) if job.id == new.id else self.advance(job.id))

    async def get(self, job_id: str) -> GenerationJob:
        """The row as it is.

        Raises:
            JobNotFound: There is no such job.
        """
        return await self._engine.row(job_id)

    async def jobs(
        self, *, user_id: str | None = None, status: JobStatus | None = None, limit: int = 50
    ) -> Sequence[GenerationJob]:
        """Rows, newest first.

        Args:
            user_id: Only this user's.
            status: Only with this status.
            limit: At most this many.
        """
        return await self.repository.list(JobQuery(user_id=user_id, status=status, limit=limit))

    async def costs(
        self,
        by: Dimension | Sequence[Dimension] = ("day",),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        user_id: str | None = None,
        provider: str | None = None,
        quality_tier: QualityTier | None = None,
    ) -> Sequence[Spend]:
        """Where the money went: what orders cost or may cost, by what they have in common.

        Args:
            by: Any of day, month, provider, model, tier, user and role; none of them: one sum of all.
            since: Only orders made at or after this moment.
            until: Only orders made before this moment.
            user_id: Only this user's.
            provider: Only of this provider.
            quality_tier: Only orders that count to this tier.

        Raises:
            InvalidInput: There is no such dimension or tier.
            UnsupportedFeature: The repository cannot tell.
        """
        by = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
        for what, words, known in (("dimension", by, DIMENSIONS), ("tier", (quality_tier,), QUALITY_TIERS)):
            for word in words:
                if word is not None and word not in known:
                    raise InvalidInput(unknown(what, word, known))
        if not isinstance(self.repository, SupportsSpend):
            msg = "This repository cannot say where the money went: it has no method `spend`."
            raise UnsupportedFeature(msg, next_step="Keep jobs in SQLite or PostgreSQL.")
        query = UsageQuery(since=since, until=until, user_id=user_id, provider=provider, quality_tier=quality_tier)
        return await self.repository.spend(query, by=by)

    async def advance(self, job_id: str) -> GenerationJob:
        """Take one step of the job if it is due and nobody else has it; else give it as it is.

        Raises:
            JobNotFound: There is no such job.
        """
        return await self._engine.advance(job_id)

    async def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> VideoResult:
        """Drive the job to its end.

        Args:
            job_id: The job.
            timeout_seconds: How long to wait; None: as long as it takes.

        Raises:
            WaitTimeout: The job is still running; it was left alone.
            ProviderError: The job failed; the class says why.
            JobNotFound: There is no such job.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                async for _ in self.watch(job_id):
                    pass
        except TimeoutError as error:
            msg = f"Job {job_id} is still running after {timeout_seconds:g} s."
            raise WaitTimeout(msg, job_id=job_id) from error
        return await self.result(await self.get(job_id))

    async def watch(self, job_id: str) -> AsyncGenerator[GenerationJob, None]:
        """Drive the job, and give its row at each change until it has ended.

        Raises:
            JobNotFound: There is no such job.
        """
        shown = None
        while True:
            step = asyncio.create_task(self._engine.advance(job_id, watched=True))
            try:
                while not step.done():
                    await self._first_of(step, _GLANCE_SECONDS)
                    job = await self.get(job_id)
                    if job.updated_at != shown:
                        shown = job.updated_at
                        yield job
            finally:
                if not step.done():
                    step.cancel()
                    await asyncio.wait({step})
            job = step.result()
            if job.final or job.status is JobStatus.FAILED:
                return
            due = max((job.run_at - self._clock.now()).total_seconds(), 0.0)
            leased = max(((job.leased_until or job.run_at) - self._clock.now()).total_seconds(), 0.0)
            await self._clock.sleep(min(max(due, leased, 0.01), _LONGEST_NAP_SECONDS))

    async def cancel(self, job_id: str) -> GenerationJob:
        """Ask for the job to be stopped, and take the step that does it if the job is free.

        A job that was not sent is cancelled at once and costs nothing. One that the provider has is stopped there where
        the provider can; where it cannot, the job ends and says that its cost is open.

        Raises:
            JobNotFound: There is no such job.
        """
        job = await self.get(job_id)
        if job.final:
            return job
        await self.repository.wake(job_id, cancel=True)
        return await self.advance(job_id)

    async def resolve(self, job_id: str, *, provider_job_id: str) -> GenerationJob:
        """Go on with an uncertain order that a person found at the provider, once a look has shown that it is there.

        Args:
            job_id: The job.
            provider_job_id: The provider's id of the order.

        Raises:
            JobNotFound: There is no such job.
            IllegalTransition: The job is not uncertain.
            JobConflict: Another job holds this id.
            InvalidInput: The provider knows no such order; nothing was changed.
            ProviderUnavailable: The order cannot be looked at now; nothing was changed.
            ConfigurationError: The provider cannot be used here; nothing was changed.
        """
        job = await self.get(job_id)
        if job.phase is not Phase.UNKNOWN and job.provider_job_id != provider_job_id:
            msg = f"Job {job_id} is {job.phase}: only an uncertain order can be resolved."
            raise IllegalTransition(msg, job_id=job_id)
        if job.phase is Phase.UNKNOWN:
            await self._engine.check_order(job, provider_job_id)
        if not await self.repository.adopt_late_id(job_id, job.order_no, job.provider or "", provider_job_id):
            msg = f"Order {provider_job_id} cannot be given to job {job_id}: another job has it, or this one moved on."
            raise JobConflict(msg, job_id=job_id)
        return await self.advance(job_id)

    async def resubmit(self, job_id: str) -> GenerationJob:
        """Order again, on purpose, what failed or is uncertain. This may cost again.

        Raises:
            JobNotFound: There is no such job.
            IllegalTransition: The job did not fail, or was cancelled.
            BudgetExceeded: It does not fit into a budget any more; nothing was ordered.
            UnsupportedFeature: There are budgets, and the repository cannot hold an order to them.
            JobConflict: Somebody changed it at the same moment.
        """
        job = await self.get(job_id)
        if job.status is not JobStatus.FAILED:
            msg = f"Job {job_id} is {job.status}: only a failed or uncertain job can be ordered again."
            raise IllegalTransition(msg, job_id=job_id)
        if job.cancel_requested_at is not None:
            msg = f"Job {job_id} was cancelled: the wish stays with it, and a new order would be cancelled too."
            raise IllegalTransition(msg, job_id=job_id, next_step="Submit the request again as a new job.")
        held = await self._held(job) if job.phase is Phase.WAITING else job
        try:
            written = await self._ordered_again(held)
        except NexiomError:
            if held is not job:
                with contextlib.suppress(StorageError):
                    await self.repository.extend(job_id, fence=held.fence, seconds=0.0)
            raise
        if not written:
            msg = f"Job {job_id} was changed at the same moment."
            raise JobConflict(msg, job_id=job_id)
        return await self.advance(job_id)

    async def handle_webhook(self, provider: str, headers: Mapping[str, str], body: bytes) -> GenerationJob | None:
        """Take a provider's callback: the job it is about becomes due, and what a look at the order says is believed.

        Gives the job, or None where no job has such an order: answer the provider with success all the same. A callback
        that overtakes the answer to its order loses nothing: the first look comes about 10 s after the order anyway.

        Args:
            provider: Name of the provider: the last part of the address that was called.
            headers: Headers of the request.
            body: Its bytes as they came.

        Raises:
            AuthenticationFailed: It is not signed as this provider signs, or it is more than 300 s old.
            MalformedResponse: It cannot be read.
            ResponseTooLarge: It has more than 256 KiB; nothing was read.
            UnknownProvider: There is no such provider.
            UnsupportedFeature: This provider has no callbacks.
        """
        from nexiom_sdk.callbacks import heed

        return await heed(self._desk, provider, headers, body)

    async def result(self, job: GenerationJob) -> VideoResult:
        """The finished video of a row, its address signed anew.

        Raises:
            ProviderError: The job failed; the class says why.
            IllegalTransition: The job has not ended.
        """
        from nexiom_sdk.spool import StoredVideo

        if job.status is JobStatus.FAILED:
            raise job.failure()
        videos = job.provider_metadata.get("results")
        if job.status is not JobStatus.COMPLETED or not isinstance(videos, list) or not videos:
            msg = f"Job {job.id} is {job.status}: it has no video yet."
            raise IllegalTransition(msg, job_id=job.id)
        video = StoredVideo.model_validate(videos[0])
        url = await self.store.url(output_key(video.path), ttl_seconds=self.settings.result_url_ttl_seconds)
        return VideoResult(
            job=job,
            url=url or job.result_url or output_key(video.path),
            path=video.path,
            poster_path=video.poster_path,
            sha256=video.sha256,
            size_bytes=video.size_bytes,
            probe=video.probe,
            cost_usd=job.estimated_cost_usd if job.cost_usd is None else job.cost_usd,
            choice=job.choice,
            warnings=job.warnings,
        )

    def _open_url(self, url: str) -> AsyncIterator[bytes]:
        from nexiom_sdk.providers.downloads import open_url
        from nexiom_sdk.references import MAX_REFERENCE_BYTES

        return open_url(url, max_bytes=MAX_REFERENCE_BYTES)

    async def _ordered_again(self, job: GenerationJob) -> bool:
        """Write a new order of the same, held to the budgets of now; False if somebody else changed the row."""
        from nexiom_sdk import moves

        again = moves.resubmitted(job, now=self._clock.now())
        limits = self._limits(again)
        if not limits:
            return await self.repository.save(again, fence=job.fence)
        if not isinstance(self.repository, SupportsIntake):
            msg = "This repository cannot hold a second order of a job to the budgets: it has no method `admit`."
            hint = "Submit the request again as a new job; that one is held to them."
            raise UnsupportedFeature(msg, next_step=hint, job_id=job.id)
        return await self.repository.admit(again, fence=job.fence, limits=limits)

    async def _held(self, job: GenerationJob) -> GenerationJob:
        """A job that is over its time, held by us: a worker may be collecting its late video at this moment."""
        await self.repository.wake(job.id)
        held = await self.repository.claim(limit=1, lease_seconds=self.settings.lease_seconds, job_id=job.id)
        if not held or held[0].status is not JobStatus.FAILED:
            msg = f"A worker is looking after job {job.id} at this moment."
            raise JobConflict(msg, job_id=job.id)
        return held[0]

    async def _first_of(self, step: asyncio.Task[GenerationJob], seconds: float) -> None:
        glance = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait((step, glance), return_when=asyncio.FIRST_COMPLETED)
        finally:
            glance.cancel()
