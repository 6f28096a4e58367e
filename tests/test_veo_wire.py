from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from nexiom_sdk.errors import AuthenticationFailed, ModelRetired, SubmissionUncertain, UnsupportedFeature
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.veo import VeoProvider
from nexiom_sdk.testing import (
    Answer,
    Cut,
    Drop,
    Fault,
    Garbage,
    LoopbackServer,
    Received,
    Reset,
    Script,
    VirtualClock,
    sample_video,
)
from nexiom_sdk.testing.provider_wire import ProviderWire
from nexiom_sdk.testing.wires.veo import VeoWire, VertexWire
from nexiom_sdk.testing.wires.veo_omni import OmniVertexWire, OmniWire
from nexiom_sdk.types import Cancelled, Failed, Operation, Running, Succeeded
from veo_rig import fixture, order

ROWS: Mapping[str, tuple[type[ProviderWire], str]] = {
    "veo": (VeoWire, "veo-3.1-generate-001"),
    "omni on vertex": (OmniVertexWire, "gemini-omni-1.1-flash"),
    "omni": (OmniWire, "gemini-omni-1.1-flash"),
}
LOST: Mapping[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "cut": Cut(Answer.json({"id": "x", "name": "x"}), -4),
    "garbage": Garbage(b"?\r\n\r\n"),
    "nonsense": Answer.json({"done": True}),
    "high demand": Answer.json(fixture("error_503"), 503),
    **{str(status): Answer(status) for status in (400, 404, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("how", LOST)
async def test_an_order_whose_answer_is_lost_goes_out_once(how: str, row: str) -> None:
    wire, model = ROWS[row]
    async with LoopbackServer(Script(LOST[how])) as server:
        made = VeoProvider(wire().config(server.origin))
        with pytest.raises(SubmissionUncertain) as caught:
            await made.submit(order(model))
        await made.aclose()
        assert (len(server.received), caught.value.charged) == (1, "unknown")


async def _made(made: VeoProvider, model: str) -> bytes:
    """A clip, from the order to its bytes."""
    taken = await made.submit(order(model))
    assert isinstance(taken, Operation)
    for _ in range(9):
        outcome = await made.poll(taken)
        if isinstance(outcome, Succeeded):
            return b"".join([chunk async for chunk in made.fetch(outcome.assets[0])])
        assert isinstance(outcome, Running)
    raise AssertionError


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("inline", [True, False])
async def test_a_clip_is_ordered_looked_at_and_fetched(row: str, *, inline: bool) -> None:
    kind, model = ROWS[row]
    wire = kind()
    if isinstance(wire, VertexWire):
        wire.inline = inline
    async with LoopbackServer(wire) as server:
        made = VeoProvider(wire.config(server.origin))
        assert await _made(made, model) == sample_video()
        await made.aclose()
    assert len(wire.orders) == 1
    fetched = any("alt=media" in one.target for one in server.received)
    assert fetched != (inline and isinstance(wire, VertexWire))


async def test_a_clip_of_many_megabytes_may_come_inside_of_the_answer() -> None:
    wire = VeoWire(video=bytes(12_000_000), looks=0)
    wire.inline = True
    async with LoopbackServer(wire) as server:
        made = VeoProvider(wire.config(server.origin))
        assert len(await _made(made, "veo-3.1-generate-001")) == 12_000_000
        await made.aclose()


async def test_a_file_that_is_not_ready_is_looked_at_again_once_in_each_look() -> None:
    wire = OmniWire(looks=0)
    wire.file_looks = 2
    async with LoopbackServer(wire) as server:
        made = VeoProvider(wire.config(server.origin))
        assert await _made(made, "gemini-omni-1.1-flash") == sample_video()
        await made.aclose()
    looks = [one.path.split("/")[2] for one in server.received[1:-1]]
    assert looks == ["interactions", "files"] * 3


async def test_a_key_goes_to_the_gemini_api_and_to_no_other_place() -> None:
    def answer(received: Received) -> Answer | Fault:
        if received.path.startswith("/v1beta/interactions/"):
            video = {"type": "video", "uri": f"{elsewhere.origin}/v1beta/files/x.mp4"}
            steps = [{"type": "model_output", "content": [video]}]
            return Answer.json({"id": "v1", "status": "completed", "steps": steps})
        return Answer.json({"id": "v1", "status": "queued"})

    async with LoopbackServer(lambda _: Answer.file(sample_video())) as elsewhere, LoopbackServer(answer) as server:
        made = VeoProvider({"api_key": "k-123456", "base_url": server.origin})
        taken = await made.submit(order("gemini-omni-1.1-flash"))
        assert isinstance(taken, Operation)
        done = await made.poll(taken)
        assert isinstance(done, Succeeded)
        assert (done.assets[0].needs_auth, done.assets[0].url) == (False, f"{elsewhere.origin}/v1beta/files/x.mp4")
        await made.aclose()
    assert {one.headers["x-goog-api-key"] for one in server.received} == {"k-123456"}
    assert not any("authorization" in one.headers for one in server.received)


async def test_a_token_goes_to_vertex_ai_and_to_the_storage() -> None:
    wire, store = VeoWire(looks=0), VeoWire()
    async with LoopbackServer(wire) as server, LoopbackServer(store) as storage:
        config = {**wire.config(server.origin), "storage_base_url": f"{storage.origin}/storage/v1"}
        made = VeoProvider({**config, "api_key": "AIza-CANARY"})
        assert await _made(made, "veo-3.1-generate-001") == sample_video()
        await made.aclose()
    assert [one.headers["authorization"] for one in storage.received] == ["Bearer ya29.not-a-real-one"]
    assert storage.received[0].target.startswith("/storage/v1/b/demo-bucket/o/veo%2F")
    assert not any("CANARY" in str(one.headers) for one in (*server.received, *storage.received))


async def test_a_token_that_was_refused_is_followed_by_a_new_one_in_the_next_call() -> None:
    clock, tokens = VirtualClock(), iter(("first", "second", "third"))
    wire = VeoWire()
    wire.break_next("submit", Answer.json(fixture("error_401"), 401))
    async with LoopbackServer(wire) as server:
        config = {key: value for key, value in wire.config(server.origin).items() if key != "access_token"}
        made = VeoProvider(
            config,
            http=HttpOptions(clock=clock),
            token_provider=lambda: (next(tokens), clock.now() + timedelta(hours=1)),
        )
        with pytest.raises(AuthenticationFailed):
            await made.submit(order())
        assert len(server.received) == 1, "no second attempt inside"
        taken = await made.submit(order())
        assert isinstance(taken, Operation)
        await made.poll(taken)
        await made.aclose()
    used = [one.headers["authorization"] for one in server.received]
    assert used == ["Bearer first", "Bearer second", "Bearer second"]


async def test_an_interaction_is_stopped_and_says_so() -> None:
    for row in ("omni", "omni on vertex"):
        wire = ROWS[row][0](looks=50)
        async with LoopbackServer(wire) as server:
            made = VeoProvider(wire.config(server.origin))
            taken = await made.submit(order("gemini-omni-1.1-flash"))
            assert isinstance(taken, Operation)
            await made.cancel(taken)
            assert (server.received[-1].method, server.received[-1].body) == ("POST", b"")
            assert wire.cancelled == {taken.id}
            assert await made.poll(taken) == Cancelled()
            await made.aclose()


async def test_an_operation_cannot_be_stopped() -> None:
    wire = VeoWire()
    async with LoopbackServer(wire) as server:
        made = VeoProvider(wire.config(server.origin))
        taken = await made.submit(order())
        assert isinstance(taken, Operation)
        with pytest.raises(UnsupportedFeature, match="cannot stop"):
            await made.cancel(taken)
        await made.aclose()
        assert len(server.received) == 1


async def test_veo_is_not_ordered_at_the_gemini_api() -> None:
    wire = OmniWire()
    async with LoopbackServer(wire) as server:
        made = VeoProvider(wire.config(server.origin))
        with pytest.raises(ModelRetired, match="closed at the Gemini API"):
            await made.submit(order("veo-3.1-generate-001"))
        await made.aclose()
        assert server.connections == 0


async def test_whether_google_can_be_used_is_known_without_an_order() -> None:
    asked: list[str] = []

    def answer(received: Received) -> Answer:
        asked.append(f"{received.method} {received.path}")
        return Answer.json({"name": "models/x"})

    async with LoopbackServer(answer) as server:
        for wire in (OmniWire(), VeoWire()):
            made = VeoProvider(wire.config(server.origin))
            await made.check()
            await made.aclose()
    assert asked == [
        "GET /v1beta/models/gemini-omni-1.1-flash",
        "GET /v1/publishers/google/models/veo-3.1-generate-001",
        "GET /v1beta1/publishers/google/models/gemini-omni-1.1-flash-preview",
    ]
    async with LoopbackServer(Script(Answer.json(fixture("omni_error_401"), 401))) as server:
        made = VeoProvider(OmniWire().config(server.origin))
        with pytest.raises(AuthenticationFailed):
            await made.check()
        await made.aclose()


async def test_a_lost_file_ends_the_job_as_expired() -> None:
    wire = OmniWire(looks=0)
    wire.break_next("other", Answer(404))
    async with LoopbackServer(wire) as server:
        made = VeoProvider(wire.config(server.origin))
        taken = await made.submit(order("gemini-omni-1.1-flash"))
        assert isinstance(taken, Operation)
        outcome = await made.poll(taken)
        await made.aclose()
    assert isinstance(outcome, Failed)
    assert outcome.code == "result_expired"
