"""The processes, rows and providers of a simulation, and what happens to them."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import uuid
from collections import Counter, deque
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue, SecretStr

from nexiom_sdk import moves, schedule
from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.config import Settings
from nexiom_sdk.desk import Desk
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import CLAIMABLE, JobStatus, Phase
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.providers.protocol import HttpOptions, VideoProvider
from nexiom_sdk.providers.registry import ProviderFactory, ProviderRegistry
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.studio import Studio
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.simulated_providers import SimulatedModel, SimulatedOrder, SimulatedProvider
from nexiom_sdk.testing.simulated_storage import CountedRows, DiscardingStore
from nexiom_sdk.testing.simulation_plan import Measured, Plan
from nexiom_sdk.types import Operation, Running, VideoRequest
from nexiom_sdk.worker import Worker

_HISTORY_ROWS = 20
_DONE_ROWS_KEPT = 5000  # many times what the schedule learns from
_LOST_AFTER_SECONDS = 900.0
_CALLED_BACK_AFTER_SECONDS = 1.0


class Process(Studio):
    """One process: a studio with gates and luck of its own, over the rows of all."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.rows: CountedRows = CountedRows(world.rows, told=world.stepped)
        calls_back = world.plan.troubles.callbacks > 0
        super().__init__(
            settings=Settings(home=world.home, callback_url="https://sim.example/hooks" if calls_back else None),
            repository=self.rows,
            store=world.store,
            registry=world.registry,
            sinks=(),
            clock=world.clock,
        )

    @cached_property
    def _door(self) -> Door:
        world = self._world
        return Door(clock=world.clock, sink=self._sink, concurrency=world.plan.gate, random=world.luck.random)

    @cached_property
    def _desk(self) -> Desk:
        return replace(super()._desk, luck=self._world.luck.random)

    def working(self) -> Worker:
        """The worker of this process."""
        world = self._world
        return Worker(
            self._engine,
            repository=self.rows,
            clock=world.clock,
            sink=self._sink,
            concurrency=world.plan.concurrency,
            luck=world.luck.random,
        )


class World:
    """Everything that a plan speaks of.

    Args:
        plan: What is simulated.
        home: A folder for files on their way.
    """

    def __init__(self, plan: Plan, home: Path) -> None:
        self.plan: Plan = plan
        self.home: Path = home
        self.clock: VirtualClock = VirtualClock(auto=True)
        self.luck: random.Random = random.Random(plan.seed)  # noqa: S311 - the same numbers each time are the point
        self.rows: MemoryRepository = MemoryRepository(clock=self.clock)
        self.store: DiscardingStore = DiscardingStore()
        self.registry: ProviderRegistry = ProviderRegistry(entry_points=[])
        self.providers: dict[str, SimulatedProvider] = {}
        for name in dict.fromkeys(one.provider for one in plan.models):
            self.providers[name] = provider = SimulatedProvider(
                name,
                [one for one in plan.models if one.provider == name],
                self.clock,
                self.luck,
                latency_seconds=plan.latency_seconds,
                troubles=plan.troubles,
                on_order=self._taken,
            )
            self.registry.register(name, _factory(provider))
        self.processes: list[Process] = [Process(self) for _ in range(plan.workers)]
        self.front: Process = Process(self)  # takes orders and callbacks
        self._tasks: set[asyncio.Task[None]] = set()
        self._orders_of_job: dict[str, str] = {}
        self._ordered_twice: list[str] = []
        self._kept: deque[str] = deque()
        self.count_from_now()

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Let something happen beside everything else, until the world ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def populate(self) -> None:
        """Put orders in flight as they are found at any moment, and what the schedule knows from before."""
        plan = self.plan
        for model in plan.models:
            for _ in range(_HISTORY_ROWS if plan.history else 0):
                await self._add_finished(model)
        shares = [one.mean_seconds for one in plan.models]  # as many arrive of each, and slow ones stay longer
        for model in self.luck.choices(plan.models, shares, k=plan.in_flight):
            await self._add_in_flight(model)

    async def arrivals(self) -> None:
        """As many jobs as end, at moments that know nothing of each other."""
        plan = self.plan
        mean_seconds = sum(one.mean_seconds for one in plan.models) / len(plan.models)
        while True:
            await self.clock.sleep(self.luck.expovariate(plan.in_flight / mean_seconds))
            await self.front.submit(_request(self.luck.choice(plan.models)), defer=True)

    async def kill(self, after_seconds: float) -> None:
        """Kill the first process."""
        await self.clock.sleep(after_seconds)
        self.processes[0].rows.kill()

    def count_from_now(self) -> None:
        """Forget what was counted."""
        self._begun = self.clock.monotonic()
        self._lags: list[float] = []
        self._refusal_lags: list[float] = []
        self._looks: list[int] = []
        self._done: Counter[str] = Counter()
        self._flying: list[int] = []
        for counter in self._counters():
            counter.clear()

    def glance(self) -> None:
        """Note how many orders are in flight."""
        self._flying.append(sum(one.ends_at > self.clock.monotonic() for one in self._orders()))

    async def unfinished(self) -> bool:
        """Whether a job has not ended."""
        return bool(await self.rows.list(JobQuery(phases=CLAIMABLE, limit=1)))

    async def measured(self, *, real_seconds: float) -> Measured:
        """What was counted."""
        calls, statements = Counter[str](), Counter[str]()
        for provider in self.providers.values():
            calls.update(provider.calls)
        for process in (*self.processes, self.front):
            statements.update(process.rows.counts)
        return Measured(
            seconds=self.clock.monotonic() - self._begun,
            in_flight=sum(self._flying) / max(len(self._flying), 1),
            calls=calls,
            statements=statements,
            lags=tuple(self._lags),
            refusal_lags=tuple(self._refusal_lags),
            looks=tuple(self._looks),
            done=dict(self._done),
            ordered_twice=tuple(self._ordered_twice),
            lost=tuple(sorted({*self._never_noticed(), *await self._never_claimed()})),
            real_seconds=real_seconds,
        )

    def stepped(self, before: GenerationJob, after: GenerationJob) -> None:
        """A step was written."""
        if before.phase is Phase.WAITING and after.phase is not Phase.WAITING:
            order = self.providers[before.provider or ""].orders[before.provider_job_id or ""]
            (self._refusal_lags if order.refused else self._lags).append(self.clock.monotonic() - order.ends_at)
            if order.began_at >= self._begun:
                self._looks.append(order.looks)
        if after.phase is Phase.DONE and before.phase is not Phase.DONE:
            self._done[after.status] += 1
            self.providers[after.provider or ""].orders.pop(after.provider_job_id or "", None)
            self._kept.append(after.id)
            while len(self._kept) > _DONE_ROWS_KEPT:
                self._orders_of_job.pop(self._kept[0], None)
                self.rows.forget(self._kept.popleft())

    async def aclose(self) -> None:
        """End whatever still happens."""
        for process in self.processes:
            process.rows.bury()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.rows.aclose()

    def _orders(self) -> Iterator[SimulatedOrder]:
        return (order for provider in self.providers.values() for order in provider.orders.values())

    def _never_noticed(self) -> Iterator[str]:
        late = self.clock.monotonic() - _LOST_AFTER_SECONDS
        return (_job_id(order) for order in self._orders() if order.ends_at < late)

    async def _never_claimed(self) -> list[str]:
        late = self.clock.now() - timedelta(seconds=_LOST_AFTER_SECONDS)
        rows = await self.rows.list(JobQuery(phases=CLAIMABLE, limit=sys.maxsize))
        return [row.id for row in rows if row.due_at < late]

    def _counters(self) -> Iterator[Counter[str]]:
        yield from (provider.calls for provider in self.providers.values())
        yield from (process.rows.counts for process in (*self.processes, self.front))

    def _taken(self, provider: str, order_id: str, order: SimulatedOrder) -> None:
        job_id = _job_id(order)
        if self._orders_of_job.setdefault(job_id, order.key) != order.key:
            self._ordered_twice.append(job_id)
        share = self.plan.troubles.callbacks
        if share and self.luck.random() < share:
            self.start(self._call_back(provider, order_id, order))

    async def _call_back(self, provider: str, order_id: str, order: SimulatedOrder) -> None:
        await self.clock.sleep(order.ends_at + _CALLED_BACK_AFTER_SECONDS - self.clock.monotonic())
        await self.front.handle_webhook(provider, {}, json.dumps({"id": order_id}).encode())

    def _made(self, model: SimulatedModel, seconds_ago: float) -> GenerationJob:
        request, then = _request(model), self.clock.now() - timedelta(seconds=seconds_ago)
        choice = self.front.estimate(request)
        return moves.created(str(uuid.uuid4()), request, choice, user_id=None, client_key=None, now=then)

    async def _add_finished(self, model: SimulatedModel) -> None:
        job = self._made(model, 3600)
        took: dict[str, JsonValue] = {"key": moves.schedule_key_of(job), "took_seconds": model.draw(self.luck)}
        done = {"phase": Phase.DONE, "status": JobStatus.COMPLETED, "result_url": "outputs/_/before.mp4"}
        await self.rows.add(job.evolve(**done).with_metadata(timing=took))

    async def _add_in_flight(self, model: SimulatedModel) -> None:
        takes = model.draw_running(self.luck)
        age = self.luck.uniform(0, takes)
        job, now, clock = self._made(model, age), self.clock.now(), self.clock.monotonic()
        order_id = f"{model.provider}-{job.order_key}"
        state = {"callback": True} if self.plan.troubles.callbacks else {}
        job = moves.answered(job, Operation(id=order_id, state=state), now=job.created_at, run_at=now)
        pace = schedule.Pace(typical_seconds=model.median_seconds, callback=bool(state))
        silence = schedule.earliest_finish((), model.median_seconds)
        looked_at = schedule.EARLY_LOOK_SECONDS
        wait = looked_at - age
        if wait <= 0:
            wait = silence - age if age < silence else self.luck.uniform(0, pace.gap_seconds)
            looked_at = looked_at if age < silence else max(age + wait - pace.gap_seconds, looked_at)
            job = moves.looked(job, Running(), now=job.created_at + timedelta(seconds=schedule.EARLY_LOOK_SECONDS))
            job = moves.looked(job, Running(), now=job.created_at + timedelta(seconds=looked_at))
        await self.rows.add(job.evolve(run_at=now + timedelta(seconds=wait)))
        order = SimulatedOrder(job.order_key, clock - age, clock - age + takes)
        self.providers[model.provider].take(order_id, order)


def _job_id(order: SimulatedOrder) -> str:
    return order.key.partition(".")[0]


def _request(model: SimulatedModel) -> VideoRequest:
    return VideoRequest(prompt="a fox in snow", provider=model.provider, model=model.model, duration_seconds=4)


def _factory(provider: SimulatedProvider) -> ProviderFactory:
    def make(config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> VideoProvider:  # noqa: ARG001
        return provider

    return make
