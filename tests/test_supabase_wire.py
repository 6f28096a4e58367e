"""What can go wrong between a worker and Supabase Storage, on a server of our own that breaks as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from hosted_storage import KEY as SECRET
from hosted_storage import HostedStorage, refusal
from nexiom_sdk.backends import supabase_wire
from nexiom_sdk.backends.supabase_storage import SupabaseStorage
from nexiom_sdk.errors import ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import CHUNK_BYTES
from nexiom_sdk.testing import Answer, Cut, Drip, Drop, Fault, Garbage, Hang, LoopbackServer, Received, Reset, Script
from nexiom_sdk.testing.store_contract import KEY, content, given, pieces, then_fail

Call = Callable[[SupabaseStorage], Awaitable[object]]


async def _listed(store: SupabaseStorage) -> list[str]:
    return [info.key async for info in store.list()]


CALLS: dict[str, Call] = {
    "put": lambda store: store.put(KEY, pieces(b"fox"), media_type="image/png"),
    "open": content,
    "stat": lambda store: store.stat(KEY),
    "url": lambda store: store.url(KEY, ttl_seconds=60),
    "delete": lambda store: store.delete(KEY),
    "list": _listed,
}
FOX = Answer(headers={"content-type": "image/png"}, body=b"a fox in snow")


@contextlib.asynccontextmanager
async def talking_to(
    answer: Callable[[Received], Answer | Fault], *, key: str = SECRET, silence_seconds: float = 5
) -> AsyncIterator[tuple[SupabaseStorage, LoopbackServer]]:
    async with LoopbackServer(answer) as server:
        store = SupabaseStorage(server.origin, SecretStr(key), silence_seconds=silence_seconds)
        try:
            yield store, server
        finally:
            await store.aclose()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "trouble",
    [Drop(), Reset(), Hang(), Garbage(b"no HTTP\r\n\r\n"), Cut(FOX, 60), Answer(302)],
    ids=repr,
)
async def test_trouble_on_the_way_is_ours_and_takes_no_frame_of_the_library_along(trouble: Fault, call: Call) -> None:
    async with talking_to(Script(then=trouble), silence_seconds=0.15) as (store, _):
        with pytest.raises(StorageUnavailable) as caught:
            await call(store)
    assert caught.value.retryable
    chain = "".join(traceback.format_exception(caught.value))
    assert "httpx." not in chain
    assert "httpcore." not in chain


async def test_nobody_there_is_said_with_the_address() -> None:
    async with LoopbackServer(FOX.to) as server:
        origin = server.origin
    store = SupabaseStorage(origin, SecretStr(SECRET))
    with pytest.raises(StorageUnavailable, match="there is no connection") as caught:
        await store.stat(KEY)
    assert origin in caught.value.message
    assert "NEXIOM_SUPABASE_URL" in caught.value.next_step


@pytest.mark.parametrize("verb", ["stat", "url", "delete", "list"])
async def test_an_answer_that_drips_is_not_waited_for_without_end(verb: str) -> None:
    async with talking_to(Script(then=Drip(FOX, 1, 0.05)), silence_seconds=0.2) as (store, _):
        with pytest.raises(StorageUnavailable, match="in time"):
            await CALLS[verb](store)


async def test_a_download_may_take_any_time_as_long_as_something_comes() -> None:
    async with talking_to(Script(then=Drip(FOX, 1, 0.01)), silence_seconds=0.3) as (store, _):
        assert await content(store) == FOX.body


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff"], ids=lambda body: repr(body[:8]))
async def test_an_answer_that_is_no_json_is_no_storage(body: bytes) -> None:
    async with talking_to(Script(then=Answer(body=body))) as (store, _):
        with pytest.raises(StorageUnavailable, match="cannot be read"):
            await store.stat(KEY)


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>", b"[]", b"{}", b"null"])
async def test_an_upload_counts_only_if_the_storage_itself_says_so(body: bytes) -> None:
    async with talking_to(Script(then=Answer(body=body))) as (store, _):
        with pytest.raises(StorageUnavailable, match=r"cannot be read|names no object"):
            await CALLS["put"](store)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'"x"', b"[1, null]"])
async def test_an_answer_of_another_shape_is_never_taken_for_an_address(body: bytes) -> None:
    async with talking_to(Script(then=Answer(body=body))) as (store, _):
        with pytest.raises(StorageUnavailable, match="signed no address"):
            await store.url(KEY, ttl_seconds=60)


async def test_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supabase_wire, "MOST_JSON_BYTES", 100)
    async with talking_to(Script(then=Answer(body=b"[" + b" " * 200 + b"]"))) as (store, _):
        with pytest.raises(StorageUnavailable, match="more than 100 bytes"):
            await store.stat(KEY)


async def test_an_endless_complaint_is_not_read_to_its_end() -> None:
    async with talking_to(Script(then=Answer(500, chunks=(b"x" * 65_536 for _ in iter(int, 1))))) as (store, _):
        with pytest.raises(StorageUnavailable, match="more than 65,536 bytes"):
            await content(store)


async def test_a_compressed_answer_that_nobody_asked_for_is_refused() -> None:
    packed = Answer(headers={"content-encoding": "gzip"}, body=b"x")
    async with talking_to(Script(then=packed)) as (store, server):
        with pytest.raises(StorageUnavailable, match="compressed"):
            await content(store)
    assert server.received[0].headers["accept-encoding"] == "identity"


async def test_a_download_that_breaks_off_gives_what_came_and_then_says_so() -> None:
    came = bytearray()
    async with talking_to(Script(then=Cut(FOX, len(FOX.body) + 60))) as (store, _):
        with pytest.raises(StorageUnavailable, match="broke off"):
            async for chunk in store.open(KEY):
                came += chunk
    assert FOX.body.startswith(bytes(came))
    assert len(came) < len(FOX.body)


async def test_a_file_is_sent_with_its_length_and_a_stream_without(tmp_path: Path) -> None:
    async with talking_to(HostedStorage()) as (store, server):
        await store.put_file(KEY, given(tmp_path), media_type="image/png")
        await store.put(KEY, pieces(b"a fox"), media_type="image/png")
    file, stream = (one for one in server.received if one.method == "POST")
    assert (file.headers["content-length"], file.headers.get("transfer-encoding")) == ("13", None)
    assert (stream.headers.get("content-length"), stream.headers["transfer-encoding"]) == (None, "chunked")
    for one in (file, stream):
        assert (one.path, one.headers["x-upsert"]) == ("/storage/v1/object/inputs/u1/fox.png", "true")
        assert one.headers["content-type"] == "image/png"


async def test_a_file_that_becomes_shorter_meanwhile_is_not_stored(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * CHUNK_BYTES * 2)
    hosted = HostedStorage()
    async with talking_to(hosted) as (store, _):
        read = store._wire.send

        async def cut_first(*args: object, **more: object) -> None:
            file.write_bytes(b"x")
            await read(*args, **more)  # type: ignore[arg-type]  # handed on as they came

        store._wire.send = cut_first  # type: ignore[method-assign]
        with pytest.raises(StorageUnavailable, match="changed its length"):
            await store.put_file(KEY, file, media_type="image/png")
    assert hosted.objects == {}


async def test_a_sender_that_fails_never_ends_the_body() -> None:
    hosted = HostedStorage()
    async with talking_to(hosted) as (store, server):
        with pytest.raises(EOFError):
            await store.put(KEY, then_fail(), media_type="image/png")
        await store.stat(KEY)
        assert [one.method for one in server.received] == ["GET"]  # no request was whole but this one
    assert hosted.objects == {}


async def test_a_put_of_which_the_answer_was_lost_is_made_again() -> None:
    hosted = HostedStorage()
    lost = [Drop()]

    def answer(received: Received) -> Answer | Fault:
        reply = hosted(received)
        return lost.pop() if lost else reply

    async with talking_to(answer) as (store, _):
        with pytest.raises(StorageUnavailable):
            await CALLS["put"](store)
        assert await content(store) == b"fox"
        await CALLS["put"](store)
        assert (await content(store), len(hosted.objects)) == (b"fox", 1)


async def test_what_is_stored_counts_as_stored_even_if_it_cannot_be_looked_at() -> None:
    script = Script(then=Answer.json({"Key": KEY})).on(f"GET /storage/v1/object/info/{KEY}", then=Answer(503))
    async with talking_to(script) as (store, _):
        info = await store.put(KEY, pieces(b"fox"), media_type="image/png")
    assert (info.size_bytes, info.media_type, info.modified_at) == (3, "image/png", None)


@pytest.mark.parametrize(("key", "as_token"), [("sb_secret_123456", False), ("eyJhbGciOiJIUzI1NiJ9.e30.sig", True)])
async def test_a_new_key_goes_alone_and_an_older_one_is_a_token_too(key: str, as_token: bool) -> None:
    async with talking_to(HostedStorage(key=key), key=key) as (store, server):
        assert await store.stat(KEY) is None
    headers = server.received[0].headers
    assert headers["apikey"] == key
    assert headers.get("authorization") == (f"Bearer {key}" if as_token else None)


async def test_an_answer_to_an_upload_that_drips_is_waited_for_within_bounds(tmp_path: Path) -> None:
    async with talking_to(Script(then=Drip(Answer(body=b"x" * 4000), 1, 0.01)), silence_seconds=0.05) as (store, _):
        with pytest.raises(StorageUnavailable, match="names no object"):
            await store.put_file(KEY, given(tmp_path), media_type="image/png")


async def test_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login alice password CANARY\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with talking_to(HostedStorage()) as (store, server):
        assert await store.stat(KEY) is None
    assert "authorization" not in server.received[0].headers


async def test_a_redirect_takes_the_key_nowhere() -> None:
    async with LoopbackServer(Script(then=FOX)) as elsewhere:
        away = Answer(307, headers={"location": f"{elsewhere.origin}/storage/v1/object/{KEY}"})
        async with talking_to(Script(then=away)) as (store, _):
            with pytest.raises(StorageUnavailable):
                await content(store)
        assert elsewhere.received == []


async def test_secret_keys_and_signed_tokens_turn_up_nowhere(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Whatever happens, and whatever the service says back: in logs at DEBUG, errors with their frames, and reprs."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.connection", "httpcore.http11"):
        caplog.set_level(logging.DEBUG, logger=name)
    found: list[str] = []
    async with talking_to(HostedStorage()) as (store, _):
        await store.put_file(KEY, given(tmp_path), media_type="image/png")
        url = str(await store.url(KEY, ttl_seconds=60))
        for call in CALLS.values():
            with contextlib.suppress(ObjectNotFound):
                await call(store)
        found.append(repr(store))
    careless = f"{SECRET} denied for {url} Authorization: Bearer {SECRET}"
    for trouble in (
        refusal(403, careless, careless, careless),
        Answer(500, body=careless.encode()),
        Drop(),
        Garbage(b"x"),
    ):
        async with talking_to(Script(then=trouble)) as (store, _):
            for call in CALLS.values():
                try:
                    await call(store)
                except StorageUnavailable as error:
                    inside = error.__traceback__ and error.__traceback__.tb_next  # behind this function's own frame
                    frames = traceback.TracebackException(type(error), error, inside, capture_locals=True)
                    found += [str(error), repr(error), error.next_step, error.cause, *frames.format()]
    assert "TOKEN-60" in url
    shown = "\n".join([*found, *(f"{record.name} {record.getMessage()}" for record in caplog.records)])
    assert "_answer" in shown  # frames of the library are among it
    assert not [record for record in caplog.records if record.name.startswith("http")]
    assert [line for line in shown.splitlines() if SECRET in line or "TOKEN-60" in line] == []


async def test_calls_at_once_share_connections() -> None:
    async with talking_to(HostedStorage(), silence_seconds=30) as (store, server):
        await asyncio.gather(*(store.stat(KEY) for _ in range(100)))
        assert server.connections <= 64
