"""A provider that fails gets no orders for a while, then one; everything else goes on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import (
    FAILURE_CODES,
    AuthenticationFailed,
    ConfigurationError,
    ContentRejected,
    InvalidInput,
    MalformedResponse,
    NexiomError,
    PluginError,
    ProviderBusy,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    SubmissionUncertain,
    UnsupportedFeature,
)
from nexiom_sdk.events import BreakerMoved, Event
from nexiom_sdk.providers.breaker import Breaker, State
from nexiom_sdk.providers.breakers import Breakers, is_down
from nexiom_sdk.providers.calls import Door, Verb, call
from nexiom_sdk.testing import VirtualClock

DOWN = ProviderUnavailable("down")


class Story:
    """A breaker in use, and everything that must hold of it whatever happens."""

    def __init__(self) -> None:
        self.now = 0.0
        self.breaker = Breaker()
        self.orders: list[int | None] = []  # on their way; those that probe, with their opening
        self.ended: list[tuple[float, bool]] = []  # since it was last closed
        self.opened_for: list[float] = []

    def passes(self, seconds: float) -> None:
        self.now += seconds

    def order(self) -> None:
        before, wait = self.breaker.state, self.breaker.wait(self.now)
        if wait:
            assert before != "closed"
            assert wait <= 300
            return
        assert before == "closed" or self.now >= self.breaker.until
        probes = self.breaker.take(self.now)
        assert probes is (before != "closed")
        if probes:
            assert self.breaker.openings not in self.orders, "two probes of one opening at once"
            assert self.breaker.wait(self.now) == self.breaker.wait(self.now + 1e6) == 5, "others are held meanwhile"
        self.orders.append(self.breaker.openings if probes else None)

    def order_ends(self, index: int, how: str) -> None:
        if not self.orders:
            return
        opening = self.orders.pop(index % len(self.orders))
        if how != "neither":
            self.result(how == "failed")
        if opening is not None:
            self.breaker.give_back(self.now, opening=opening)

    def fails_again(self) -> None:
        self.passes(max(self.breaker.until - self.now, 0.0))
        self.order()
        self.order_ends(len(self.orders) - 1, "failed")

    def result(self, failed: bool) -> None:
        before, until, openings = self.breaker.state, self.breaker.until, self.breaker.openings
        self.ended.append((self.now, failed))
        moved = self.breaker.ended(self.now, failed=failed)
        after = self.breaker.state
        if not failed:
            assert (after, moved) == ("closed", before != "closed")
            if moved:
                self.ended, self.opened_for = [], []
        elif before == "closed":
            recent = [one for at, one in self.ended[-20:] if self.now - at <= 60]
            due = sum(recent) >= 5 and sum(recent) * 2 >= len(recent)
            assert (after, moved) == (("open", True) if due else ("closed", False))
        else:
            assert after != "closed", "a failure never closes it"
            early = before == "open" and self.now < until
            assert (moved, self.breaker.openings) == (not early, openings + (not early))
        if moved and failed:
            self._opened()

    def _opened(self) -> None:
        seconds = self.breaker.until - self.now
        assert seconds == pytest.approx(min(30 * 2 ** len(self.opened_for), 300))
        assert self.breaker.wait(self.now) == seconds
        self.opened_for.append(seconds)


MOVES = st.one_of(
    st.tuples(st.just("passes"), st.floats(0, 400)),
    st.tuples(st.just("passes"), st.sampled_from((0.5, 1.0, 30.0, 60.0))),
    st.tuples(st.just("order")),
    st.tuples(st.just("fails_again")),
    st.tuples(st.just("order_ends"), st.integers(0, 9), st.sampled_from(("well", "failed", "failed", "neither"))),
    st.tuples(st.just("result"), st.sampled_from((True, True, True, False))),
)


@given(st.integers(0, 8), st.lists(MOVES, max_size=120))
def test_whatever_happens_one_order_probes_and_only_a_good_result_closes(
    openings: int, moves: list[tuple[object, ...]]
) -> None:
    story = Story()
    for _ in range(5 if openings else 0):  # most stories begin where things get interesting
        story.result(failed=True)
    for _ in range(1, openings):
        story.fails_again()
    for name, *values in moves:
        getattr(story, str(name))(*values)


def _opened(failures: int = 5, at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker.ended(at, failed=True)
    assert breaker.state == "open"
    return breaker


def test_five_failures_open_it_and_four_do_not() -> None:
    breaker = Breaker()
    assert [breaker.ended(now, failed=True) for now in range(5)] == [False, False, False, False, True]
    assert breaker.reason == "5 of the last 5 calls"


def test_failures_count_only_while_they_are_half_of_the_last_twenty_calls_of_a_minute() -> None:
    breaker = Breaker()
    for now in range(15):
        breaker.ended(now, failed=False)
    assert not any(breaker.ended(15 + now, failed=True) for now in range(9))
    assert breaker.ended(24, failed=True)
    assert breaker.reason == "10 of the last 20 calls"
    slow = Breaker()
    assert not any(slow.ended(now * 16, failed=True) for now in range(50))


def test_each_failed_try_doubles_the_wait_up_to_five_minutes() -> None:
    breaker, now, waits = _opened(), 0.0, list[float]()
    for _ in range(6):
        waits.append(wait := breaker.wait(now))
        now += wait
        assert breaker.take(now)
        assert breaker.ended(now, failed=True)
    assert waits == [30, 60, 120, 240, 300, 300]


def test_a_good_look_closes_it_before_its_time_and_forgets_how_often_it_opened() -> None:
    breaker = _opened()
    assert breaker.ended(3, failed=False)
    assert (breaker.state, breaker.wait(3), breaker.openings) == ("closed", 0, 0)
    assert not any(breaker.ended(4, failed=True) for _ in range(4))
    assert breaker.ended(4, failed=True)
    assert breaker.wait(4) == 30


def test_a_bad_look_after_its_time_is_the_probe() -> None:
    breaker = _opened()
    assert not breaker.ended(29, failed=True)
    assert breaker.ended(31, failed=True)
    assert breaker.wait(31) == 60


def test_a_probe_that_says_nothing_of_the_provider_lets_the_next_order_probe() -> None:
    breaker = _opened()
    assert breaker.take(30)
    breaker.give_back(31, opening=1)
    assert breaker.wait(31) == 0
    assert breaker.take(31)


def test_a_probe_that_was_overtaken_by_the_next_opening_ends_without_a_word() -> None:
    breaker = _opened()
    assert breaker.take(30)
    assert breaker.ended(31, failed=True), "a look failed meanwhile"
    assert breaker.take(91)
    breaker.give_back(92, opening=1)
    assert (breaker.state, breaker.wait(92)) == ("probing", 5), "the second probe is still out"


def test_a_probe_of_another_process_that_never_ended_is_not_waited_for_for_ever() -> None:
    breaker = Breaker()
    breaker.adopt("probing", until=60, openings=1, reason="one order tries it")
    assert breaker.wait(0) == 5
    assert breaker.wait(58) == 2
    assert breaker.take(60)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (None, False),
        (ProviderUnavailable("no route"), True),
        (ProviderUnavailable("bad gateway", status=502), True),
        (ProviderUnavailable("slow", status=408), True),
        (ProviderUnavailable("not there yet", status=404), None),
        (ProviderBusy("no place"), None),
        (SubmissionUncertain("lost"), True),
        (SubmissionUncertain("strange", status=404), True),
        (MalformedResponse("html"), True),
        (RateLimited("slow down", status=429), False),
        (AuthenticationFailed("who", status=401), False),
        (AuthenticationFailed("found here"), None),
        (QuotaExhausted("empty", status=402), False),
        (ContentRejected("no", status=400), False),
        (InvalidInput("bad"), None),
        (UnsupportedFeature("no"), None),
        (ConfigurationError("no"), None),
        (PluginError("defect"), None),
    ],
    ids=repr,
)
def test_only_what_says_that_the_provider_is_down_counts_as_a_failure(
    error: NexiomError | None, says: bool | None
) -> None:
    assert is_down(error) is says


def test_every_failure_that_a_row_can_hold_is_sorted() -> None:
    down = {code for code, kind in FAILURE_CODES.items() if is_down(kind("x"))}
    assert down == {"provider_unavailable", "submission_uncertain", "malformed_response"}


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def breakers(clock: VirtualClock, events: list[Event]) -> Breakers:
    return Breakers(clock=clock, sink=events.append)


def _fail(breakers: Breakers, times: int = 5) -> None:
    for _ in range(times):
        breakers.ended("acme", DOWN)


def test_an_order_that_is_held_back_was_not_sent_and_says_when_the_next_one_may_go(breakers: Breakers) -> None:
    _fail(breakers)
    with pytest.raises(ProviderUnavailable) as caught, breakers.order("acme"):
        raise AssertionError
    error = caught.value
    assert error.message == "acme is failing (5 of the last 5 calls): no order is sent to it before 12:00:30 UTC."
    assert (error.charged, error.retryable, error.retry_after_seconds, error.provider) == ("no", True, 30, "acme")
    assert breakers.held("bolt") is None


def test_each_move_is_told_once(breakers: Breakers, clock: VirtualClock, events: list[Event]) -> None:
    start = clock.now()
    _fail(breakers, 9)
    clock.advance(30)
    with breakers.order("acme"):
        breakers.ended("acme", DOWN)
    clock.advance(60)
    with breakers.order("acme"):
        breakers.ended("acme", None)
    breakers.ended("acme", None)
    told = [one for one in events if isinstance(one, BreakerMoved)]
    assert [(one.state, one.openings, (one.at - start).total_seconds()) for one in told] == [
        ("open", 1, 0), ("probing", 1, 30), ("open", 2, 30), ("probing", 2, 90), ("closed", 0, 90),
    ]  # fmt: skip
    assert [one.until and (one.until - one.at).total_seconds() for one in told] == [30, 60, 60, 60, None]
    assert {one.provider for one in told} == {"acme"}


def test_while_one_order_tries_it_the_others_are_held_for_a_moment(breakers: Breakers, clock: VirtualClock) -> None:
    _fail(breakers)
    clock.advance(30)
    assert breakers.held("acme") is None
    with breakers.order("acme"):
        with pytest.raises(ProviderUnavailable, match="one order tries it now") as caught, breakers.order("acme"):
            raise AssertionError
        assert caught.value.retry_after_seconds == 5
    with breakers.order("acme"):
        pass  # the first one said nothing


def test_a_sink_that_fails_does_not_disturb_an_order(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> None:
        raise OSError("disk full")

    breakers = Breakers(clock=clock, sink=broken)
    _fail(breakers)
    assert breakers.held("acme") is not None
    assert "disk full" in caplog.text


def _moved(at: datetime, state: State, seconds: float | None, openings: int = 1) -> Mapping[str, BreakerMoved]:
    until = None if seconds is None else at + timedelta(seconds=seconds)
    told = BreakerMoved(
        provider="acme",
        state=state,
        reason="they said so",
        at=at,
        until=until,
        openings=openings,
    )
    return {"acme": told}


def test_what_another_process_found_out_later_holds_here_too(clock: VirtualClock) -> None:
    heard: Mapping[str, BreakerMoved] = {}
    breakers = Breakers(clock=clock, sink=lambda event: None, heard=lambda: heard)
    assert breakers.failing() == {}
    heard = _moved(clock.now(), "open", 120, openings=3)
    held = breakers.failing()["acme"]
    assert (held.seconds, held.words) == (
        120, "is failing (they said so): no order is sent to it before 12:02:00 UTC",
    )  # fmt: skip
    clock.advance(120)
    with breakers.order("acme"):
        breakers.ended("acme", DOWN)
    assert breakers.failing()["acme"].seconds == 240, "the fourth opening in a row"
    clock.advance(1)
    heard = _moved(clock.now(), "closed", None, openings=0)
    assert breakers.held("acme") is None


def test_what_another_process_found_out_before_does_not_hold_here_any_more(clock: VirtualClock) -> None:
    heard = _moved(clock.now(), "open", 120)
    breakers = Breakers(clock=clock, sink=lambda event: None, heard=lambda: heard)
    assert breakers.held("acme") is not None
    clock.advance(1)
    breakers.ended("acme", None)  # a look here was good, and the file still says what it said
    assert breakers.held("acme") is None


async def _call(door: Door, verb: Verb, error: NexiomError | None) -> None:
    async def send() -> str:
        if error is not None:
            raise error
        return "answer"

    try:
        await call(door, "acme", verb, send)
    except NexiomError:
        return


@pytest.mark.parametrize("verb", ["submit", "find", "poll", "fetch", "cancel", "check"])
async def test_orders_looks_and_searches_tell_the_breaker_how_they_ended(verb: Verb, clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda event: None)
    final = MalformedResponse("html")
    final.retryable = False  # type: ignore[misc]
    for _ in range(5):
        await _call(door, verb, final)
    assert (door.breakers.held("acme") is not None) is (verb in {"submit", "find", "poll"})


async def test_looks_go_on_while_orders_are_held_and_a_good_one_ends_it(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda event: None)
    for _ in range(5):
        await _call(door, "submit", DOWN)
    assert door.breakers.held("acme") is not None
    await _call(door, "poll", None)
    assert door.breakers.held("acme") is None
