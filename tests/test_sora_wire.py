from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    ModelRetired,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    ResultExpired,
    SubmissionUncertain,
    UnsafeUrl,
)
from nexiom_sdk.providers.protocol import HttpOptions, SupportsCancel
from nexiom_sdk.testing import (
    Answer,
    Cut,
    Drop,
    DropUnread,
    Fault,
    Garbage,
    Hang,
    LoopbackServer,
    Received,
    Reset,
    Script,
    sample_video,
)
from nexiom_sdk.testing.provider_wire import Refusal
from nexiom_sdk.testing.wires.sora import SoraWire
from nexiom_sdk.types import Asset, Failed, Operation, Running, Succeeded
from sora_rig import KEY, OPERATION, PNG, PROMPT, body, inline, order, sora

ORDER = order(duration_seconds=8.0, resolution="720p", aspect_ratio="16:9")
ENDED = {"object": "video", "id": OPERATION.id}


async def test_an_order_is_taken_looked_at_and_fetched_with_the_key() -> None:
    wire = SoraWire()
    async with sora(wire) as (adapter, server):
        operation = await adapter.submit(ORDER)
        assert isinstance(operation, Operation)
        looks = [await adapter.poll(operation) for _ in range(3)]
        assert looks[:2] == [Running(queued=True, progress=0.0), Running(progress=0.5)]
        assert isinstance(looks[2], Succeeded)
        assert looks[2].assets[0].expires_at is not None
        assert b"".join([chunk async for chunk in adapter.fetch(looks[2].assets[0])]) == sample_video()
    job = f"/v1/videos/{operation.id}"
    assert [one.path for one in server.received] == ["/v1/videos", job, job, job, f"{job}/content"]
    assert {one.headers["authorization"] for one in server.received} == {f"Bearer {KEY}"}
    assert len(wire.orders) == 1


async def test_a_form_arrives_as_a_form_text_first_and_the_picture_last() -> None:
    async with sora(SoraWire()) as (adapter, server):
        await adapter.submit(order(inline(), duration_seconds=4.0, resolution="720p", aspect_ratio="9:16"))
        parts = server.received[0].form()
    assert [(part.name, part.filename, part.media_type, part.data) for part in parts] == [
        ("prompt", None, None, PROMPT.encode()),
        ("seconds", None, None, b"4"),
        ("size", None, None, b"720x1280"),
        ("input_reference", "first_frame.png", "image/png", PNG),
    ]


async def test_json_arrives_as_json_and_without_a_key_none_is_sent() -> None:
    async with sora(SoraWire(), request_format="json", api_key="") as (adapter, server):
        await adapter.submit(ORDER)
        [sent] = server.received
    assert sent.json() == {"prompt": PROMPT, "seconds": 8, "size": "1280x720"}
    assert "authorization" not in sent.headers


TAKEN = Answer.json(body("sora/submit_response"))
LOST: dict[str, Answer | Fault] = {
    "dropped": Drop(),
    "dropped while the order is sent": DropUnread(10),
    "cut": Cut(TAKEN, -4),
    "reset": Reset(),
    "garbage": Garbage(b"no HTTP\r\n\r\n"),
    "silence": Hang(),
    "a web page": Answer(body=b"<html>"),
    "no id": Answer.json({"status": "queued"}),
    "413 of a proxy": Answer(413, body=b"<html>"),
    **{str(status): Answer.json({"error": {"message": "x"}}, status) for status in (408, 409, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("fault", LOST)
async def test_an_order_whose_answer_was_lost_was_sent_once_and_is_uncertain(fault: str) -> None:
    wire = SoraWire()
    wire.break_next("submit", LOST[fault])
    async with sora(wire, options=HttpOptions(call_timeout_seconds=0.3)) as (adapter, server):
        with pytest.raises(SubmissionUncertain) as caught:
            await adapter.submit(ORDER)
        assert caught.value.charged == "unknown"
        assert (server.connections, len(server.received)) == (1, 1)
    assert KEY not in str(caught.value)


REFUSALS: dict[Refusal, type[ProviderError]] = {
    "moderated": ContentRejected,
    "no_credit": QuotaExhausted,
    "bad_key": AuthenticationFailed,
    "busy": RateLimited,
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refused_order_costs_nothing(refusal: Refusal) -> None:
    async with sora(SoraWire(refusal=refusal)) as (adapter, _):
        with pytest.raises(REFUSALS[refusal]) as caught:
            await adapter.submit(ORDER)
        assert caught.value.charged == "no"


@pytest.mark.parametrize(
    "answer",
    [
        Answer.json({"detail": "Not Found"}, 404),
        Answer.json({"detail": "Method Not Allowed"}, 405),
        Answer(404, body=b"404 page not found"),
        Answer.json(body("sora/error_404"), 404),
    ],
)
async def test_a_server_that_serves_no_videos_takes_no_order_so_others_may_be_asked(answer: Answer) -> None:
    async with sora(lambda _: answer) as (adapter, _):
        with pytest.raises(ModelRetired) as caught:
            await adapter.submit(ORDER)
        assert (caught.value.charged, caught.value.fallback) == ("no", True)
        assert "OPENAI_BASE_URL" in caught.value.next_step


async def test_a_failed_job_in_an_outage_is_a_failed_job_and_an_outage_is_none() -> None:
    said = body("openai-compatible/vllm_omni_poll_failed")["body"]
    async with sora(Script(Answer.json(said, 500), Answer(500))) as (adapter, _):
        assert isinstance(await adapter.poll(OPERATION), Failed)
        with pytest.raises(ProviderUnavailable):
            await adapter.poll(OPERATION)


async def test_a_job_that_is_gone_has_failed() -> None:
    async with sora(Script(then=Answer.json({"detail": "Video not found"}, 404))) as (adapter, _):
        assert isinstance(await adapter.poll(OPERATION), Failed)


async def test_a_result_that_is_deleted_has_expired() -> None:
    wire = SoraWire(looks=0)
    wire.content_misses = 1
    async with sora(wire) as (adapter, _):
        done = await adapter.poll(OPERATION)
        assert isinstance(done, Succeeded)
        with pytest.raises(ResultExpired):
            _ = [chunk async for chunk in adapter.fetch(done.assets[0])]
        assert b"".join([chunk async for chunk in adapter.fetch(done.assets[0])]) == sample_video()


async def test_the_key_follows_no_redirect_and_goes_to_no_other_origin() -> None:
    async with LoopbackServer(lambda _: Answer(body=b"theirs")) as other:

        def answer(received: Received) -> Answer:
            return Answer(302, headers={"location": f"{other.origin}/v.mp4"})

        async with sora(answer) as (adapter, server):
            at_content = Asset(url=f"{server.origin}/v1/videos/7/content", needs_auth=True)
            for asset in (at_content, Asset(url=f"{other.origin}/v.mp4")):
                with pytest.raises(UnsafeUrl):
                    _ = [chunk async for chunk in adapter.fetch(asset)]
        assert other.connections == 0


async def test_a_server_that_answers_when_it_is_done_has_the_time_and_the_room_that_it_needs() -> None:
    video = bytes(6 * 1024 * 1024)  # in base64 it is larger than an answer may usually be
    done = {"status": "completed", "data": [{"b64_json": base64.b64encode(video).decode()}]}
    async with sora(lambda _: Answer.json(done), timeout_seconds="60", request_format="json") as (adapter, _):
        assert await adapter.submit(ORDER) == Succeeded(assets=(Asset(data=video),))
    async with sora(Script(Hang()), timeout_seconds="0.2") as (adapter, _):
        with pytest.raises(SubmissionUncertain, match=r"0\.2 s"):
            await adapter.submit(ORDER)


@pytest.mark.parametrize("status", ["queued", "in_progress", "generating"])
async def test_a_job_that_goes_on_is_stopped_where_the_server_can(status: str) -> None:
    wire = SoraWire()
    wire.break_next("poll", Answer.json({**ENDED, "status": status}))
    wire.break_next("cancel", Answer.json({"detail": "Cancellation in progress"}, 409))
    async with sora(wire, cancels="yes") as (adapter, server):
        assert isinstance(adapter, SupportsCancel)
        await adapter.cancel(OPERATION)
        assert [one.method for one in server.received] == ["GET", "DELETE", "DELETE"]
        assert wire.cancelled == {OPERATION.id}
        assert isinstance(await adapter.poll(OPERATION), Failed)


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer.json({**ENDED, "status": status}) for status in ("completed", "failed", "polishing")),
        Answer(500),
        Answer(body=b"<html>"),
        Answer.json({"detail": "Video not found"}, 404),
    ],
)
async def test_a_job_that_may_have_a_result_is_never_erased(answer: Answer) -> None:
    wire = SoraWire()
    wire.break_next("poll", answer)
    async with sora(wire, cancels="1") as (adapter, server):
        assert isinstance(adapter, SupportsCancel)
        with pytest.raises(ProviderError):
            await adapter.cancel(OPERATION)
        assert [one.method for one in server.received] == ["GET"]


async def test_a_job_that_was_stopped_before_is_left_alone() -> None:
    wire = SoraWire()
    wire.break_next("poll", Answer.json(body("openai-compatible/sglang_delete_response")))
    async with sora(wire, cancels="1") as (adapter, server):
        assert isinstance(adapter, SupportsCancel)
        await adapter.cancel(OPERATION)
        assert len(server.received) == 1


async def test_a_server_that_stops_nothing_says_so() -> None:
    wire = SoraWire()
    wire.break_next("cancel", Answer(409), Answer(409))
    async with sora(wire, cancels="1") as (adapter, _):
        assert isinstance(adapter, SupportsCancel)
        with pytest.raises(ProviderUnavailable):
            await adapter.cancel(OPERATION)


async def test_the_list_of_videos_tells_whether_the_server_can_be_used() -> None:
    async with sora(SoraWire()) as (adapter, server):
        await adapter.check()
        assert (server.received[0].path, server.received[0].query) == ("/v1/videos", {"limit": ("1",)})
    async with sora(Script(then=Answer.json({"detail": "Method Not Allowed"}, 405))) as (adapter, _):
        await adapter.check()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(401), AuthenticationFailed),
        (Answer.json({"detail": "Not Found"}, 404), ModelRetired),
        (Answer(404), ModelRetired),
        (Answer(503), ProviderUnavailable),
        (Drop(), ProviderUnavailable),
    ],
    ids=str,
)
async def test_a_server_that_cannot_be_used_says_why(answer: Answer | Fault, kind: type[ProviderError]) -> None:
    async with sora(lambda _: answer) as (adapter, _):
        with pytest.raises(kind):
            await adapter.check()


async def test_an_order_is_free_to_be_sent_again_where_the_server_was_not_reached() -> None:
    async with sora(SoraWire()) as (adapter, server):
        await server.aclose()
        with pytest.raises(ProviderUnavailable, match="nothing was ordered"):
            await adapter.submit(replace(ORDER, idempotency_key="j2.0"))
