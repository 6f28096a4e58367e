"""The processes, rows and providers of a simulation, and what happens to them."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr

from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.config import Settings
from nexiom_sdk.desk import Desk
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import CLAIMABLE, Phase
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.providers.protocol import HttpOptions, VideoProvider
from nexiom_sdk.providers.registry import ProviderFactory, ProviderRegistry
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.studio import Studio
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.simulated_beginning import finished_before, found_in_flight, request_of
from nexiom_sdk.testing.simulated_providers import SimulatedOrder, SimulatedProvider
from nexiom_sdk.testing.simulated_storage import CountedRows, DiscardingStore
from nexiom_sdk.testing.simulation_plan import Measured, Plan
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
        self._written_at: dict[str, float] = {}  # of each job that has no end
        self._takes: dict[str, list[SimulatedOrder]] = {}  # of each job, and for a while after its end
        self._ordered_twice: list[str] = []
        self._ended: deque[str] = deque()
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
                await self.rows.add(finished_before(self.front, model, now=self.clock.now(), luck=self.luck))
        shares = [one.mean_seconds for one in plan.models]  # as many arrive of each, and slow ones stay longer
        for model in self.luck.choices(plan.models, shares, k=plan.in_flight):
            provider = self.providers[model.provider]
            job = found_in_flight(self.front, model, provider, now=self.clock.now(), luck=self.luck)
            self.stepped(None, await self.rows.add(job))

    async def arrivals(self) -> None:
        """As many jobs as end, at moments that know nothing of each other."""
        plan = self.plan
        mean_seconds = sum(one.mean_seconds for one in plan.models) / len(plan.models)
        while True:
            await self.clock.sleep(self.luck.expovariate(plan.in_flight / mean_seconds))
            await self.front.submit(request_of(self.luck.choice(plan.models)), defer=True)

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
        self._uncertain: Counter[str] = Counter()
        self._flying: list[int] = []
        for counter in self._counters():
            counter.clear()

    def glance(self) -> None:
        """Note how many orders are in flight."""
        self._flying.append(sum(one.ends_at > self.clock.monotonic() for one in self._orders()))

    async def unfinished(self) -> bool:
        """Whether a job has not ended."""
        return bool(await self.rows.list(JobQuery(phases=CLAIMABLE, limit=1)))

    def measured(self, *, real_seconds: float, drained: bool = False) -> Measured:
        """What was counted.

        Args:
            real_seconds: How long this machine took.
            drained: Every job should have ended by now.
        """
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
            uncertain=dict(self._uncertain),
            ordered_twice=tuple(self._ordered_twice),
            sent_again=tuple(key for provider in self.providers.values() for key in provider.sent_again),
            lost=tuple(self._written_at if drained else self._left_alone()),
            real_seconds=real_seconds,
        )

    def stepped(self, before: GenerationJob | None, after: GenerationJob) -> None:
        """A step was written, or a new row."""
        if before is not None and before.phase is Phase.WAITING and after.phase is not Phase.WAITING:
            order = self.providers[before.provider or ""].orders[before.provider_job_id or ""]
            (self._refusal_lags if order.refused else self._lags).append(self.clock.monotonic() - order.ends_at)
            if order.began_at >= self._begun:
                self._looks.append(order.looks)
        if not after.final:
            self._written_at[after.id] = self.clock.monotonic()
        elif self._written_at.pop(after.id, None) is not None:
            self._end(after)

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

    def _left_alone(self) -> Iterator[str]:
        late = self.clock.monotonic() - _LOST_AFTER_SECONDS
        for job_id, written_at in self._written_at.items():
            if written_at < late or any(order.ends_at < late for order in self._takes.get(job_id, ())):
                yield job_id

    def _end(self, job: GenerationJob) -> None:
        """Count an end, and keep what is known of the job until many others have ended."""
        if job.phase is Phase.UNKNOWN:
            self._uncertain[job.provider or ""] += 1
        else:
            self._done[job.status] += 1
        for order in self._takes.get(job.id, ()):
            self.providers[job.provider or ""].drop(order)
        self._ended.append(job.id)
        while len(self._ended) > _DONE_ROWS_KEPT:
            self._takes.pop(self._ended[0], None)
            self.rows.forget(self._ended.popleft())

    def _counters(self) -> Iterator[Counter[str]]:
        yield from (provider.calls for provider in self.providers.values())
        yield from (process.rows.counts for process in (*self.processes, self.front))

    def _taken(self, provider: str, order: SimulatedOrder) -> None:
        job_id = order.key.partition(".")[0]
        takes = self._takes.setdefault(job_id, [])
        takes.append(order)
        if len(takes) > 1:
            self._ordered_twice.append(job_id)
        share = self.plan.troubles.callbacks
        if share and self.luck.random() < share:
            self.start(self._call_back(provider, order))

    async def _call_back(self, provider: str, order: SimulatedOrder) -> None:
        await self.clock.sleep(order.ends_at + _CALLED_BACK_AFTER_SECONDS - self.clock.monotonic())
        await self.front.handle_webhook(provider, {}, json.dumps({"id": order.id}).encode())


def _factory(provider: SimulatedProvider) -> ProviderFactory:
    def make(config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> VideoProvider:  # noqa: ARG001
        return provider

    return make
