"""Callbacks: one look, soon, and nothing more, whoever sends them and however often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from nexiom_sdk import GenerationJob, JobStatus, VideoRequest
from nexiom_sdk.callbacks import MOST_CALLBACK_BYTES
from nexiom_sdk.errors import (
    AuthenticationFailed,
    MalformedResponse,
    PluginError,
    RateLimited,
    ResponseTooLarge,
    UnknownProvider,
    UnsupportedFeature,
)
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import CallbackFakeProvider, FakeProvider, VirtualClock, fake_card
from nexiom_sdk.types import Operation, Poll
from rig import Rig

RigOf = Callable[..., Rig]

HOOKS = "https://hooks.example/n0t-guessable"
SLOW = (fake_card(min_poll_seconds=5, typical_seconds=200),)


class Acme(CallbackFakeProvider):
    """A provider that calls back, with a card that wants five seconds between looks."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__("acme", models=SLOW, clock=clock)

    @property
    def looks(self) -> int:
        return self.calls.count("poll")


async def called(rig: Rig, job: GenerationJob, provider: str = "acme") -> GenerationJob | None:
    return await rig.studio.handle_webhook(provider, {}, json.dumps({"id": job.provider_job_id}).encode())


async def waiting(rig: Rig) -> GenerationJob:
    """A job that was ordered and looked at once: the next look is about a minute and a half away."""
    job = await rig.step(await rig.step(await rig.submitted()))
    assert job.phase is Phase.WAITING
    return job


def gap(rig: Rig, job: GenerationJob) -> float:
    return (job.run_at - rig.clock.now()).total_seconds()


async def test_a_callback_makes_the_job_due_and_a_look_collects_the_video(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = Acme(clock).running(after_seconds=0).succeed(after_seconds=20)
    rig = rig_of(fake, callback_url=HOOKS)
    job = await waiting(rig)
    rig.later(seconds=20)
    woken = await called(rig, job)
    assert woken is not None
    assert (woken.id, woken.run_at, woken.phase) == (job.id, clock.now(), Phase.WAITING)
    done = await rig.steps(job)
    assert (done.status, fake.looks) == (JobStatus.COMPLETED, 2)


async def test_what_a_callback_says_is_not_believed(rig_of: RigOf, clock: VirtualClock) -> None:
    class Liar(Acme):
        def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:
            order_id, _ = super().read_callback(headers, body)
            return order_id, self._success()

    rig = rig_of(Liar(clock).hang(), callback_url=HOOKS)
    job = await waiting(rig)
    rig.later(seconds=20)
    await called(rig, job)
    job = await rig.step(job)
    assert (job.phase, job.status) == (Phase.WAITING, JobStatus.PROCESSING)


async def test_looks_are_rarer_only_where_the_provider_was_given_the_address(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    with_callback = rig_of(Acme(clock).queued(), callback_url=HOOKS)
    assert 54 <= gap(with_callback, await waiting(with_callback)) <= 66
    without = rig_of(Acme(clock).queued())
    assert 9 <= gap(without, await waiting(without)) <= 11


async def test_a_hundred_duplicates_cause_one_look_and_one_download(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = Acme(clock).running(after_seconds=0).succeed(after_seconds=20)
    rig = rig_of(fake, callback_url=HOOKS)
    job = await waiting(rig)
    rig.later(seconds=20)
    await asyncio.gather(*(called(rig, job) for _ in range(100)))
    job = await rig.step(job)
    after = await asyncio.gather(*(called(rig, job) for _ in range(100)))
    assert after == [job] * 100
    assert job.status is JobStatus.COMPLETED
    assert (fake.looks, fake.calls.count("fetch"), fake.calls.count("submit")) == (2, 1, 1)


async def test_callbacks_during_a_download_cause_no_second_one(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(fake := Acme(clock).succeed(), callback_url=HOOKS)
    job = await rig.step(await rig.submitted())
    fetch = fake.fetch

    async def interrupted(asset: object) -> object:
        async for chunk in fetch(asset):  # type: ignore[arg-type]
            await called(rig, job)
            yield chunk

    fake.fetch = interrupted  # type: ignore[assignment, method-assign]
    done = await rig.steps(job)
    assert (done.status, fake.looks, fake.calls.count("fetch")) == (JobStatus.COMPLETED, 1, 1)


async def test_a_callback_that_comes_while_a_look_is_under_way_causes_another_look(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(fake := Acme(clock).running(after_seconds=0).succeed(after_seconds=20), callback_url=HOOKS)
    poll, looking, go_on = fake.poll, asyncio.Event(), asyncio.Event()
    job = await rig.step(await rig.submitted())

    async def slow(operation: Operation, /) -> Poll:
        seen = await poll(operation)
        looking.set()
        await go_on.wait()
        return seen

    fake.poll = slow  # type: ignore[method-assign]
    clock.advance(gap(rig, job))
    step = asyncio.create_task(rig.studio.advance(job.id))
    await looking.wait()
    for _ in range(10):
        await called(rig, job)
    go_on.set()
    job = await step
    assert (job.phase, gap(rig, job)) == (Phase.WAITING, 5)


async def test_a_download_that_has_to_wait_is_not_hurried(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(fake := Acme(clock).succeed(), callback_url=HOOKS)
    job = await rig.step(await rig.submitted())

    async def busy(asset: object) -> object:
        await called(rig, job)
        raise RateLimited("slow down", retry_after_seconds=120)
        yield

    fake.fetch = busy  # type: ignore[assignment, method-assign]
    job = await rig.step(job)
    assert (job.phase, gap(rig, job)) == (Phase.SAVING, 120)
    assert await called(rig, job) == job


@pytest.mark.parametrize("callback_url", [None, HOOKS])
async def test_a_stranger_cannot_make_us_hammer_a_provider(
    rig_of: RigOf, clock: VirtualClock, callback_url: str | None
) -> None:
    rig = rig_of(fake := Acme(clock).hang(), callback_url=callback_url)
    job = await waiting(rig)
    before = fake.looks
    for _ in range(600):
        await called(rig, job)
        await rig.studio.advance(job.id)
        rig.later(seconds=0.1)
    assert fake.looks - before == 11  # every five seconds within a minute, as the card allows


async def test_nor_when_the_job_is_over_its_time(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(fake := Acme(clock).hang(), job_deadline_seconds=30, callback_url=HOOKS)
    job = await waiting(rig)
    while job.status is not JobStatus.FAILED:
        job = await rig.step(job)
    before = fake.looks
    for _ in range(60):
        await called(rig, job)
        await rig.studio.advance(job.id)
        rig.later(seconds=1)
    assert fake.looks - before == 11


async def test_a_provider_in_trouble_is_asked_again_when_its_time_has_come_and_not_before(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(fake := Acme(clock).hang(), callback_url=HOOKS)

    async def busy(operation: Operation, /) -> Poll:
        raise RateLimited("slow down", retry_after_seconds=120)

    fake.poll = busy  # type: ignore[method-assign]
    job = await rig.step(await rig.step(await rig.submitted()))
    assert (job.phase, gap(rig, job)) == (Phase.WAITING, 120)
    rig.later(seconds=30)
    assert await called(rig, job) == job


async def test_a_job_over_its_time_is_collected_when_its_provider_calls_at_last(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Acme(clock).running(after_seconds=0).succeed(after_seconds=400)
    rig = rig_of(fake, job_deadline_seconds=30, callback_url=HOOKS)
    job = await waiting(rig)
    while job.status is not JobStatus.FAILED:
        job = await rig.step(job)
    rig.later(seconds=400)
    await called(rig, job)
    assert (await rig.studio.advance(job.id)).status is JobStatus.COMPLETED


async def test_a_callback_that_overtakes_the_answer_loses_nothing(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(fake := Acme(clock).succeed(), callback_url=HOOKS)
    job = await rig.left_in_submitting(await rig.submitted())
    early = await rig.studio.handle_webhook("acme", {}, json.dumps({"id": f"order-{job.order_key}"}).encode())
    assert early is None
    started = clock.now()
    job = await rig.steps(await rig.step(job))
    assert job.status is JobStatus.COMPLETED
    assert clock.now() - started < timedelta(seconds=60 + 21)  # the lease of the dead worker, then the first look
    assert (fake.looks, fake.calls.count("submit")) == (1, 1)


@pytest.mark.parametrize("named", ["order-of-nobody", "", "\0", "\ud800", "a" * 100_000, "' or 1=1 --"])
async def test_an_order_that_nobody_has_is_no_error(rig_of: RigOf, clock: VirtualClock, named: str) -> None:
    rig = rig_of(Acme(clock).hang(), callback_url=HOOKS)
    job = await waiting(rig)
    assert await rig.studio.handle_webhook("acme", {}, json.dumps({"id": named}).encode()) is None
    assert await rig.studio.get(job.id) == job


async def test_ids_belong_to_their_provider(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(Acme(clock).hang(), CallbackFakeProvider("bolt", clock=clock), callback_url=HOOKS)
    job = await waiting(rig)
    assert await called(rig, job, "bolt") is None
    assert await rig.studio.get(job.id) == job


async def test_a_callback_that_is_too_large_is_refused_unread(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(fake := Acme(clock))
    with pytest.raises(ResponseTooLarge, match="262,145 bytes; 262,144 are allowed") as caught:
        await rig.studio.handle_webhook("acme", {}, b" " * (MOST_CALLBACK_BYTES + 1))
    assert caught.value.charged is None
    assert fake.calls == []
    with pytest.raises(MalformedResponse):
        await rig.studio.handle_webhook("acme", {}, b" " * MOST_CALLBACK_BYTES)


async def test_only_a_provider_that_is_installed_and_has_callbacks_gets_one(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    with pytest.raises(UnknownProvider, match="no provider 'nobody"):
        await rig.studio.handle_webhook("nobody\x1b[31m", {}, b"{}")
    with pytest.raises(UnsupportedFeature, match="acme sends no callbacks") as caught:
        await rig.studio.handle_webhook("acme", {}, b"{}")
    assert caught.value.charged is None


class Odd(Acme):
    answer: object = None

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (AuthenticationFailed("not signed by acme"), AuthenticationFailed, "not signed by acme"),
        (ValueError("CANARY"), PluginError, "'acme' raised ValueError in read_callback"),
        (None, PluginError, "'acme' raised TypeError in read_callback"),
        ((7, None), PluginError, "'acme' raised AttributeError in read_callback"),
        ("order-1", PluginError, "'acme' raised ValueError in read_callback"),
    ],
)
async def test_an_adapter_that_refuses_or_breaks_changes_no_row(
    answer: object, error: type[Exception], said: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Odd(clock).hang()
    rig = rig_of(fake, callback_url=HOOKS)
    job = await waiting(rig)
    fake.answer = answer
    with pytest.raises(error, match=said) as caught:
        await called(rig, job)
    assert "CANARY" not in str(caught.value)
    assert await rig.studio.get(job.id) == job


async def test_adapters_that_read_callbacks_are_given_the_address_and_nobody_else_is(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, plain = Acme(clock).hang(), FakeProvider("plain", clock=clock).hang()
    rig = rig_of(acme, plain, callback_url=f"{HOOKS}/")
    for name in ("acme", "plain"):
        await rig.studio.submit(VideoRequest(prompt="a fox", provider=name))
    assert acme.submissions[0].callback_url == f"{HOOKS}/acme"
    assert plain.submissions[0].callback_url is None


async def test_the_address_is_in_no_repr_row_or_message(rig_of: RigOf, clock: VirtualClock) -> None:
    refusal = MalformedResponse(f"webhook {HOOKS}/acme is not reachable", charged="no")
    rig = rig_of(fake := Acme(clock).refuse(refusal), callback_url=HOOKS)
    job = await rig.studio.submit(VideoRequest(prompt="a fox"))
    shown = (job.model_dump_json(), fake.submissions[0], rig.studio.settings, rig.studio._desk, rig.events)
    assert "webhook *** is not reachable" in job.model_dump_json()
    assert "n0t-guessable" not in " ".join(map(str, shown))
