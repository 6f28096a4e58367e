from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexiom_sdk.errors import Charged, MalformedResponse
from nexiom_sdk.providers import wire
from nexiom_sdk.providers.runway_tasks import outcome_of
from nexiom_sdk.types import Cancelled, Failed, Poll, Running, Succeeded
from runway_rig import FIXTURES, OPERATION, TASK, recorded, reply


def failed(code: str, message: str, charged: Charged) -> Failed:
    return Failed(code=code, message=message, charged=charged)


POLLS: dict[str, Poll] = {
    "poll_queued.json": Running(queued=True),
    "poll_throttled.json": Running(queued=True),
    "poll_running.json": Running(progress=0.45),
    "poll_running_unstarted.json": Running(progress=0.0),
    "poll_cancelled.json": Cancelled(charged="no", cost_usd=Decimal(0), detail={"credits": 0}),
    "poll_failed.json": failed("generation_failed", "An unexpected error occurred.", "no"),
    "poll_failed_no_code.json": failed("generation_failed", "An unexpected error occurred.", "no"),
    "poll_failed_bad_output.json": failed("generation_failed", "The generation did not pass quality checks.", "no"),
    "poll_failed_asset.json": failed("invalid_input", "The input image has an unsupported aspect ratio.", "no"),
    "poll_failed_third_party.json": failed(
        "provider_unavailable", "The third-party model did not return an output.", "no"
    ),
    "poll_moderated.json": failed("content_rejected", "The text prompt was rejected by content moderation.", "yes"),
    "poll_moderated_output.json": failed("content_rejected", "The output was rejected by content moderation.", "no"),
    "poll_moderated_preprocessing.json": failed(
        "content_rejected", "The text prompt was rejected by content moderation.", "no"
    ),
}


def test_no_recorded_state_is_left_out() -> None:
    assert {file.name for file in FIXTURES.glob("poll_*.json")} == {*POLLS, "poll_succeeded.json"}


@pytest.mark.parametrize("name", POLLS)
def test_each_recorded_state_is_read(name: str) -> None:
    expected = POLLS[name]
    if isinstance(expected, Failed):
        spent = 60 if expected.charged == "yes" else 0
        expected = replace(expected, cost_usd=Decimal(spent) / 100, detail={"credits": spent})
    assert outcome_of(OPERATION, recorded(name)) == expected


def test_a_finished_task_has_its_file_without_a_key_and_its_bill_in_dollars_and_credits() -> None:
    outcome = outcome_of(OPERATION, recorded("poll_succeeded.json"))
    assert isinstance(outcome, Succeeded)
    assert (outcome.cost_usd, outcome.detail) == (Decimal("0.60"), {"credits": 60})
    [asset] = outcome.assets
    assert (asset.url or "").startswith("https://dnznrvs05pmza.cloudfront.net/")
    assert not asset.needs_auth
    assert asset.expires_at is not None


@pytest.mark.parametrize(
    ("more", "assets", "usd"),
    [
        ({}, 0, None),
        ({"output": None, "cost": None}, 0, None),
        ({"output": ["", "https://a.example/v.mp4"], "cost": {"credits": "many"}}, 1, None),
        ({"output": ["https://a.example/v.mp4"], "cost": {"credits": 12.5}}, 1, Decimal("0.125")),
        ({"output": ["https://a.example/v.mp4"], "cost": {"credits": 10**12}}, 1, None),
    ],
)
def test_a_strange_bill_or_a_missing_file_loses_no_finished_task(
    more: dict[str, object], assets: int, usd: Decimal | None
) -> None:
    outcome = outcome_of(OPERATION, reply({"id": TASK, "status": "SUCCEEDED", **more}))
    assert isinstance(outcome, Succeeded)
    assert (len(outcome.assets), outcome.cost_usd) == (assets, usd)


@pytest.mark.parametrize(
    ("code", "ours", "charged"),
    [
        ("SAFETY.INPUT.IMAGE", "content_rejected", "yes"),
        ("SAFETY.OUTPUT.VIDEO", "content_rejected", "unknown"),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", "content_rejected", "no"),
        ("INPUT_PREPROCESSING.INTERNAL", "generation_failed", "no"),
        ("INTERNAL.BAD_OUTPUT.02", "generation_failed", "no"),
        ("ASSET.INVALID", "invalid_input", "no"),
        ("THIRD_PARTY.UNAVAILABLE", "provider_unavailable", "no"),
        ("INTERNAL", "generation_failed", "no"),
        (None, "generation_failed", "no"),
        ("NEVER.HEARD.OF", "generation_failed", "unknown"),
    ],
)
def test_a_failure_has_our_code_and_the_credits_say_whether_it_is_charged(
    code: str | None, ours: str, charged: Charged, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    task = {"id": TASK, "status": "FAILED", "failure": "It went wrong.", "failureCode": code}
    assert outcome_of(OPERATION, reply(task)) == failed(ours, "It went wrong.", charged)
    for count, word in ((0, "no"), (60, "yes")):
        outcome = outcome_of(OPERATION, reply({**task, "cost": {"credits": count}}))
        assert isinstance(outcome, Failed)
        assert (outcome.charged, outcome.cost_usd) == (word, Decimal(count) / 100)
    assert (code or "INTERNAL") in caplog.text


def test_a_state_that_is_not_known_is_running_and_noted_once(caplog: pytest.LogCaptureFixture) -> None:
    wire.warn_of_status.cache_clear()
    for _ in range(3):
        assert outcome_of(OPERATION, reply({"id": TASK, "status": "POLISHING"})) == Running()
    [record] = caplog.records
    assert (record.levelname, record.__dict__["action"]) == ("WARNING", "unknown_status")


@pytest.mark.parametrize("said", [b"", b"<html>", b"[]", b"{}", {"status": 7}, {"status": "SUCCEEDED", "output": [7]}])
def test_what_is_no_task_is_no_outcome(said: object) -> None:
    with pytest.raises(MalformedResponse):
        outcome_of(OPERATION, reply(said))


_json = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.floats() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["credits", "x"]), inner, max_size=2),
    max_leaves=5,
)
_keys = ["status", "output", "failure", "failureCode", "cost", "progress"]
_states = st.sampled_from(["SUCCEEDED", "FAILED", "CANCELLED", "RUNNING", "PENDING", "POLISHING"])


@settings(deadline=None)
@given(
    st.binary(max_size=100) | st.dictionaries(st.sampled_from(_keys), _json | _states).map(json.dumps).map(str.encode)
)
def test_no_task_whatever_makes_reading_raise_anything_foreign(said: bytes) -> None:
    with suppress(MalformedResponse):
        outcome = outcome_of(OPERATION, reply(said))
        if isinstance(outcome, Succeeded):
            assert json.dumps(dict(outcome.detail), allow_nan=False)
