"""The object users hold: its verbs. What it is made of is in `rooms`."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Self

from typing_extensions import Unpack

from nexiom_sdk.config import Settings
from nexiom_sdk.errors import (
    IllegalTransition,
    InvalidInput,
    JobConflict,
    StorageUnavailable,
    UnsupportedFeature,
    WaitTimeout,
)
from nexiom_sdk.events import JobCreated
from nexiom_sdk.jobs import GenerationJob, VideoResult
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobQuery, SupportsClock, SupportsSpend
from nexiom_sdk.rooms import Rooms
from nexiom_sdk.spending import DIMENSIONS, Dimension, Spend, UsageQuery
from nexiom_sdk.storage import ObjectInfo
from nexiom_sdk.types import QUALITY_TIERS, Choice, QualityTier, RequestFields, VideoRequest
from nexiom_sdk.wording import unknown
from nexiom_sdk.worker_defaults import DRAIN_SECONDS, STEPS_AT_ONCE

# Imported when a verb first needs them, so that making a studio costs next to nothing.
if TYPE_CHECKING:
    from nexiom_sdk.catalogue_filters import Takes
    from nexiom_sdk.catalogue_view import ListedModel
    from nexiom_sdk.models import ModelCard
    from nexiom_sdk.provider_states import ProviderState
    from nexiom_sdk.worker import Worker


class Studio(Rooms):
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
            ConfigurationError: As `submit` says.
            ProviderError: The job failed; the class says why.
            WaitTimeout: The job is still running.
        """
        request = prompt if isinstance(prompt, VideoRequest) else VideoRequest(prompt=prompt, **fields)
        job = await self.submit(request, user_id=user_id, client_key=client_key, role=role, defer=True)
        return await self._waited(job.id, timeout_seconds, reached=True)

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
        from nexiom_sdk.catalogue_view import Wanted

        wanted = Wanted(
            tier=tier,
            duration_seconds=duration_seconds,
            takes=takes,
            max_usd=max_usd,
            usable=usable,
            include_retired=include_retired,
        )
        return self._chooser.catalogue.models(provider, wanted)

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
            ConfigurationError: No provider is set up for it; where it names a job, that one waits until it is.
            StorageError: The row or a reference cannot be stored; its `charged` says where money may have been spent.
                Where it names a job, its row may have been written all the same: go on with that job, or look for it,
                before the request is submitted again.
        """
        from nexiom_sdk import moves
        from nexiom_sdk.desk import model_chosen
        from nexiom_sdk.watching import about

        role = self.policy.governance.role_of(user_id, role)
        request, choice = await self._intake.prepared(
            request, user_id=user_id, role=role, roots=self.settings.media_roots
        )
        await self._desk.see_clock()
        now = self._desk.now()
        new = moves.created(
            str(uuid.uuid4()), request, choice, user_id=user_id, role=role, client_key=client_key, now=now
        )
        at_once = not defer and isinstance(self.repository, SupportsClock)  # else a claim has to tell the time first
        if at_once:
            new = moves.held(new, until=now + timedelta(seconds=self.settings.lease_seconds))
        try:
            job = await self.repository.add(new, limits=self._limits(new))
        except StorageUnavailable as error:  # the answer was lost, perhaps, and not the row
            if not error.unwritten:
                look = f"Look for job {new.id} before you submit this again, for it may exist."
                error.job_id, error.next_step = new.id, f"{look} {error.next_step}"
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
        with about(job.id):
            first = self._engine.step(job) if job.id == new.id and at_once else self.advance(job.id)
            return self._engine.shown(await first)

    async def get(self, job_id: str) -> GenerationJob:
        """The row as it is; the address of a finished video is signed anew when its validity nears its end.

        Raises:
            JobNotFound: There is no such job.
        """
        from nexiom_sdk.finished import with_living_url

        job = await self._engine.row(job_id)
        if job.result_path is None:
            return job  # so that nothing but a finished job opens the store
        ttl_seconds = self.settings.result_url_ttl_seconds
        return await with_living_url(job, self.store, ttl_seconds=ttl_seconds, now=self._desk.now())

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

        Beside it, what other steps left on this machine is put right, as a worker does: engines call nothing else.

        Raises:
            JobNotFound: There is no such job.
        """
        self._upkeep.begin()
        return await self._engine.advance(job_id)

    async def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> VideoResult:
        """Drive the job to its end. A database that goes away meanwhile is waited for.

        Args:
            job_id: The job.
            timeout_seconds: How long to wait; None: as long as it takes.

        Raises:
            WaitTimeout: The job is still running; it was left alone.
            ProviderError: The job failed; the class says why.
            JobNotFound: There is no such job.
            StorageError: The rows are out of reach from the beginning, for longer than the time-out, or, without one,
                for more than ten minutes. The job goes on.
        """
        return await self._waited(job_id, timeout_seconds, reached=False)

    async def watch(self, job_id: str) -> AsyncGenerator[GenerationJob, None]:
        """Drive the job, and give its row at each change until it has ended.

        A database that goes away is waited for, up to ten minutes.

        Raises:
            JobNotFound: There is no such job.
            StorageError: The rows cannot be read or written.
            NexiomError: The studio was closed meanwhile.
        """
        from nexiom_sdk.watching import about

        with about(job_id):
            async with contextlib.aclosing(self._driven(job_id)) as rows:
                async for job in rows:
                    yield job

    async def _waited(self, job_id: str, timeout_seconds: float | None, *, reached: bool) -> VideoResult:
        from nexiom_sdk.watching import AWAY_SECONDS, about

        away_seconds = AWAY_SECONDS if timeout_seconds is None else timeout_seconds
        with about(job_id):
            try:
                driven = self._driven(job_id, away_seconds=away_seconds, reached=reached)
                async with asyncio.timeout(timeout_seconds), contextlib.aclosing(driven):
                    async for job in driven:
                        if reached:  # whoever ordered it just now hears at once what is not set up
                            self._engine.shown(job)
            except TimeoutError as error:
                msg = f"Job {job_id} is still running after {timeout_seconds:g} s."
                raise WaitTimeout(msg, job_id=job_id) from error
            return await self.result(await self.get(job_id))

    def _driven(
        self, job_id: str, *, away_seconds: float | None = None, reached: bool = False
    ) -> AsyncGenerator[GenerationJob, None]:
        from nexiom_sdk.watching import AWAY_SECONDS, driven

        return driven(
            job_id,
            engine=self._engine,
            desk=self._desk,
            read=self.get,
            watches=self._watches,
            away_seconds=AWAY_SECONDS if away_seconds is None else away_seconds,
            reached=reached,
        )

    async def cancel(self, job_id: str) -> GenerationJob:
        """Ask for the job to be stopped, and take the step that does it if the job is free.

        A job that was not sent is cancelled at once and costs nothing. One that the provider has is stopped there where
        the provider can; where it cannot, the job ends and says that its cost is open.

        Raises:
            JobNotFound: There is no such job.
            IllegalTransition: It is an unfinished video from before this library, which cannot stop it.
        """
        from nexiom_sdk.resubmitting import never_ordered

        job = await self.get(job_id)
        if job.phase is Phase.UNKNOWN and not job.ever_claimed:
            raise never_ordered(job)
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
            IllegalTransition: The job is not uncertain, or is a video from before this library.
            JobConflict: Another job holds this id.
            InvalidInput: The provider knows no such order, or it ended without a video; nothing was changed.
            ProviderUnavailable: The order cannot be looked at now; nothing was changed.
            ConfigurationError: The provider cannot be used here; nothing was changed.
        """
        from nexiom_sdk.resubmitting import never_ordered

        job = await self.get(job_id)
        if job.phase is not Phase.UNKNOWN and job.provider_job_id != provider_job_id:
            msg = f"Job {job_id} is {job.phase}: only an uncertain order can be resolved."
            raise IllegalTransition(msg, job_id=job_id)
        if not job.ever_claimed:
            raise never_ordered(job)
        if job.phase is Phase.UNKNOWN:
            await self._engine.check_order(job, provider_job_id)
        if not await self.repository.adopt_late_id(job_id, job.order_no, job.provider or "", provider_job_id):
            msg = f"Order {provider_job_id} cannot be given to job {job_id}: another job has it, or this one moved on."
            raise JobConflict(msg, job_id=job_id)
        return await self.advance(job_id)

    async def resubmit(self, job_id: str) -> GenerationJob:
        """Order again, on purpose, what failed or is uncertain. This may cost again.

        Where the answer to an uncertain order rests on this machine, nothing is ordered: the job goes on with that.

        Raises:
            JobNotFound: There is no such job.
            IllegalTransition: The job did not fail, was cancelled, or is a video from before this library.
            NoCandidate: Its model is no longer offered, too dear, failing, or not for this user any more.
            BudgetExceeded: It does not fit into a budget any more; nothing was ordered.
            UnsupportedFeature: There are budgets, and the repository cannot hold an order to them.
            JobConflict: Somebody changed it at the same moment.
        """
        from nexiom_sdk.resubmitting import order_again

        found = await self.get(job_id)
        job = await self._engine.recalled(found)
        if job.phase is found.phase:
            await order_again(self._desk, job)
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
            IllegalTransition: The job has not ended, or is a video from before this library.
        """
        from nexiom_sdk.finished import result_of
        from nexiom_sdk.resubmitting import never_ordered

        if job.final and not job.ever_claimed and job.status is not JobStatus.FAILED:
            raise never_ordered(job)
        return await result_of(job, self.store, ttl_seconds=self.settings.result_url_ttl_seconds)

    async def sweep(self, *, delete: bool = False) -> Sequence[ObjectInfo]:
        """Objects in `outputs` that have been there for a day and that no row of a job that is over names.

        It lists the whole bucket: now and then is enough. What is not named as results are, or belongs to a job that
        still runs or is not in these rows, is never touched.

        Args:
            delete: Remove them, too.

        Raises:
            StorageError: The store or the rows cannot be used.
        """
        from nexiom_sdk.orphans import ORPHAN_SECONDS, orphans, removed

        before = self._clock.now() - timedelta(seconds=ORPHAN_SECONDS)
        found = [one async for one in orphans(self.store, self.repository, before=before)]
        if not delete:
            return found
        return [one for one in found if await removed(one, self.store, self.repository, before=before)]
