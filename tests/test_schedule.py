from __future__ import annotations

import dataclasses
import random
import statistics
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.schedule import Pace, backoff, earliest_finish, next_look
from nexiom_sdk.testing.simulated_providers import MODELS

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


@given(st.integers(1, 100), st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1e-300, 5e-324]), st.floats(0, 1))
def test_no_wish_of_a_provider_makes_us_try_again_at_once_and_again_and_again(
    attempts: int, hint: float, luck: float
) -> None:
    assert backoff(attempts, hint_seconds=hint, luck=luck) >= min(attempts, 10)


def test_a_day_on_which_a_provider_was_slow_does_not_blind_us_for_days() -> None:
    slow = Pace(history_seconds=[36_000, 36_100, 36_050, 36_020, 36_010], typical_seconds=120)
    for pace in (slow, dataclasses.replace(slow, watched=True)):
        assert next_look(pace, since_submit_seconds=10, since_running_seconds=0, luck=1.0) <= 1.1 * 1800


@given(st.floats(0, 3600), st.floats(0, 1), st.lists(st.floats(1, 80_000), max_size=9))
def test_we_look_when_the_job_is_over_its_deadline(left: float, luck: float, history: list[float]) -> None:
    pace = Pace(history_seconds=history, typical_seconds=20_000)
    gap = next_look(pace, since_submit_seconds=20, since_running_seconds=0, left_seconds=left, luck=luck)
    assert gap <= max(left, pace.floor_seconds)


@given(st.lists(st.floats(), min_size=5, max_size=50), st.floats(0.001, 80_000))
def test_no_history_raises_or_makes_a_look_that_never_comes(history: list[float], typical: float) -> None:
    gap = next_look(Pace(history_seconds=history, typical_seconds=typical), since_submit_seconds=20)
    assert 0 < gap <= 1.1 * 1800


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


# The targets of the design, over jobs of ten models. A call takes 0.25 s; an idle worker looks for due rows each
# second, and whoever takes a callback is taken to look at once.

Times = Callable[[], float]
CALL_SECONDS, IDLE_SECONDS, CALLBACK_SECONDS, CALLBACKS_THAT_ARRIVE = 0.25, 1.0, 1.0, 0.98


def test_with_mixed_history_a_video_is_noticed_within_six_seconds_at_ten_looks_a_job() -> None:
    lags, looks = watched_jobs(history_rows=20)
    assert statistics.median(lags) <= 6
    assert statistics.mean(looks) <= 10
    assert statistics.quantiles(lags, n=20)[-1] <= 15


def test_with_exact_history_a_video_is_noticed_within_six_seconds_at_seven_looks_a_job() -> None:
    lags, looks = watched_jobs(history_rows=20, spread=0.25)
    assert statistics.median(lags) <= 6
    assert statistics.mean(looks) <= 7
    assert statistics.quantiles(lags, n=20)[-1] <= 15


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("off", [1 / 15, 1 / 5, 1.0, 10.0])
def test_exact_history_holds_its_targets_whatever_the_card_says_and_whoever_waits(off: float, watched: bool) -> None:
    lags, looks = watched_jobs(history_rows=20, spread=0.25, watched=watched, card_off=off)
    assert statistics.median(lags) <= 6
    assert statistics.mean(looks) <= (10 if watched else 7)
    assert statistics.quantiles(lags, n=20)[-1] <= 15


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("took", [120.0, 300.0, 600.0])
def test_a_steady_history_of_a_long_job_is_believed_against_its_card(took: float, watched: bool) -> None:
    history = [took * share for share in (0.95, 0.98, 1, 1.02, 1.05)] * 4
    pace = Pace(history_seconds=history, typical_seconds=120, watched=watched)
    luck = random.Random(5)
    counted = [_one_job(luck, pace, took * luck.uniform(0.95, 1.05)) for _ in range(300)]
    assert statistics.mean(looks for _, looks in counted) <= 9
    assert statistics.median(lag for lag, _ in counted) <= 7.5


def test_with_callbacks_a_video_is_noticed_within_a_second_and_a_half_at_four_looks_a_job() -> None:
    lags, looks = watched_jobs(history_rows=20, callbacks=True, jobs_a_model=1200)
    assert statistics.median(lags) <= 1.5
    assert statistics.mean(looks) <= 4


def test_without_history_the_figures_of_the_cards_do() -> None:
    lags, looks = watched_jobs(history_rows=0)
    assert statistics.median(lags) <= 6
    assert statistics.mean(looks) <= 11


def test_a_refusal_within_twelve_seconds_is_noticed_by_the_early_look_or_soon_after() -> None:
    luck = random.Random(4)
    lags, looks = watched_jobs(history_rows=20, ends=lambda: luck.uniform(0, 12))
    assert statistics.median(lags) <= 7
    assert statistics.mean(looks) <= 2


def watched_jobs(
    *,
    history_rows: int,
    spread: float | None = None,
    callbacks: bool = False,
    watched: bool = False,
    card_off: float = 1.0,
    ends: Times | None = None,
    jobs_a_model: int = 400,
) -> tuple[Sequence[float], Sequence[int]]:
    """Seconds from the end of each job to the answer that tells it, and how often it was looked at."""
    luck = random.Random(3)
    lags, looks = [], []
    for model in MODELS:
        sigma = model.spread if spread is None else spread
        draw = _log_normal(luck, model.median_seconds, sigma)
        for _ in range(jobs_a_model):
            pace = Pace(
                history_seconds=[draw() for _ in range(history_rows)],
                typical_seconds=card_off * model.median_seconds,
                floor_seconds=model.floor_seconds,
                watched=watched,
                callback=callbacks,
            )
            lag, count = _one_job(luck, pace, draw() if ends is None else ends())
            lags.append(lag)
            looks.append(count)
    return lags, looks


def _log_normal(luck: random.Random, median_seconds: float, sigma: float) -> Times:
    return lambda: median_seconds * luck.lognormvariate(0, sigma)


def _one_job(luck: random.Random, pace: Pace, ends: float) -> tuple[float, int]:
    now, looks, running_since = 0.0, 0, float("inf")
    called_back = ends + CALLBACK_SECONDS if pace.callback and luck.random() < CALLBACKS_THAT_ARRIVE else float("inf")
    while True:
        gap = next_look(
            pace,
            since_submit_seconds=now,
            since_running_seconds=now - running_since if looks else None,
            luck=luck.random(),
        )
        due = now + gap + luck.uniform(0, IDLE_SECONDS)
        looks += 1
        now = (called_back if now < called_back < due else due) + CALL_SECONDS
        if ends <= now:
            return now - ends, looks
        running_since = min(running_since, now)
