from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime

import pytest

from nexiom_sdk.errors import FAILURE_CODES, GenerationFailed, MalformedResponse
from nexiom_sdk.providers.openai_jobs import outcome, taken
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from sora_rig import FIXTURES, FOLDERS, OPERATION, body, recorded, reply

JOB_URL = "http://localhost:8000/v1/videos/7"
SGLANG = "2b7f4c1e-0c3e-4f5a-9d63-9a5f0a1c7b11"
VLLM = "video_gen_7d0c2f4b9a5e4c3f8c1d2e3f4a5b6c7d"
LITELLM = "video_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOnZlcnRleF9haTttb2RlbF9pZDp2ZW8"


def at_content(expires_at: datetime | None = None, **detail: str) -> Succeeded:
    """A result at the job's own path."""
    asset = Asset(url=f"{JOB_URL}/content", needs_auth=True, expires_at=expires_at)
    return Succeeded(assets=(asset,), detail=detail)


BUCKET = Asset(url="https://bucket.s3.amazonaws.com/videos/2b7f4c1e.mp4")
LOOKS: dict[str, Poll] = {
    "sora/poll_queued": Running(queued=True, progress=0.0),
    "sora/poll_running": Running(progress=0.37),
    "sora/poll_succeeded": at_content(
        datetime(2025, 10, 8, 0, 35, 21, tzinfo=UTC), model="sora-2", seconds="8", size="1280x720"
    ),
    "sora/poll_failed": Failed(
        code="generation_failed",
        message="The video could not be generated because of an internal error. Please try again.",
    ),
    "sora/poll_moderated": Failed(
        code="content_rejected", message="Your request was blocked by our moderation system."
    ),
    "openai-compatible/vllm_omni_poll_running": Running(progress=0.4),
    "openai-compatible/vllm_omni_poll_succeeded": at_content(
        model="Wan-AI/Wan2.2-T2V-A14B-Diffusers", seconds="5", size="832x480", inference_time_s="128.4"
    ),
    "openai-compatible/vllm_omni_poll_failed": Failed(
        code="generation_failed", message="EngineGenerateError: CUDA out of memory"
    ),
    "openai-compatible/sglang_poll_running": Running(progress=0.62),
    "openai-compatible/sglang_poll_succeeded": at_content(
        model="tencent/HunyuanVideo", seconds="5", size="1280x720", inference_time_s="184.2"
    ),
    "openai-compatible/sglang_poll_succeeded_cloud_url": Succeeded(
        assets=(BUCKET,), detail={"model": "tencent/HunyuanVideo", "seconds": "5", "size": "1280x720"}
    ),
    "openai-compatible/sglang_poll_failed": Failed(code="generation_failed", message="CUDA out of memory"),
    "openai-compatible/sglang_delete_response": Cancelled(),
    "openai-compatible/trtllm_poll_generating": Running(progress=0.0),
    "openai-compatible/trtllm_poll_postprocessing": Running(progress=0.0),
    "openai-compatible/litellm_poll_succeeded": at_content(
        model="veo-3.1-generate-001", seconds="8", size="1280x720", duration_seconds="8.0"
    ),
}
ORDERS: dict[str, Operation | Succeeded] = {
    "sora/submit_response": OPERATION,
    "openai-compatible/vllm_omni_submit_response": Operation(id=VLLM),
    "openai-compatible/sglang_submit_response": Operation(id=SGLANG),
    "openai-compatible/dynamo_submit_response_synchronous": Succeeded(
        assets=(Asset(url="https://cdn.example.com/media/videos/req-abc123.mp4"),),
        detail={"model": "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"},
    ),
}


def test_no_recorded_job_is_left_out() -> None:
    files = [f"{folder}/{file.stem}" for folder in FOLDERS for file in (FIXTURES / folder).iterdir()]
    jobs = {name for name in files if "_poll_" in name or "/poll_" in name or "submit_response" in name}
    assert jobs | {"openai-compatible/sglang_delete_response"} == {*LOOKS, *ORDERS}


@pytest.mark.parametrize("name", LOOKS)
def test_each_recorded_look_says_what_it_says(name: str) -> None:
    assert outcome(recorded(name), JOB_URL) == LOOKS[name]


@pytest.mark.parametrize("name", ORDERS)
def test_each_recorded_answer_to_an_order_is_a_job_or_a_result(name: str) -> None:
    assert taken(recorded(name)) == ORDERS[name]


def test_an_id_may_be_long_or_a_number() -> None:
    assert taken(reply({"id": LITELLM * 9, "status": "queued"})) == Operation(id=LITELLM * 9)
    assert taken(reply({"id": 77})) == Operation(id="77")


DOCUMENTED: dict[type[Poll], str] = {
    Running: "queued in_progress generating postprocessing processing running",
    Succeeded: "completed succeeded",
    Failed: "failed error",
    Cancelled: "cancelled canceled deleted",
}


@pytest.mark.parametrize(("kind", "status"), [(kind, one) for kind, all_ in DOCUMENTED.items() for one in all_.split()])
def test_each_documented_status_has_a_meaning(kind: type[Poll], status: str) -> None:
    for word in (status, status.upper()):
        look = outcome(reply({"id": "7", "status": word}), JOB_URL)
        assert type(look) is kind
        assert not isinstance(look, Running) or look.queued == (status == "queued")


def test_an_unknown_status_is_a_job_that_goes_on_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        looks = [outcome(reply({"id": "7", "status": "polishing\x1b[2J"}), JOB_URL) for _ in range(3)]
    assert looks == [Running()] * 3
    [record] = caplog.records
    assert (record.levelname, getattr(record, "action", None)) == ("WARNING", "unknown_status")
    assert "\x1b" not in record.getMessage()


@pytest.mark.parametrize(
    ("said", "urls"),
    [
        ({"url": "https://a.example/1", "urls": ["https://a.example/1", None, "https://a.example/2"]}, ["1", "2"]),
        ({"url": "https://a.example/1", "video_url": "https://a.example/9"}, ["1"]),
        ({"data": [{"url": "https://a.example/3"}, {"url": None}]}, ["3"]),
        ({"video_url": "https://a.example/4"}, ["4"]),
    ],
)
def test_a_result_is_where_the_job_says_it_is(said: dict[str, object], urls: list[str]) -> None:
    look = outcome(reply({"id": "7", "status": "completed", **said}), JOB_URL)
    assert isinstance(look, Succeeded)
    assert look.assets == tuple(Asset(url=f"https://a.example/{one}") for one in urls)


@pytest.mark.parametrize("said", [{"url": "file:///outputs/5.mp4"}, {"urls": ["s3://bucket/6.mp4"]}, {"url": "/6.mp4"}])
def test_a_result_that_only_the_server_can_reach_is_fetched_from_its_api(said: dict[str, object]) -> None:
    look = outcome(reply({"id": "7", "status": "completed", **said}), JOB_URL)
    assert isinstance(look, Succeeded)
    assert look.assets == (Asset(url=f"{JOB_URL}/content", needs_auth=True),)


def test_an_answer_may_hold_the_file_itself() -> None:
    said = {"status": "completed", "data": [{"b64_json": base64.b64encode(b"the video").decode()}]}
    assert taken(reply(said)) == Succeeded(assets=(Asset(data=b"the video"),))


def test_a_finished_job_without_an_address_is_looked_at_like_any_other() -> None:
    assert taken(reply(body("sora/poll_succeeded"))) == OPERATION


def test_a_result_that_only_the_server_can_reach_is_said_to_be_one() -> None:
    with pytest.raises(GenerationFailed, match="only the server itself") as caught:
        taken(reply({"id": "7", "status": "completed", "data": [{"url": "file:///outputs/x.mp4"}]}))
    assert "b64_json" in caught.value.next_step


@pytest.mark.parametrize("said", [{}, {"status": "queued"}, {"id": ""}, [], b"<html>", b"", {"id": {}}])
def test_an_answer_without_an_id_cannot_be_read(said: object) -> None:
    with pytest.raises(MalformedResponse):
        taken(reply(said))


@pytest.mark.parametrize("said", [{}, {"id": "7"}, {"error": "x"}, [], b"<html>", {"status": None}])
def test_a_look_without_a_status_cannot_be_read(said: object) -> None:
    with pytest.raises(MalformedResponse):
        outcome(reply(said), JOB_URL)


def test_strange_details_lose_no_job() -> None:
    strange = {
        "id": "7",
        "status": "completed",
        "progress": "most of it",
        "error": [],
        "url": [7],
        "urls": {"a": 1},
        "data": "x",
        "expires_at": 10**30,
        "media_type": ["video/mp4"],
        "model": {},
        "seconds": 5,
    }
    assert outcome(reply(strange), JOB_URL) == at_content(seconds="5")
    assert outcome(reply({"status": "failed", "error": 7}), JOB_URL) == Failed(
        code="generation_failed", message="The server gave no reason."
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "content_policy_violation", "message": "no"}, "content_rejected"),
        ({"type": "insufficient_quota", "message": "no"}, "quota_exhausted"),
        ({"code": 422, "message": "no"}, "invalid_input"),
        ({"code": 500, "message": "Blocked by guardrail"}, "content_rejected"),
        ({"code": None, "message": None}, "generation_failed"),
        ("CUDA out of memory", "generation_failed"),
        (None, "generation_failed"),
    ],
)
def test_a_failure_has_one_of_our_codes(error: object, code: str) -> None:
    look = outcome(reply({"id": "7", "status": "failed", "error": error}), JOB_URL)
    assert isinstance(look, Failed)
    assert (look.code, look.charged) == (code, None)
    assert code in FAILURE_CODES
    assert look.message


@pytest.mark.parametrize("status", [400, 404, 422, 500, 503])
def test_a_failed_job_in_an_http_error_is_a_failed_job(status: int) -> None:
    said = {"object": "video", "id": "7", "status": "failed", "error": {"code": status, "message": "no"}}
    assert isinstance(outcome(reply(said, status), JOB_URL), Failed)


@pytest.mark.parametrize(
    "said", [{"status": "failed"}, {"object": "video", "status": "completed"}, {"detail": "Video not found"}, b"", b"<"]
)
def test_any_other_http_error_is_no_job(said: object) -> None:
    assert outcome(reply(said, 404), JOB_URL) is None


@pytest.mark.parametrize(
    ("hint", "seconds"),
    [("12000", 12.0), ("1500", 1.5), ("0", 0.0), ("", None), ("soon", None), ("-1", None), ("9" * 20, None)],
)
def test_the_server_says_when_to_look_again(hint: str, seconds: float | None) -> None:
    look = outcome(reply(body("sora/poll_queued"), headers={"openai-poll-after-ms": hint}), JOB_URL)
    assert look == Running(queued=True, progress=0.0, poll_after_seconds=seconds)
