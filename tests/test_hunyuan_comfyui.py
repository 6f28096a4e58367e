from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import JsonValue

from hunyuan_own_rig import (
    COMFY,
    HEADER,
    OPERATION,
    ORDER_ID,
    PROMPT,
    body,
    comfy,
    comfy_at,
    order,
    picture,
    recorded,
    reply,
)
from nexiom_sdk.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidInput,
    MalformedResponse,
    MissingCredentials,
    ModelRetired,
    NexiomError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    SubmissionUncertain,
    UnsafeUrl,
    UnsupportedFeature,
)
from nexiom_sdk.providers.protocol import SupportsCancel, SupportsHealth, SupportsLookup
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, LoopbackServer, Reset, Script, sample_video
from nexiom_sdk.testing.wires.hunyuan_own import ComfyWire
from nexiom_sdk.types import Asset, Cancelled, DeliveredMedia, Failed, Operation, Running, Submission, Succeeded

ADAPTER = comfy()
GONE = recorded("comfyui_history_absent")


def graph_of(submission: Submission) -> dict[str, dict[str, dict[str, JsonValue]]]:
    json_body = ADAPTER.submit_call(submission).json
    assert isinstance(json_body, dict)
    return json_body["prompt"]  # type: ignore[return-value]


def inputs(submission: Submission) -> dict[str, JsonValue]:
    """What the order put into the graph, by the names of the inputs; the fixed ones are left out."""
    nodes = graph_of(submission)
    taken = {"text": nodes["4"], "noise_seed": nodes["9"], "steps": nodes["11"], "fps": nodes["14"]}
    sizes = {name: nodes["6"]["inputs"][name] for name in ("width", "height", "length")}
    return {**{name: node["inputs"][name] for name, node in taken.items()}, **sizes}


def test_an_order_is_the_recorded_request() -> None:
    call = ADAPTER.submit_call(order(duration_seconds=5.0, resolution="720p", aspect_ratio="16:9", seed=42))
    assert (call.method, call.path) == ("POST", "/prompt")
    said, recorded_body = json.dumps(call.json), body("comfyui_prompt_request")
    assert isinstance(call.json, dict)
    assert UUID(str(call.json["prompt_id"])).version == 5
    # The recorded one has an id and a file name that somebody else made.
    said = said.replace(f"nexiom_{call.json['prompt_id']}", "nexiom_0001").replace(
        str(call.json["prompt_id"]), ORDER_ID
    )
    assert json.loads(said) == recorded_body


def test_the_same_order_has_the_same_id_and_seed_and_another_one_others() -> None:
    first, again, other = (ADAPTER.submit_call(order(key=key)).json for key in ("j1.0", "j1.0", "j1.1"))
    assert first == again
    assert isinstance(first, dict)
    assert isinstance(other, dict)
    assert first["prompt_id"] != other["prompt_id"]
    assert inputs(order(key="j1.0"))["noise_seed"] != inputs(order(key="j1.1"))["noise_seed"]
    assert inputs(order(seed=0))["noise_seed"] == 0


@pytest.mark.parametrize(
    ("fields", "sizes"),
    [
        ({}, (1280, 720, 121)),
        ({"resolution": "480p", "aspect_ratio": "9:16", "duration_seconds": 6.0}, (480, 832, 145)),
        ({"resolution": "480p", "aspect_ratio": "4:3", "duration_seconds": 10.0}, (640, 480, 241)),
        ({"aspect_ratio": "1:1"}, (720, 720, 121)),
    ],
)
def test_sizes_are_multiples_of_sixteen_and_frames_one_and_then_four_at_a_time(
    fields: dict[str, object], sizes: tuple[int, int, int]
) -> None:
    said = inputs(order(key="j1.0", **fields))
    assert (said["width"], said["height"], said["length"]) == sizes
    assert (sizes[0] % 16, sizes[1] % 16, sizes[2] % 4) == (0, 0, 1)


def test_a_prompt_that_looks_like_a_place_stays_a_prompt() -> None:
    said = order(prompt="a sign: {{seed}}", negative_prompt="{{prompt}}", seed=7)
    assert inputs(said)["text"] == "a sign: {{seed}}"
    assert graph_of(said)["5"]["inputs"]["text"] == "{{prompt}}"


@pytest.mark.parametrize("steps", [1, 50])
def test_steps_are_an_option(steps: int) -> None:
    assert inputs(order(options={"steps": steps}))["steps"] == steps


@pytest.mark.parametrize("options", [{"steps": 0}, {"steps": "20"}, {"steps": True}, {"steps": 2.5}, {"stebs": 2}])
def test_an_option_that_is_none_is_refused(options: dict[str, JsonValue]) -> None:
    with pytest.raises(InvalidInput):
        ADAPTER.submit_call(order(options=options))


@pytest.mark.parametrize(
    ("submission", "said"),
    [
        (order(picture(role="last_frame")), "takes no last frame"),
        (order(picture(), picture()), "takes 1 x first frame"),
        (order(DeliveredMedia(role="first_frame", media_type="", url="https://x.example/a.png")), "as bytes only"),
        (order(audio=True), "silent"),
    ],
)
async def test_what_the_model_does_not_take_is_refused_before_anything_is_sent(
    submission: Submission, said: str
) -> None:
    async with comfy_at(ComfyWire()) as (adapter, server):
        with pytest.raises(UnsupportedFeature, match=said):
            await adapter.submit(submission)
        assert server.connections == 0


def test_silence_goes_without_saying() -> None:
    assert ADAPTER.submit_call(order(audio=False)) == ADAPTER.submit_call(order())


def test_what_a_workflow_has_no_place_for_is_neither_offered_nor_dropped() -> None:
    plain = {name: f"{{{{{name}}}}}" for name in ("prompt", "seed", "width", "height", "frames")}
    adapter = comfy(workflow_t2v=json.dumps({"1": {"class_type": "A", "inputs": plain}}))
    assert adapter.models[0].negative_prompt is False
    with pytest.raises(UnsupportedFeature, match="no place for steps and negative_prompt"):
        adapter.submit_call(order(negative_prompt="rain", options={"steps": 5}))


def test_a_workflow_for_a_first_frame_needs_a_place_for_it(tmp_path: Path) -> None:
    plain = {name: f"{{{{{name}}}}}" for name in ("prompt", "seed", "width", "height", "frames")}
    (tmp_path / "w.json").write_text(json.dumps({"1": {"class_type": "A", "inputs": plain}}), "utf-8")
    with pytest.raises(ConfigurationError, match="NEXIOM_HUNYUAN_WORKFLOW_I2V has no place for first_frame_filename"):
        comfy(workflow_i2v=str(tmp_path / "w.json"))


def test_without_an_address_the_variable_is_named_and_a_plain_one_needs_trust() -> None:
    with pytest.raises(MissingCredentials, match="NEXIOM_HUNYUAN_COMFYUI_BASE_URL"):
        comfy(comfyui_base_url="")
    with pytest.raises(ConfigurationError) as caught:
        comfy(comfyui_base_url="http://gpu.lan:8188")
    assert "NEXIOM_HUNYUAN_PLAIN_HTTP=1" in caught.value.next_step
    assert comfy(comfyui_base_url="http://gpu.lan:8188/", plain_http="1").base_url == "http://gpu.lan:8188"
    with pytest.raises(ConfigurationError, match="NEXIOM_HUNYUAN_COMFYUI_HEADERS holds a line that is no header"):
        comfy(comfyui_headers="no header")


def test_it_is_looked_up_stopped_and_checked() -> None:
    assert isinstance(ADAPTER, SupportsLookup)
    assert isinstance(ADAPTER, SupportsCancel)
    assert isinstance(ADAPTER, SupportsHealth)
    assert ADAPTER.submission_recovery == "lookup"


def test_the_order_that_was_taken_has_the_servers_id_and_its_warnings() -> None:
    ours = ADAPTER.submit_call(order()).json
    assert isinstance(ours, dict)
    taken = {**body("comfyui_prompt_response"), "prompt_id": ours["prompt_id"]}
    assert ADAPTER.read_submit(order(), reply(taken)) == Operation(id=str(ours["prompt_id"]))
    named_by_it = ADAPTER.read_submit(order(), recorded("comfyui_prompt_response"))
    assert isinstance(named_by_it, Operation)
    assert named_by_it.id == ORDER_ID
    assert "names orders itself" in named_by_it.warnings[0]
    partly = {**taken, "node_errors": body("comfyui_prompt_error_400")["node_errors"]}
    assert "UNETLoader" in ADAPTER.read_submit(order(), reply(partly)).warnings[0]
    with pytest.raises(MalformedResponse):
        ADAPTER.read_submit(order(), reply({"prompt_id": ""}))


def test_the_queue_is_asked_before_the_history_so_that_no_order_is_between_them() -> None:
    look = ADAPTER.poll_call(OPERATION)
    assert (look.method, look.path) == ("GET", "/queue")
    then = ADAPTER.read_poll(OPERATION, recorded("comfyui_queue_empty"))
    assert repr(then) == f"Call(GET /history/{ORDER_ID})"


def test_an_order_that_is_nowhere_is_lost_unless_it_is_very_young() -> None:
    def aged(seconds: int) -> Operation:
        return replace(OPERATION, state={"submitted_at": (GONE.received_at - timedelta(seconds=seconds)).isoformat()})

    assert isinstance(ADAPTER.read_poll(aged(61), GONE), Failed)
    with pytest.raises(ProviderUnavailable):
        ADAPTER.read_poll(aged(59), GONE)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (recorded("comfyui_prompt_error_400"), ModelRetired),
        (recorded("comfyui_prompt_error_no_prompt_400"), InvalidInput),
        (reply(b"<html>", 401), AuthenticationFailed),
        (reply(b"<html>", 403), AuthenticationFailed),
        (reply(b"", 429), RateLimited),
    ],
)
def test_a_refusal_is_comfyuis_own_or_that_of_a_proxy(said: object, kind: type[ProviderError]) -> None:
    error = ADAPTER.read_error(said)  # type: ignore[arg-type]
    assert type(error) is kind
    assert error.charged == "no"


@pytest.mark.parametrize("status", [400, 404, 405, 408, 409, 413, 500, 502, 503, 504])
def test_any_other_status_says_nothing_about_an_order(status: int) -> None:
    assert ADAPTER.read_error(reply(b"<html>", status)) is None
    in_its_words = reply(body("comfyui_prompt_error_400"), status)
    assert (ADAPTER.read_error(in_its_words) is None) == (status != 400)


async def test_an_order_waits_runs_ends_and_is_fetched_and_the_proxys_header_goes_along_everywhere() -> None:
    wire = ComfyWire()
    async with comfy_at(wire) as (adapter, server):
        operation = await adapter.submit(order(picture()))
        assert isinstance(operation, Operation)
        looks = [await adapter.poll(operation) for _ in range(3)]
        assert looks[:2] == [Running(queued=True), Running()]
        assert isinstance(looks[2], Succeeded)
        assert b"".join([chunk async for chunk in adapter.fetch(looks[2].assets[0])]) == sample_video()
        paths = [one.path for one in server.received]
        assert paths == ["/upload/image", "/prompt", *["/queue"] * 3, f"/history/{operation.id}", "/view"]
        assert {one.headers["x-proxy-key"] for one in server.received} == {"CANARY-of-the-proxy"}
    assert len(wire.orders) == 1


async def test_the_proxys_header_goes_to_no_other_origin() -> None:
    async with LoopbackServer(lambda _: Answer(body=b"theirs")) as other:
        moved = Answer(302, headers={"location": f"{other.origin}/v.mp4"})
        async with comfy_at(lambda _: moved) as (adapter, server):
            for url in (f"{server.origin}/view?filename=a.mp4", f"{other.origin}/v.mp4"):
                with pytest.raises(UnsafeUrl):
                    _ = [chunk async for chunk in adapter.fetch(Asset(url=url, needs_auth=True))]
        assert other.connections == 0


@pytest.mark.parametrize("renames", [False, True])
async def test_a_first_frame_is_uploaded_under_a_name_of_its_content_and_the_servers_name_is_used(
    renames: bool,
) -> None:
    wire = ComfyWire()
    wire.renames = renames
    async with comfy_at(wire) as (adapter, server):
        await adapter.submit(order(picture(640, 480), resolution="480p"))
        await adapter.submit(order(picture(640, 480), key="j2.0"))
        first, ordered, again, _ = server.received
    assert first.form()[-1] == again.form()[-1]
    fields = {part.name: part.data for part in first.form()[:-1]}
    assert fields == {"type": b"input", "subfolder": b"nexiom", "overwrite": b"true"}
    file = first.form()[-1]
    assert (file.name, file.media_type, file.data) == ("image", "image/png", picture(640, 480).data)
    assert re.fullmatch(r"[0-9a-f]{32}\.png", file.filename or "")
    graph: dict[str, dict[str, dict[str, object]]] = json.loads(ordered.body)["prompt"]
    [name] = wire.inputs
    assert graph["16"]["inputs"]["image"] == name
    assert (" (1).png" in name) == renames
    shape = graph["6"]["inputs"]
    assert (shape["width"], shape["height"]) == (640, 480), "the clip has not the shape of the picture"


def test_the_recorded_answer_to_an_upload_names_the_file_with_its_folder() -> None:
    steps = ADAPTER.uploads(order(picture()).spec)
    next(steps)
    with pytest.raises(StopIteration) as done:
        steps.send(recorded("comfyui_upload_response"))
    assert done.value.value.media[0].url == "nexiom/first (1).png"


async def test_an_upload_that_fails_orders_nothing() -> None:
    wire = ComfyWire()
    wire.break_next("upload", Answer(500))
    async with comfy_at(wire) as (adapter, _):
        with pytest.raises(ProviderUnavailable) as caught:
            await adapter.submit(order(picture()))
        with pytest.raises(InvalidInput):
            await adapter.submit(order(DeliveredMedia(role="first_frame", media_type="image/png", data=b"text")))
        assert (caught.value.charged, wire.orders) == ("no", [])


TAKEN = Answer.json(body("comfyui_prompt_response"))
LOST: dict[str, Answer | Fault] = {
    "dropped": Drop(),
    "cut": Cut(TAKEN, -4),
    "reset": Reset(),
    "garbage": Garbage(b"no HTTP\r\n\r\n"),
    "a web page": Answer(body=b"<html>"),
    "no id": Answer.json({"number": 7}),
    "400 of a proxy": Answer(400, body=b"<html>"),
    **{str(status): Answer.json({"error": "x"}, status) for status in (404, 408, 413, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("fault", LOST)
async def test_an_order_whose_answer_was_lost_was_sent_once_and_can_be_looked_for(fault: str) -> None:
    wire = ComfyWire()
    wire.lost.append(LOST[fault])
    async with comfy_at(wire) as (adapter, server):
        with pytest.raises(SubmissionUncertain):
            await adapter.submit(order())
        assert len(server.received) == 1
        found = await adapter.find("j1.0")
        assert found is not None
        assert found.id == json.loads(wire.orders[0].body)["prompt_id"]
        assert await adapter.find("j1.1") is None
        assert [wire.verb(one) for one in server.received].count("submit") == 1


async def test_an_order_is_found_in_the_queue_and_in_the_history() -> None:
    wire = ComfyWire(looks=1)
    async with comfy_at(wire) as (adapter, server):
        await adapter.submit(order())
        assert await adapter.find("j1.0") == await adapter.find("j1.0")
        assert [one.path.split("/")[1] for one in server.received] == ["prompt", "queue", "queue", "history"]


@pytest.mark.parametrize("answer", [Answer(500), Answer(401), Answer(body=b"<html>"), Answer.json({}), Drop()], ids=str)
@pytest.mark.parametrize("verb", ["find", "poll"])
async def test_a_search_that_says_nothing_is_never_taken_for_a_no(answer: Answer | Fault, verb: str) -> None:
    if verb == "poll" and answer == Answer.json({}):
        return  # that is how the history says no
    wire = ComfyWire()
    wire.break_next(verb, answer)  # type: ignore[arg-type]
    async with comfy_at(wire) as (adapter, _):
        with pytest.raises(NexiomError):
            await adapter.find("j1.0")


async def test_comfyui_takes_the_same_id_twice() -> None:
    wire = ComfyWire()
    async with comfy_at(wire) as (adapter, _):
        assert await adapter.submit(order()) is not None
        assert await adapter.submit(order()) is not None
    assert len({json.loads(one.body)["prompt_id"] for one in wire.orders}) == 1
    assert len(wire.orders) == 2, "so whoever orders again without looking pays twice"


@pytest.mark.parametrize("looks", [1, 2])
async def test_an_order_is_stopped_by_its_id(looks: int) -> None:
    wire = ComfyWire(looks=9)
    async with comfy_at(wire) as (adapter, server):
        operation = await adapter.submit(order())
        assert isinstance(operation, Operation)
        for _ in range(looks):
            await adapter.poll(operation)
        await adapter.cancel(operation)
        assert server.received[-1].path == f"/api/jobs/{operation.id}/cancel"
        assert wire.cancelled == {operation.id}
        if looks == 2:
            assert isinstance(await adapter.poll(operation), Cancelled)


@pytest.mark.parametrize(
    ("looks", "path", "said"),
    [(0, "/queue", {"delete": ["ID"]}), (1, "/interrupt", {"prompt_id": "ID"})],
)
async def test_an_older_server_drops_what_waits_and_interrupts_what_runs(looks: int, path: str, said: object) -> None:
    wire = ComfyWire(looks=9)
    wire.older = True
    async with comfy_at(wire) as (adapter, server):
        operation = await adapter.submit(order())
        assert isinstance(operation, Operation)
        for _ in range(looks):
            await adapter.poll(operation)
        await adapter.cancel(operation)
        last = server.received[-1]
        assert (last.method, last.path) == ("POST", path)
        assert last.json() == json.loads(json.dumps(said).replace("ID", operation.id))


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("other", ["comfyui_queue_empty", "comfyui_queue_running"])
async def test_nobody_elses_order_is_ever_interrupted(older: bool, other: str) -> None:
    stop = Answer(405) if older else Answer.json({"cancelled": False})
    script = Script(stop, Answer.json(body(other)))
    async with comfy_at(script) as (adapter, server):
        with pytest.raises(ProviderError, match="has ended"):
            await adapter.cancel(Operation(id="00000000-0000-4000-8000-000000000000"))
        assert not {one.path for one in server.received} & {"/interrupt"}
        assert [one.method for one in server.received] == ["POST", *["GET"] * older]


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationFailed), (500, ProviderUnavailable)])
async def test_a_stop_that_did_not_work_says_so_and_is_not_repeated(status: int, kind: type[ProviderError]) -> None:
    async with comfy_at(Script(Answer(status))) as (adapter, server):
        with pytest.raises(kind):
            await adapter.cancel(OPERATION)
        assert len(server.received) == 1


async def test_the_check_asks_for_the_server_and_each_node_and_names_the_one_that_is_missing() -> None:
    wire = ComfyWire()
    async with comfy_at(wire) as (adapter, server):
        await adapter.check()
        assert server.received[0].path == "/system_stats"
        assert len({one.path for one in server.received}) == 1 + 18
        wire.lacking = "HunyuanVideo15ImageToVideo"
        with pytest.raises(ModelRetired, match="no node HunyuanVideo15ImageToVideo"):
            await adapter.check()
    for answer in (Answer(502), Answer(body=b"<html>"), Answer.json({})):
        async with comfy_at(Script(answer)) as (adapter, _):
            with pytest.raises(ProviderError):
                await adapter.check()


async def test_a_file_that_the_server_lacks_is_named_and_costs_nothing() -> None:
    wire = ComfyWire()
    wire.missing = "hunyuanvideo1.5_720p_t2v_fp16.safetensors"
    async with comfy_at(wire) as (adapter, _):
        with pytest.raises(ModelRetired, match=r"UNETLoader.*hunyuanvideo1\.5_720p_t2v_fp16") as caught:
            await adapter.submit(order())
        assert (caught.value.charged, caught.value.fallback, wire.orders) == ("no", True, [])


async def test_what_a_careless_proxy_repeats_of_its_header_is_not_shown() -> None:
    for said in (HEADER, "CANARY-of-the-proxy"):
        async with comfy_at(Script(Answer(403, body=f"no: {said}".encode()))) as (adapter, _):
            with pytest.raises(AuthenticationFailed) as caught:
                await adapter.submit(order())
            assert "CANARY" not in str(caught.value) + repr(vars(caught.value)) + repr(adapter) + repr(vars(adapter))


def test_the_model_has_a_name_of_its_own_beside_vllm_omni() -> None:
    assert [card.model for card in ADAPTER.models] == ["HunyuanVideo-1.5"]
    assert [card.model for card in comfy(i2v_base_url="http://localhost:8092/v1").models] == [
        "HunyuanVideo-1.5-comfyui"
    ]
    assert PROMPT in json.dumps(ADAPTER.submit_call(order(model="HunyuanVideo-1.5-comfyui")).json)
    assert ADAPTER.base_url == COMFY
