from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import JsonValue

from kling_rig import OLDER_ID, ORDER_ID, REFERENCE, fixture
from nexiom_sdk.providers.kling_tasks import Listed, Shown, Task, outcome_of
from nexiom_sdk.providers.wire import warn_of_status
from nexiom_sdk.types import Failed, Running, Succeeded

UPDATED = datetime.fromtimestamp(1795379840.102, UTC)
URL = (
    "https://cdn.kling.example.com/ksc2/nexiom-sample-0001.mp4?cacheKey=ChtzZWN1cml0eS5rbGluZy5tZXRhX2VuY3J5cHQ"
    "&x-kcdn-pid=112757&ksSecret=0f3c9a&ksTime=6a1f2b"
)


def task(name: str) -> Task:
    body = json.dumps(fixture(name)).encode()
    if "callback" in name:
        return Task.model_validate_json(body)
    if name.startswith("legacy"):
        return Shown.model_validate_json(body).data
    first = Listed.model_validate_json(body).data[0]
    assert first is not None
    return first


def made(**fields: JsonValue) -> Task:
    return Task.model_validate_json(json.dumps({"id": "7", **fields}))


STATES = [
    ("new_poll_submitted", Running(queued=True)),
    ("new_poll_processing", Running()),
    ("new_poll_failed", Failed(code="generation_failed", message="Internal error, please try again later")),
    ("new_poll_moderated", Failed(code="content_rejected", message="Failure to pass the risk control system")),
    ("new_callback_submitted", Running(queued=True)),
    ("legacy_poll_submitted", Running(queued=True)),
    ("legacy_poll_processing", Running()),
]


@pytest.mark.parametrize(("name", "outcome"), STATES)
def test_a_recorded_task_means_this(name: str, outcome: object) -> None:
    assert outcome_of(task(name)) == outcome


@pytest.mark.parametrize("name", ["legacy_poll_failed", "legacy_poll_moderated"])
def test_a_task_of_the_older_api_says_why_it_failed(name: str) -> None:
    outcome = outcome_of(task(name))
    assert isinstance(outcome, Failed)
    assert outcome.code == ("content_rejected" if "moderated" in name else "generation_failed")
    assert (outcome.message in str(fixture(name)), outcome.charged) == (True, None)


UNITS = {"units": "6", "units_at_list_price_usd": "0.84"}


@pytest.mark.parametrize(
    "name",
    [
        "new_poll_succeeded",
        "new_callback_succeeded",
        "legacy_poll_succeeded",
        "legacy_callback_succeeded",
        "new_poll_two_tasks",
    ],
)
def test_a_result_is_kept_for_thirty_days_and_units_are_no_dollars(name: str) -> None:
    outcome = outcome_of(task(name))
    assert isinstance(outcome, Succeeded)
    [asset] = outcome.assets
    assert (asset.url, asset.needs_auth, asset.expires_at) == (URL, False, UPDATED + timedelta(days=30))
    assert (outcome.cost_usd, outcome.detail) == (None, UNITS)


def test_cash_is_the_cost_and_the_video_without_a_watermark_is_the_result() -> None:
    outcome = outcome_of(task("new_poll_succeeded_cash_watermark"))
    assert isinstance(outcome, Succeeded)
    assert [asset.url for asset in outcome.assets] == [URL]
    assert (outcome.cost_usd, outcome.detail) == (Decimal("0.84"), {"cash_USD": "0.84"})


@pytest.mark.parametrize(
    ("billing", "usd", "detail"),
    [
        ([{"charge_type": "cash", "amount": "6.1", "currency": "CNY"}], None, {"cash_CNY": "6.1"}),
        ([{"charge_type": "cash", "amount": "6.1"}], None, {"cash_unknown": "6.1"}),
        (
            [{"charge_type": "cash", "amount": "0.4", "currency": "USD"}, {"charge_type": "unit", "amount": "3"}],
            None,
            {"units": "3", "units_at_list_price_usd": "0.42", "cash_USD": "0.4"},
        ),
        (
            [{"charge_type": "cash", "amount": "0.4", "currency": "USD"}, {"charge_type": "?", "amount": "3"}],
            None,
            {"cash_USD": "0.4", "unread": "? 3"},
        ),
        ([{"charge_type": "cash", "amount": "0.4", "currency": "USD"}] * 2, Decimal("0.8"), {"cash_USD": "0.8"}),
        ([{"charge_type": "cash", "amount": "NaN", "currency": "USD"}], None, {"unread": "cash NaN USD"}),
        ([{"charge_type": "unit", "amount": "-1"}], None, {"unread": "unit -1"}),
        ([7, None], None, {"unread": "?; ?"}),
        ([], None, {}),
        ("?", None, {}),
    ],
)
def test_a_cost_is_known_only_where_all_of_it_is_in_dollars(
    billing: JsonValue, usd: Decimal | None, detail: dict[str, str]
) -> None:
    outcome = outcome_of(made(status="succeeded", outputs=[{"type": "video", "url": "u"}], billing=billing))
    assert isinstance(outcome, Succeeded)
    assert (outcome.cost_usd, outcome.detail) == (usd, detail)


def test_a_failed_task_costs_what_it_says() -> None:
    bill: JsonValue = [{"charge_type": "cash", "amount": "0", "currency": "USD"}]
    outcome = outcome_of(made(status="failed", billing=bill))
    assert outcome == Failed(
        code="generation_failed",
        message="Kling gave no reason.",
        charged="no",
        cost_usd=Decimal(0),
        detail={"cash_USD": "0"},
    )


@pytest.mark.parametrize("words", ["RISK control", "sensitive words", "content policy", "it is a risk."])
def test_moderation_is_known_by_its_words(words: str) -> None:
    outcome = outcome_of(made(status="failed", message=words))
    assert isinstance(outcome, Failed)
    assert outcome.code == "content_rejected"


@pytest.mark.parametrize("words", ["brisk", "Image pixel is invalid", "insensitive"])
def test_words_in_other_words_are_no_moderation(words: str) -> None:
    outcome = outcome_of(made(status="failed", message=words))
    assert isinstance(outcome, Failed)
    assert outcome.code == "generation_failed"


@pytest.mark.parametrize("word", ["succeed", "succeeded"])
def test_either_spelling_of_success_is_success_at_either_api(word: str) -> None:
    assert isinstance(outcome_of(made(status=word)), Succeeded)
    assert isinstance(outcome_of(Task.model_validate({"task_id": "7", "task_status": word})), Succeeded)


def test_a_status_that_is_not_known_runs_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_status.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [outcome_of(made(status="paused")) for _ in range(2)] == [Running(), Running()]
    assert [record.getMessage() for record in caplog.records] == [
        "Kling reports a status that is not known here: paused"
    ]
    assert outcome_of(made()) == outcome_of(made(status=7)) == Running()


def test_no_job_is_lost_for_a_strange_detail() -> None:
    outputs: JsonValue = [None, 7, {"type": "cover", "url": "c"}, {"url": "u"}, {"type": "video", "watermark_url": "w"}]
    outcome = outcome_of(made(status="succeeded", outputs=outputs, update_time=10**30, message=7))
    assert isinstance(outcome, Succeeded)
    assert [(asset.url, asset.expires_at) for asset in outcome.assets] == [("u", None), ("w", None)]
    assert outcome.warnings == ("Kling also made cover, which is not fetched",)
    outcome = outcome_of(made(status="succeeded", outputs="?", update_time="soon"))
    assert outcome == Succeeded(assets=())


def test_a_task_knows_its_id_and_ours_at_either_api() -> None:
    for name, order_id in (("new_poll_succeeded", ORDER_ID), ("legacy_callback_succeeded", OLDER_ID)):
        assert (task(name).id, task(name).reference) == (order_id, REFERENCE)
