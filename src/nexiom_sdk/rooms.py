"""What a studio consists of: rows, store, policy, providers, engine. Each is made when a verb first needs it.

So that making a studio costs next to nothing, even the modules are imported then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.config import Settings
from nexiom_sdk.events import Sink, Sinks, logging_sink
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.spending import Limit
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.types import Choice

if TYPE_CHECKING:
    from nexiom_sdk.breaker_file import BreakerFile
    from nexiom_sdk.choosing import Chooser
    from nexiom_sdk.desk import Desk
    from nexiom_sdk.engine import Engine
    from nexiom_sdk.intake import Intake
    from nexiom_sdk.open_watches import OpenWatches
    from nexiom_sdk.policy import Policy
    from nexiom_sdk.providers.calls import Door
    from nexiom_sdk.providers.registry import ProviderRegistry
    from nexiom_sdk.upkeep import Upkeep


class Rooms:
    """Base of `Studio`: how its parts are made and put together; `Studio` describes the arguments."""

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

    async def aclose(self) -> None:
        """Close what the studio made. Jobs stay as they are.

        A `wait` or `watch` that is still open ends first, also one that nobody reads on: an order of it whose answer
        could not be had again gets that answer.
        """
        if "_watches" in self.__dict__:
            await self._watches.end()
        if "_upkeep" in self.__dict__:
            await self._upkeep.end()
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

        if self._given_store is not None:
            return self._given_store
        where = self.settings.store
        if isinstance(where, str):
            return store_of(where, clock=self._clock)
        from nexiom_sdk.backends.supabase_storage import SupabaseStorage

        return SupabaseStorage(*where)

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
            policy_file=None if self._given_policy is not None else self.settings.policy,
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
        import platform

        from nexiom_sdk.engine import Engine
        from nexiom_sdk.spool import Spool

        spool = Spool(self.settings.spool, most_bytes=self.settings.spool_max_bytes, host=platform.node())
        return Engine(self._desk, spool=spool, intake=self._intake)

    @cached_property
    def _watches(self) -> OpenWatches:
        from nexiom_sdk.open_watches import OpenWatches

        return OpenWatches()

    @cached_property
    def _upkeep(self) -> Upkeep:
        from nexiom_sdk.upkeep import Upkeep

        return Upkeep(self._engine.recover)

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

    def _open_url(self, url: str, /, *, max_bytes: int) -> AsyncIterator[bytes]:
        from nexiom_sdk.providers.downloads import open_url

        return open_url(url, max_bytes=max_bytes)
