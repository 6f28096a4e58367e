from __future__ import annotations

import pytest

from nexiom_sdk.errors import (
    AuthenticationFailed,
    InvalidInput,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    SubmissionUncertain,
    UnsafeUrl,
    UnsupportedFeature,
)
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, LoopbackServer, Reset, sample_video
from nexiom_sdk.testing.provider_wire import Refusal
from nexiom_sdk.testing.wires.runway import RunwayWire
from nexiom_sdk.types import DeliveredMedia, Failed, Operation, Running, Succeeded
from runway_rig import KEY, OPERATION, TASK, body, order, runway

ORDER = order("gen4.5", duration_seconds=5.0, resolution="720p")
SLOT = {"runwayUri": "runway://x", "fields": {}}


async def test_an_order_is_taken_looked_at_and_fetched_and_the_key_goes_to_the_api_only() -> None:
    wire = RunwayWire()
    async with runway(wire, custom_headers="X-Runway-On-Behalf-Of: u-7") as (adapter, server):
        operation = await adapter.submit(ORDER)
        assert isinstance(operation, Operation)
        looks = [await adapter.poll(operation) for _ in range(3)]
        assert looks[:2] == [Running(queued=True), Running(progress=0.5)]
        assert isinstance(looks[2], Succeeded)
        assert b"".join([chunk async for chunk in adapter.fetch(looks[2].assets[0])]) == sample_video()
        *calls, download = server.received
    assert [one.path for one in calls] == ["/v1/text_to_video", *[f"/v1/tasks/{operation.id}"] * 3]
    for one in calls:
        assert one.headers["authorization"] == f"Bearer {KEY}"
        assert one.headers["x-runway-version"] == "2024-11-06"
        assert one.headers["x-runway-on-behalf-of"] == "u-7"
    assert {"authorization", "x-runway-on-behalf-of"} & set(download.headers) == set()
    assert len(wire.orders) == 1


TAKEN = Answer.json({"id": TASK})
LOST: dict[str, Answer | Fault] = {
    "dropped": Drop(),
    "cut": Cut(TAKEN, -4),
    "reset": Reset(),
    "garbage": Garbage(b"no HTTP\r\n\r\n"),
    "a web page": Answer(body=b"<html>"),
    "no id": Answer.json({"id": ""}),
    "400 of a proxy": Answer(400, body=b"<html>"),
    **{str(status): Answer.json({"error": "x"}, status) for status in (403, 404, 408, 409, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("fault", LOST)
async def test_an_order_whose_answer_was_lost_was_sent_once_and_is_uncertain(fault: str) -> None:
    wire = RunwayWire()
    wire.break_next("submit", LOST[fault])
    async with runway(wire) as (adapter, server):
        with pytest.raises(SubmissionUncertain) as caught:
            await adapter.submit(ORDER)
        assert caught.value.charged == "unknown"
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ("moderated", InvalidInput),
        ("no_credit", QuotaExhausted),
        ("bad_key", AuthenticationFailed),
        ("busy", RateLimited),
    ],
)
async def test_a_refused_order_costs_nothing(refusal: Refusal, kind: type[ProviderError]) -> None:
    async with runway(RunwayWire(refusal=refusal)) as (adapter, _):
        with pytest.raises(kind) as caught:
            await adapter.submit(ORDER)
        assert caught.value.charged == "no"


def clip(data: bytes | None = None) -> DeliveredMedia:
    return DeliveredMedia(role="source_video", media_type="video/mp4", data=data or sample_video())


async def test_a_video_is_uploaded_fields_first_without_the_key_and_then_ordered() -> None:
    async with runway(RunwayWire()) as (adapter, server):
        operation = await adapter.submit(order("aleph2", clip(), aspect_ratio="16:9"))
        wish, upload, ordered = server.received
    assert (wish.path, wish.json()) == ("/v1/uploads", {"filename": "video.mp4", "type": "ephemeral"})
    assert [(part.name, part.filename) for part in upload.form()] == [
        ("key", None),
        ("X-Amz-Signature", None),
        ("file", "video.mp4"),
    ]
    assert upload.form()[-1].data == sample_video()
    assert "authorization" not in upload.headers
    assert ordered.json() == {
        "model": "aleph2",
        "promptText": "a fox in snow",
        "videoUri": "runway://invented",
        "targetAspectRatio": "16:9",
    }
    assert isinstance(operation, Operation)


async def test_what_will_be_refused_is_not_uploaded() -> None:
    async with runway(RunwayWire()) as (adapter, server):
        with pytest.raises(UnsupportedFeature):
            await adapter.submit(order("gen4.5", clip()))
        with pytest.raises(InvalidInput, match="is not a video"):
            await adapter.submit(order("aleph2", clip(b"text")))
        assert server.received == []


async def test_an_upload_that_is_refused_orders_nothing_and_asks_for_another_slot() -> None:
    wire = RunwayWire()
    wire.break_next("upload", Answer.json({**SLOT, "uploadUrl": "/bucket"}), Answer(403, body=b"<Error>"))
    async with runway(wire) as (adapter, _):
        with pytest.raises(ProviderUnavailable) as caught:
            await adapter.submit(order("aleph2", clip()))
        assert (caught.value.charged, wire.orders) == ("no", [])


async def test_a_slot_that_leads_inside_is_not_opened() -> None:
    wire = RunwayWire()
    async with LoopbackServer(lambda _: Answer()) as other, runway(wire) as (adapter, _):
        wire.break_next("upload", Answer.json({**SLOT, "uploadUrl": f"{other.origin}/bucket"}))
        with pytest.raises(UnsafeUrl):
            await adapter.submit(order("aleph2", clip()))
        assert (other.connections, wire.orders) == (0, [])


@pytest.mark.parametrize("status", ["PENDING", "THROTTLED", "RUNNING"])
async def test_a_task_that_goes_on_is_stopped(status: str) -> None:
    wire = RunwayWire()
    wire.break_next("poll", Answer.json({"id": TASK, "status": status}))
    async with runway(wire) as (adapter, server):
        await adapter.cancel(OPERATION)
        assert [one.method for one in server.received] == ["GET", "DELETE"]
        assert isinstance(await adapter.poll(OPERATION), Failed)


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer.json({"id": TASK, "status": status}) for status in ("SUCCEEDED", "FAILED", "POLISHING")),
        Answer(500),
        Answer(body=b"<html>"),
        Answer.json({"error": "Could not find Task"}, 404),
    ],
)
async def test_a_task_that_may_have_a_result_is_never_erased(answer: Answer) -> None:
    wire = RunwayWire()
    wire.break_next("poll", answer)
    async with runway(wire) as (adapter, server):
        with pytest.raises(ProviderError):
            await adapter.cancel(OPERATION)
        assert [one.method for one in server.received] == ["GET"]


async def test_a_task_that_was_stopped_before_is_left_alone() -> None:
    wire = RunwayWire()
    wire.break_next("poll", Answer.json({"id": TASK, "status": "CANCELLED"}))
    async with runway(wire) as (adapter, server):
        await adapter.cancel(OPERATION)
        assert len(server.received) == 1


async def test_the_account_tells_whether_the_key_works() -> None:
    async with runway(RunwayWire()) as (adapter, server):
        await adapter.check()
        assert server.received[0].path == "/v1/organization"
    async with runway(lambda _: Answer.json(body("error_401.json"), 401)) as (adapter, _):
        with pytest.raises(AuthenticationFailed):
            await adapter.check()
