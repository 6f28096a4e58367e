from __future__ import annotations

import json
import traceback
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from acme import KEY, ORDER, TAKEN, Acme, acme
from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    MalformedResponse,
    NexiomError,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    ResponseTooLarge,
    StorageUnavailable,
    SubmissionUncertain,
    UnsafeUrl,
)
from nexiom_sdk.providers import HttpOptions, HttpProvider
from nexiom_sdk.providers.wire import Call, Reply
from nexiom_sdk.testing import (
    Answer,
    Cut,
    Drip,
    Drop,
    DropUnread,
    Fault,
    Garbage,
    Hang,
    Received,
    Reset,
    Script,
    VirtualClock,
)
from nexiom_sdk.types import Asset, DeliveredMedia, Failed, Operation, Running, Succeeded

PAGE = Answer(body=b"<html>Welcome</html>")
PICTURE = DeliveredMedia(role="first_frame", media_type="image/png", data=b"\x89PNG")


async def test_an_order_is_taken_looked_at_and_fetched() -> None:
    done = {"id": "a1", "file": "/v1/files/a1"}

    def answer(received: Received) -> Answer:
        match received.method, received.path:
            case "POST", "/v1/videos":
                return TAKEN
            case "GET", "/v1/videos/a1":
                return Answer.json({**done, "file": f"http://{received.headers['host']}/v1/files/a1"})
            case _:
                return Answer(body=b"the video")

    async with acme(answer) as (adapter, server):
        operation = await adapter.submit(ORDER)
        assert isinstance(operation, Operation)
        outcome = await adapter.poll(operation)
        assert isinstance(outcome, Succeeded)
        assert b"".join([chunk async for chunk in adapter.fetch(outcome.assets[0])]) == b"the video"
        assert server.received[0].json() == {"model": "acme-1", "prompt": "a fox"}
    assert {one.headers["authorization"] for one in server.received} == {f"Bearer {KEY}"}
    assert [one.headers.get("acme-version") for one in server.received] == ["2026-11-25", "2026-11-25", None]
    assert json.loads(json.dumps(dict(operation.state))) == operation.state


async def test_bytes_are_fetched_without_a_call() -> None:
    async with acme(Script()) as (adapter, server):
        data = bytes(600_000)
        chunks = [chunk async for chunk in adapter.fetch(Asset(data=data))]
        assert (b"".join(chunks), server.connections) == (data, 0)
        assert max(map(len, chunks)) <= 256 * 1024


LOST: dict[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "dropped while the order is sent": DropUnread(10),
    "cut in the head": Cut(TAKEN, 20),
    "cut in the body": Cut(TAKEN, -4),
    "garbage": Garbage(b"no HTTP\r\n\r\n"),
    "silence": Hang(),
    "one byte at a time": Drip(TAKEN, 1, 0.05),
    **{str(status): Answer.json({"error": "x"}, status) for status in (500, 502, 503, 504, 408, 409, 418, 301)},
    "an empty success": Answer(),
    "a web page": PAGE,
    "a success without an id": Answer.json({"status": "queued"}),
    "a huge success": Answer(body=b" " * 5_000_000),
}


@pytest.mark.parametrize("fault", LOST)
async def test_an_order_whose_answer_says_nothing_certain_is_uncertain_and_was_sent_once(fault: str) -> None:
    options = HttpOptions(call_timeout_seconds=0.3)
    async with acme(Script(LOST[fault]), options=options) as (adapter, server):
        with pytest.raises(SubmissionUncertain) as caught:
            await adapter.submit(ORDER)
        assert (caught.value.charged, caught.value.provider) == ("unknown", "acme")
        assert server.connections == 1
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(400, InvalidInput), (402, QuotaExhausted), (422, ContentRejected), (429, RateLimited)]
)
async def test_a_refusal_that_the_provider_documents_is_one(status: int, kind: type[ProviderError]) -> None:
    refused = Answer.json({"error": "no"}, status, headers={"retry-after": "7", "x-request-id": "r-1"})
    async with acme(lambda _: refused) as (adapter, _):
        with pytest.raises(kind) as caught:
            await adapter.submit(ORDER)
    error = caught.value
    assert (error.charged, error.status, error.request_id, error.retry_after_seconds) == ("no", status, "r-1", 7.0)


async def test_an_order_that_never_left_was_not_sent() -> None:
    async with acme(Script()) as (adapter, server):
        await server.aclose()
        with pytest.raises(ProviderUnavailable, match="nothing was ordered") as caught:
            await adapter.submit(ORDER)
    assert caught.value.charged == "no"


async def test_an_order_to_a_name_that_leads_inside_is_not_sent() -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    adapter = Acme({"api_key": SecretStr(KEY)}, http=HttpOptions(resolve=inside))
    with pytest.raises(UnsafeUrl):
        await adapter.submit(ORDER)
    with pytest.raises(UnsafeUrl):
        await adapter.poll(Operation(id="a1"))


async def test_pictures_are_uploaded_before_the_order_which_names_them() -> None:
    script = Script().on("POST /v1/uploads", Answer.json({"id": "up-1"})).on("POST /v1/videos", TAKEN)
    async with acme(script) as (adapter, server):
        await adapter.submit(replace(ORDER, spec=ORDER.spec.evolve(media=(PICTURE,))))
        upload, order = server.received
        assert [(part.name, part.data) for part in upload.form()] == [("purpose", b"input"), ("file", b"\x89PNG")]
        assert order.json() == {"model": "acme-1", "prompt": "a fox", "frames": ["up-1"]}


async def test_an_order_that_must_not_go_out_any_more_is_stopped_after_its_uploads() -> None:
    def too_late() -> None:
        raise StorageUnavailable("too late", charged="no")

    script = Script().on("POST /v1/uploads", Answer.json({"id": "up-1"})).on("POST /v1/videos", TAKEN)
    async with acme(script) as (adapter, server):
        with pytest.raises(StorageUnavailable):
            await adapter.submit(replace(ORDER, spec=ORDER.spec.evolve(media=(PICTURE,)), before_order=too_late))
        assert [one.path for one in server.received] == ["/v1/uploads"]


@pytest.mark.parametrize("broken", [Answer(500), Answer(body=b"<html>"), Answer(401), Drop()], ids=str)
async def test_an_upload_that_breaks_orders_nothing_and_costs_nothing(broken: Answer | Fault) -> None:
    async with acme(Script(broken)) as (adapter, server):
        with pytest.raises(NexiomError) as caught:
            await adapter.submit(replace(ORDER, spec=ORDER.spec.evolve(media=(PICTURE,))))
        assert caught.value.charged == "no"
        assert [one.path for one in server.received] == ["/v1/uploads"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(401), AuthenticationFailed),
        (Answer(403), AuthenticationFailed),
        (Answer(402), QuotaExhausted),
        (Answer(429), RateLimited),
        (Answer(408), ProviderUnavailable),
        (Answer(500), ProviderUnavailable),
        (Answer(599), ProviderUnavailable),
        (Answer(418), InvalidInput),
        (Answer(302, headers={"location": "https://evil.example/"}), MalformedResponse),
        (PAGE, MalformedResponse),
        (Answer(body=b"[]"), MalformedResponse),
        (Answer(body=b" " * 5_000_000), ResponseTooLarge),
        (Drop(), ProviderUnavailable),
    ],
    ids=str,
)
async def test_a_look_that_does_not_work_says_why(answer: Answer | Fault, kind: type[NexiomError]) -> None:
    async with acme(Script(answer)) as (adapter, server):
        with pytest.raises(kind):
            await adapter.poll(Operation(id="a1"))
        assert server.connections == 1


async def test_a_look_may_lead_to_one_more_call_but_not_round_and_round() -> None:
    again = Answer.json({"id": "a1", "details": "/videos/a1/result"})
    done = Answer.json({"id": "a1", "file": "https://cdn.example/v.mp4"})
    async with acme(Script(again, done, then=again)) as (adapter, server):
        assert isinstance(await adapter.poll(Operation(id="a1")), Succeeded)
        assert [one.path for one in server.received] == ["/v1/videos/a1", "/v1/videos/a1/result"]
        with pytest.raises(MalformedResponse, match="from one place to the next"):
            await adapter.poll(Operation(id="a1"))


@pytest.mark.parametrize("fault", [Drop(), Answer(401), Answer(500), PAGE], ids=str)
async def test_no_traceback_shows_a_key_or_a_signed_query_even_with_local_variables(fault: Answer | Fault) -> None:
    async with acme(lambda _: fault) as (adapter, server):
        asset = Asset(url=f"{server.origin}/v.mp4?sig=CANARY-query", needs_auth=True)

        async def all_of_it() -> None:
            async for _ in adapter.fetch(asset):
                pass

        calls = [adapter.submit(ORDER), adapter.poll(Operation(id="a1"))]
        for going_wrong in calls if fault == PAGE else [*calls, all_of_it()]:
            with pytest.raises(NexiomError) as caught:
                await going_wrong
            shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            assert not [line for line in "".join(shown.format()).splitlines() if "CANARY" in line]


@given(
    status=st.sampled_from([200, 201, 202, 204, 400, 404, 422, 429, 500, 503]),
    body=st.binary(max_size=200) | st.recursive(
        st.none() | st.booleans() | st.text() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "file", "status", "error"]), inner),
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_no_reply_whatever_makes_reading_raise_anything_foreign(status: int, body: bytes) -> None:
    adapter = Acme({"api_key": SecretStr(KEY)})
    reply = Reply(provider="Acme", status=status, headers={}, body=body, received_at=VirtualClock().now())
    for read in (
        lambda: adapter.read_submit(ORDER, reply),
        lambda: adapter.read_poll(Operation(id="a1"), reply),
        lambda: adapter.read_error(reply),
    ):
        with suppress(NexiomError):
            assert isinstance(read(), Operation | Succeeded | Running | Failed | Call | ProviderError | None)


def test_an_adapter_that_implements_too_little_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        HttpProvider({})  # type: ignore[abstract]  # that is the point


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "xn--"])
async def test_a_name_that_is_none_is_no_crash_and_no_uncertain_order(host: str) -> None:
    adapter = Acme({"api_key": SecretStr(KEY)})
    with pytest.raises(NexiomError) as caught:
        await adapter.send(Call("GET", f"https://{host}/"))
    assert caught.value.charged == "no"
    await adapter.aclose()
