from __future__ import annotations

import dataclasses
import inspect
import logging
from decimal import Decimal

import pytest

from nexiom_sdk import events
from nexiom_sdk.events import (
    Event,
    JobMoved,
    ModelChosen,
    PluginFailed,
    ProviderCalled,
    Sinks,
    WorkerTicked,
    logging_sink,
)

TICK = WorkerTicked(claimed=2, running=3)
CALLED = ProviderCalled(provider="acme", operation="poll", outcome="ok", attempt=1, duration_seconds=0.5)
MOVED = JobMoved(job_id="a1", before="queued", phase="waiting", status="processing", error_code=None)
FAILED = PluginFailed(name="acme", reason="no such module")


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nexiom_sdk")


def _kinds() -> list[type[Event]]:
    return [kind for _, kind in inspect.getmembers(events, inspect.isclass) if issubclass(kind, Event)]


def test_every_event_is_a_frozen_value_with_a_name_of_its_own() -> None:
    assert len({kind.action for kind in _kinds()}) == len(_kinds()) == 10
    for event in (TICK, CALLED, MOVED, FAILED):
        field = dataclasses.fields(event)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(event, field, None)


def test_no_event_has_room_for_a_prompt_or_a_key() -> None:
    fields = {field.name for kind in _kinds() for field in dataclasses.fields(kind)}
    assert not [
        name for name in fields if name in {"prompt", "negative_prompt", "url", "result_url", "idempotency_key"}
    ]


def test_names_are_stable() -> None:
    """Logs and metrics of users are built on them."""
    assert {kind.__name__: kind.action for kind in _kinds() if kind is not Event} == {
        "JobCreated": "job_created",
        "ModelChosen": "model_chosen",
        "ProviderCalled": "provider_called",
        "BreakerMoved": "breaker_moved",
        "JobMoved": "job_moved",
        "AssetStored": "asset_stored",
        "WorkerDraining": "worker_draining",
        "WorkerTicked": "worker_ticked",
        "PluginFailed": "plugin_failed",
    }


@pytest.mark.parametrize(
    ("event", "level"),
    [(TICK, logging.DEBUG), (CALLED, logging.DEBUG), (MOVED, logging.INFO), (FAILED, logging.WARNING)],
    ids=lambda value: getattr(value, "action", ""),
)
def test_an_event_is_logged_at_its_level_with_its_fields(
    event: Event, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    logging_sink(event)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("nexiom_sdk", level)
    assert record.__dict__["action"] == event.action
    assert record.__dict__["nexiom"] == dataclasses.asdict(event)


def test_a_log_line_can_be_read_by_people(caplog: pytest.LogCaptureFixture) -> None:
    logging_sink(
        ModelChosen(job_id="a1", provider="acme", model="m", estimated_cost_usd=Decimal("0.40"), policy_version="7")
    )
    assert caplog.records[0].getMessage() == (
        "model_chosen job_id=a1 provider=acme model=m estimated_cost_usd=0.40 policy_version=7"
    )


def test_what_nobody_wants_to_read_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nexiom_sdk"):
        logging_sink(CALLED)
        logging_sink(MOVED)
    assert [record.__dict__["action"] for record in caplog.records] == ["job_moved"]


def test_sinks_are_called_in_order() -> None:
    told: list[tuple[str, Event]] = []
    Sinks([lambda event: told.append(("first", event)), lambda event: told.append(("second", event))])(TICK)
    assert told == [("first", TICK), ("second", TICK)]


def test_a_sink_that_fails_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> None:
        raise OSError("disk full")

    told: list[Event] = []
    Sinks([broken, told.append, broken])(TICK)
    assert told == [TICK]
    assert [record.__dict__["action"] for record in caplog.records] == ["sink_failed"] * 2
    assert "worker_ticked" in caplog.records[0].getMessage()
    assert caplog.records[0].exc_info is not None
    assert "disk full" in str(caplog.records[0].exc_info[1])


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_sink_may_end_the_program(stop: type[BaseException]) -> None:
    def ending(event: Event) -> None:
        raise stop

    with pytest.raises(stop):
        Sinks([ending])(TICK)


def test_sinks_may_be_none_and_nested_and_are_fixed_when_made() -> None:
    told: list[Event] = []
    sinks = [told.append]
    outer = Sinks([Sinks([]), Sinks(sinks)])
    sinks.append(told.append)
    outer(TICK)
    assert told == [TICK]
