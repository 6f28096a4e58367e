from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.schedule import Pace, backoff, earliest_finish, next_look

seconds = st.floats(0, 90_000)


@given(seconds, st.none() | seconds, st.booleans(), st.none() | st.floats(0, 600), st.floats(0, 1), st.floats(1, 60))
def test_a_gap_is_never_shorter_than_the_floor_or_the_hint(
    submit: float, running: float | None, queued: bool, hint: float | None, luck: float, floor: float
) -> None:
    gap = next_look(
        Pace(floor_seconds=floor),
        since_submit_seconds=submit,
        since_running_seconds=running,
        queued=queued,
        hint_seconds=hint,
        luck=luck,
    )
    assert gap >= floor
    assert gap >= min(hint or 0, 3600)
    assert gap <= max(150, hint or 0, floor)


@pytest.mark.parametrize("hint", [float("inf"), 1e12, float("nan"), -5.0])
def test_a_hint_that_makes_no_sense_is_bounded_or_ignored(hint: float) -> None:
    assert next_look(Pace(), since_submit_seconds=500, hint_seconds=hint) <= 3600
    assert 0 < backoff(1, hint_seconds=hint) <= 3600


def test_the_first_look_comes_early_to_catch_refusals() -> None:
    assert next_look(Pace(typical_seconds=120), since_submit_seconds=0) == 10


def test_an_early_look_that_came_a_little_sooner_is_not_repeated() -> None:
    assert next_look(Pace(typical_seconds=120), since_submit_seconds=9.2, since_running_seconds=0) > 40


def test_quick_models_have_no_early_look() -> None:
    assert next_look(Pace(typical_seconds=20, floor_seconds=1), since_submit_seconds=0) == pytest.approx(8.8, abs=0.1)


def test_after_the_early_look_it_is_silent_until_the_fastest_jobs_end() -> None:
    gap = next_look(Pace(typical_seconds=120), since_submit_seconds=10, since_running_seconds=10)
    assert gap == pytest.approx(120 * 0.4393 - 10, rel=0.01)


@pytest.mark.parametrize(("pace", "gap"), [(Pace(), 10), (Pace(watched=True), 5), (Pace(callback=True), 60)])
def test_then_looks_are_steady(pace: Pace, gap: float) -> None:
    assert next_look(pace, since_submit_seconds=200, since_running_seconds=200) == gap


def test_the_clock_starts_when_the_provider_says_running() -> None:
    waiting = next_look(Pace(typical_seconds=120), since_submit_seconds=300, queued=True)
    begun = next_look(Pace(typical_seconds=120), since_submit_seconds=300, since_running_seconds=0)
    assert waiting == 10
    assert begun == pytest.approx(52.7, abs=0.1)


def test_history_counts_from_five_rows_on() -> None:
    assert earliest_finish([10, 10, 10, 10], 100) == earliest_finish([], 100)
    assert earliest_finish([10, 10, 10, 10, 10], 100) < 10


def test_looks_are_spread_by_ten_percent_either_way() -> None:
    steady = [next_look(Pace(), since_submit_seconds=500, luck=luck) for luck in (0.0, 1.0)]
    assert steady == [9, 11]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_backoff_grows_to_a_minute_and_no_further(attempts: int, luck: float) -> None:
    assert 1.8 <= backoff(attempts, luck=luck) <= 66
