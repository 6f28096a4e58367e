from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import FAILURE_CODES
from nexiom_sdk.providers.seedance_tasks import Task, outcome_of
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from seedance_rig import FIXTURES, FLAGSHIP, MINI, OLD, OLDER, OPERATION, STANDARD, TASK, fixture, recorded, reply

SIGNED = (
    "X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Credential=AKTPEXAMPLE%2F20261122%2Fap-southeast-1%2Ftos%2Frequest"
    "&X-Tos-Date=20261122T203720Z&X-Tos-Expires=86400&X-Tos-Signature=0f3c&X-Tos-SignedHeaders=host"
)
VIDEO = f"https://ark-content-generation.tos.example.com/dreamina-seedance-2-0/021795379712-k7x9p.mp4?{SIGNED}"
POLLS: Mapping[str, Poll] = {
    "poll_queued": Running(queued=True),
    "poll_running": Running(),
    "poll_succeeded": Succeeded(
        assets=(Asset(url=VIDEO, expires_at=datetime(2026, 11, 23, 20, 37, 20, tzinfo=UTC)),),
        cost_usd=Decimal("0.7623"),
        detail={"completion_tokens": 108900, "total_tokens": 108900, "duration": 5, "seed": 78674},
    ),
    "poll_succeeded_last_frame": Succeeded(
        assets=(Asset(url=VIDEO, expires_at=datetime(2026, 11, 23, 20, 39, 50, tzinfo=UTC)),),
        detail={"completion_tokens": 174240, "total_tokens": 174240, "duration": 8, "seed": 1234},
        warnings=("Seedance also made a picture of the last frame, which is not fetched",),
    ),
    "poll_failed": Failed(
        code="generation_failed",
        message="The service encountered an unexpected internal error. Request id: 0217953797128f2c",
        charged="no",
    ),
    "poll_failed_task_type": Failed(
        code="invalid_input",
        message=(
            "For video editing tasks ratio must be adaptive and duration must be -1. Request id: 0217953797121b77"
        ),
        charged="no",
    ),
    "poll_moderated": Failed(
        code="content_rejected",
        message=(
            "The request failed because the output video may be related to copyright restrictions. "
            "Request id: 0217953797129a1d"
        ),
        charged="no",
    ),
    "poll_cancelled": Cancelled(charged="no"),
    "poll_expired": Failed(
        code="generation_failed",
        message=("Seedance gave it up because it was not finished within 172800 s. It is safe to order it again."),
        charged="no",
    ),
}


def outcome(body: object, operation: Operation = OPERATION) -> Poll:
    return outcome_of(operation, reply(body).read(Task))


def priced(model: str, *, with_video: bool = False) -> Operation:
    return Operation(id=TASK, state={"priced_as": model, "with_video": with_video})


def done(**changes: object) -> dict[str, object]:
    return {**fixture("poll_succeeded"), **changes}


@pytest.mark.parametrize("name", POLLS)
def test_a_recorded_task_means_what_the_documentation_says(name: str) -> None:
    operation = Operation(id=TASK) if name == "poll_succeeded_last_frame" else OPERATION
    assert outcome_of(operation, recorded(name).read(Task)) == POLLS[name]


def test_every_recorded_task_is_read() -> None:
    assert {file.stem for file in FIXTURES.glob("poll_*.json")} == {*POLLS}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("InputImageSensitiveContentDetected.PrivacyInformation", "content_rejected"),
        ("OutputAudioSensitiveContentDetected", "content_rejected"),
        ("SensitiveContentDetected.SevereViolation", "content_rejected"),
        ("InvalidParameter.TaskTypeMismatch", "invalid_input"),
        ("AccountOverdueError", "quota_exhausted"),
        ("ServerOverloaded", "rate_limited"),
        ("SomethingNew", "generation_failed"),
    ],
)
def test_each_code_has_its_meaning(code: str, expected: str) -> None:
    failed = outcome({"id": TASK, "status": "failed", "error": {"code": code}})
    assert failed == Failed(code=expected, message=code, charged="no")
    assert expected in FAILURE_CODES


@pytest.mark.parametrize("error", [None, "no", {}, {"code": 7, "message": None}])
def test_a_failure_without_a_reason_is_a_failure(error: object) -> None:
    failed = outcome({"id": TASK, "status": "failed", "error": error})
    assert failed == Failed(code="generation_failed", message="Seedance gave no reason.", charged="no")


@pytest.mark.parametrize(
    ("model", "with_video", "changes", "usd"),
    [
        (STANDARD, False, {}, "0.7623"),
        (STANDARD, True, {}, "0.46827"),
        (STANDARD, False, {"resolution": "1080p"}, "0.83853"),
        (STANDARD, False, {"resolution": "4k"}, "0.4356"),
        (FLAGSHIP, True, {"resolution": "1080p"}, "0.7623"),
        (MINI, False, {"resolution": "480p"}, "0.38115"),
        (OLDER, False, {}, "0.26136"),
        (OLDER, False, {"generate_audio": False}, "0.13068"),
        (OLDER, False, {"generate_audio": False, "service_tier": "flex"}, "0.06534"),
        (OLD, False, {"generate_audio": None}, "0.27225"),
        (OLD, False, {"service_tier": "flex"}, "0.136125"),
        # Not certain:
        (OLDER, False, {"generate_audio": None}, None),
        (OLDER, True, {}, None),
        (OLDER, False, {"draft": True}, None),
        (MINI, False, {"resolution": "1080p"}, None),
        (STANDARD, False, {"resolution": None}, None),
        (STANDARD, False, {"usage": None}, None),
        (STANDARD, False, {"usage": {"completion_tokens": -1}}, None),
        ("ep-1", False, {}, None),
    ],
)
def test_what_a_clip_cost_is_told_where_it_is_certain(
    model: str, with_video: bool, changes: dict[str, object], usd: str | None
) -> None:
    made = outcome(done(**changes), priced(model, with_video=with_video))
    assert isinstance(made, Succeeded)
    assert made.cost_usd == (None if usd is None else Decimal(usd))
    assert made.assets, "the clip is there all the same"


def test_an_order_of_unknown_origin_has_no_known_cost() -> None:
    made = outcome(done(), Operation(id=TASK))
    assert isinstance(made, Succeeded)
    assert made.cost_usd is None
    assert made.detail["completion_tokens"] == 108900


@pytest.mark.parametrize("content", [None, {}, {"video_url": None}, {"video_url": ""}, "x"])
def test_a_success_without_a_file_has_no_assets(content: object) -> None:
    made = outcome(done(content=content))
    assert isinstance(made, Succeeded)
    assert made.assets == ()


@pytest.mark.parametrize("when", [None, "soon", -1, 10**30, 1e300])
def test_a_strange_time_costs_no_clip(when: object) -> None:
    made = outcome(done(updated_at=when))
    assert isinstance(made, Succeeded)
    assert (made.assets[0].url, made.assets[0].expires_at) == (VIDEO, None)


def test_a_result_needs_no_key() -> None:
    made = outcome(done())
    assert isinstance(made, Succeeded)
    assert not made.assets[0].needs_auth


@given(st.text(max_size=30).filter(lambda word: word not in {"succeeded", "failed", "expired", "cancelled", "queued"}))
def test_a_status_that_is_not_known_is_running(word: str) -> None:
    assert outcome({"id": TASK, "status": word}) == Running()


def test_a_status_that_is_not_known_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        outcome({"id": TASK, "status": "upscaling"})
    told = [vars(record)["action"] for record in caplog.records if "upscaling" in record.getMessage()]
    assert told == ["unknown_status"]
