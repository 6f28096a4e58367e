from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from hunyuan_own_rig import FIXTURES, I2V, KEY, T2V, body, order, picture, recorded, reply, vllm
from nexiom_sdk.errors import (
    AuthenticationFailed,
    InvalidInput,
    MissingCredentials,
    ModelRetired,
    NexiomError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    SubmissionUncertain,
    UnsupportedFeature,
)
from nexiom_sdk.providers.hunyuan_vllm import OPTIONS, VllmHunyuan
from nexiom_sdk.providers.protocol import SupportsCancel, SupportsHealth
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, LoopbackServer, Reset, sample_video
from nexiom_sdk.testing.wires.hunyuan_own import VllmHunyuanWire
from nexiom_sdk.types import Failed, Operation, Running, Submission, Succeeded

ADAPTER = vllm()
JOB = "video_gen_3f1c9a5d0b7e4c2f8a6d1e0b9c7f5a42"
AT_T2V, AT_I2V = (Operation(id=JOB, state={"server": word}) for word in ("t2v", "i2v"))


def form(submission: Submission, adapter: VllmHunyuan = ADAPTER) -> dict[str, str]:
    said = adapter.submit_call(submission).form
    assert said is not None
    return dict(said)


def test_an_order_is_the_recorded_form_and_the_length_in_seconds_besides() -> None:
    recorded_form = body("vllm_omni_submit_form_t2v")
    del recorded_form["_note"]
    adapter = vllm(t2v_base_url=T2V, models=f"HunyuanVideo-1.5={recorded_form['model']}")
    options: dict[str, JsonValue] = {"num_inference_steps": 50, "guidance_scale": 6.0}
    said = form(
        order(
            duration_seconds=5.0,
            resolution="720p",
            aspect_ratio="16:9",
            seed=42,
            negative_prompt="",
            options=options,
        ),
        adapter,
    )
    assert said == {**recorded_form, "seconds": "5"}


@pytest.mark.parametrize(("length", "count"), [(5.0, "121"), (6.0, "145"), (7.0, "169"), (10.0, "241")])
def test_frames_are_one_and_then_four_at_a_time(length: float, count: str) -> None:
    said = form(order(duration_seconds=length))
    assert (said["num_frames"], said["fps"], said["seconds"]) == (count, "24", f"{length:g}")
    assert "model" not in said, "a server refuses a name that it does not serve"
    assert {"num_frames", "fps", "seconds"} & form(order()).keys() == set()


def test_the_mode_decides_which_server_is_asked_and_the_state_says_which_it_was() -> None:
    text, image = order(), order(picture(640, 480), resolution="480p")
    assert ADAPTER.submit_call(text).path == f"{T2V}/videos"
    call = ADAPTER.submit_call(image)
    assert (call.path, call.any_status) == (f"{I2V}/videos", True)
    [file] = call.files
    assert (file.name, file.filename, file.data) == ("input_reference", "first_frame.png", picture(640, 480).data)
    assert dict(call.form or {})["size"] == "640x480"
    assert ADAPTER.read_submit(text, recorded("vllm_omni_video_queued")) == AT_T2V
    assert ADAPTER.read_submit(image, recorded("vllm_omni_video_queued")) == AT_I2V
    assert "://" not in json.dumps(dict(AT_I2V.state))


@pytest.mark.parametrize(("operation", "url"), [(AT_T2V, T2V), (AT_I2V, I2V)])
def test_an_order_is_looked_at_and_fetched_where_it_is(operation: Operation, url: str) -> None:
    assert ADAPTER.poll_call(operation).path == f"{url}/videos/{JOB}"
    done = ADAPTER.read_poll(operation, recorded("vllm_omni_video_completed"))
    assert isinstance(done, Succeeded)
    [asset] = done.assets
    assert (asset.url, asset.needs_auth, asset.media_type) == (f"{url}/videos/{JOB}/content", True, "video/mp4")


@pytest.mark.parametrize(
    ("config", "submission", "variable"),
    [
        ({"i2v_base_url": I2V}, order(), "NEXIOM_HUNYUAN_T2V_BASE_URL"),
        ({"t2v_base_url": T2V}, order(picture()), "NEXIOM_HUNYUAN_I2V_BASE_URL"),
    ],
)
def test_a_mode_without_a_server_is_refused_with_the_variable(
    config: dict[str, str], submission: Submission, variable: str
) -> None:
    with pytest.raises(UnsupportedFeature, match=variable):
        vllm(**config).submit_call(submission)


def test_without_any_address_the_variable_is_named() -> None:
    with pytest.raises(MissingCredentials, match="NEXIOM_HUNYUAN_T2V_BASE_URL"):
        VllmHunyuan({})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_frames": 77}, "num_frames says something else"),
        ({"fps": 16}, "fps says something else"),
        ({"width": 640}, "width says something else"),
        ({"steps": 20}, "There is no option 'steps'"),
        ({"num_outputs_per_prompt": 4}, "There is no option"),
        ({"generate_sound": True}, "There is no option"),
    ],
)
def test_an_option_that_is_none_or_contradicts_the_request_is_refused(options: dict[str, JsonValue], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ADAPTER.submit_call(order(duration_seconds=5.0, resolution="720p", options=options))


def test_options_go_along_by_the_servers_names() -> None:
    options: dict[str, JsonValue] = dict.fromkeys(OPTIONS, 7) | {"lora": {"name": "x"}, "num_frames": 121}
    said = form(order(options=options))
    assert (said["flow_shift"], said["lora"], said["num_frames"]) == ("7", '{"name": "x"}', "121")
    assert said.keys() == {*OPTIONS, "prompt"}


@pytest.mark.parametrize(
    ("submission", "said"),
    [
        (order(picture(role="last_frame")), "takes no last frame"),
        (order(picture(), picture()), "takes 1 x first frame"),
        (order(audio=True), "silent"),
    ],
)
def test_what_the_model_does_not_take_is_refused(submission: Submission, said: str) -> None:
    with pytest.raises(UnsupportedFeature, match=said):
        ADAPTER.submit_call(submission)


def test_silence_goes_without_saying() -> None:
    assert ADAPTER.submit_call(order(audio=False)) == ADAPTER.submit_call(order())


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("vllm_omni_video_queued", Running(queued=True, progress=0.0)),
        ("vllm_omni_video_in_progress", Running(progress=0.0)),
    ],
)
def test_a_job_that_goes_on_says_how_far_it_is(name: str, outcome: Running) -> None:
    assert ADAPTER.read_poll(AT_T2V, recorded(name)) == outcome


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_failed_job_is_read_whatever_status_it_comes_with(status: int) -> None:
    failed = ADAPTER.read_poll(AT_T2V, replace(recorded("vllm_omni_video_failed"), status=status))
    assert failed == Failed(code="generation_failed", message="Image is required for HunyuanVideo-1.5 I2V generation.")


def test_a_restart_loses_the_job_unless_it_is_very_young() -> None:
    gone = recorded("vllm_omni_error_404")
    old = {"submitted_at": (gone.received_at - timedelta(seconds=61)).isoformat()}
    assert isinstance(ADAPTER.read_poll(replace(AT_T2V, state=old), gone), Failed)
    young = {"submitted_at": (gone.received_at - timedelta(seconds=59)).isoformat()}
    with pytest.raises(ProviderUnavailable):
        ADAPTER.read_poll(replace(AT_T2V, state=young), gone)


def test_every_recorded_body_is_read_here() -> None:
    here = {"submit_form_t2v", "video_queued", "video_in_progress", "video_completed", "video_failed", "error_404"}
    found = {one.stem.removeprefix("vllm_omni_") for one in FIXTURES.glob("vllm_omni_*.json")}
    assert found == {*here, "delete_response"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (reply({"detail": "Model mismatch: x"}, 400), ModelRetired),
        (reply({"detail": [{"loc": ["body", "seed"], "msg": "no"}]}, 422), InvalidInput),
        (reply({"error": "Unauthorized"}, 401), AuthenticationFailed),
        (reply(b"", 429), RateLimited),
    ],
)
def test_a_refusal_says_what_it_is_and_a_wrong_model_which_variables_to_look_at(
    said: object, kind: type[ProviderError]
) -> None:
    error = ADAPTER.read_error(said)  # type: ignore[arg-type]
    assert type(error) is kind
    assert ("NEXIOM_HUNYUAN_MODELS" in error.next_step) == (kind is ModelRetired)


@asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[VllmHunyuan, VllmHunyuanWire, VllmHunyuanWire]]:
    """The adapter before a server for text and one for a first frame."""
    text, image = VllmHunyuanWire(), VllmHunyuanWire()
    async with LoopbackServer(text) as one, LoopbackServer(image) as other:
        config = {"t2v_base_url": f"{one.origin}/v1", "i2v_base_url": f"{other.origin}/v1", "self_hosted_api_key": KEY}
        adapter = VllmHunyuan(config)
        try:
            yield adapter, text, image
        finally:
            await adapter.aclose()


async def test_each_mode_is_made_at_its_server_and_fetched_there_with_the_key() -> None:
    async with two_servers() as (adapter, text, image):
        for submission in (order(), order(picture())):
            operation = await adapter.submit(submission)
            assert isinstance(operation, Operation)
            looks = [await adapter.poll(operation) for _ in range(3)]
            done = looks[-1]
            assert isinstance(done, Succeeded)
            assert b"".join([chunk async for chunk in adapter.fetch(done.assets[0])]) == sample_video()
        assert (len(text.orders), len(image.orders)) == (1, 1)
        for wire in (text, image):
            assert wire.orders[0].headers["authorization"] == f"Bearer {KEY}"
        await adapter.check()


async def test_an_order_that_a_person_found_is_looked_for_at_both_servers() -> None:
    gone = Answer.json({"detail": "Video not found"}, 404)
    async with two_servers() as (adapter, text, image):
        text.break_next("poll", gone, gone)
        assert isinstance(await adapter.poll(Operation(id=JOB)), Running)
        image.looks = 9
        assert isinstance(adapter, SupportsCancel)
        await adapter.cancel(Operation(id=JOB))
        assert (text.cancelled, image.cancelled) == (set(), {JOB})


async def test_an_order_that_no_server_knows_is_lost_and_one_that_cannot_be_asked_says_nothing() -> None:
    gone = Answer.json({"detail": "Video not found"}, 404)
    async with two_servers() as (adapter, text, image):
        text.break_next("poll", gone, gone)
        image.break_next("poll", gone)
        assert isinstance(await adapter.poll(Operation(id=JOB)), Failed)
        text.break_next("poll", Answer(503), Answer(503))
        image.break_next("poll", gone)
        with pytest.raises(ProviderUnavailable):
            await adapter.poll(Operation(id=JOB))


async def test_a_job_is_stopped_at_its_server_with_a_second_delete_after_a_conflict() -> None:
    async with two_servers() as (adapter, text, image):
        image.break_next("cancel", Answer.json({"detail": "Cancellation in progress"}, 409))
        await adapter.cancel(AT_I2V)
        assert (image.cancelled, text.cancelled) == ({JOB}, set())
        assert isinstance(adapter, SupportsHealth)


@pytest.mark.parametrize("name", ["vllm_omni_video_completed", "vllm_omni_video_failed"])
async def test_a_job_that_has_ended_is_never_erased(name: str) -> None:
    async with two_servers() as (adapter, text, _):
        text.break_next("poll", Answer.json(body(name), 500 if "failed" in name else 200))
        with pytest.raises(ProviderError, match="erase"):
            await adapter.cancel(AT_T2V)
        assert text.cancelled == set()


async def test_a_server_that_serves_no_videos_takes_no_order() -> None:
    async with two_servers() as (adapter, text, _):
        text.break_next("submit", Answer.json({"detail": "Not Found"}, 404))
        with pytest.raises(ModelRetired) as caught:
            await adapter.submit(order())
        assert caught.value.charged == "no"


TAKEN = Answer.json({"id": JOB, "object": "video", "status": "queued"})
LOST: dict[str, Answer | Fault] = {
    "dropped": Drop(),
    "cut": Cut(TAKEN, -4),
    "reset": Reset(),
    "a web page": Answer(body=b"<html>"),
    "no id": Answer.json({"status": "queued"}),
    **{str(status): Answer.json({"detail": "x"}, status) for status in (408, 409, 413, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("fault", LOST)
async def test_an_order_whose_answer_was_lost_was_sent_once_and_is_uncertain(fault: str) -> None:
    wire = VllmHunyuanWire()
    wire.break_next("submit", LOST[fault])
    async with LoopbackServer(wire) as server:
        adapter = VllmHunyuan(wire.config(server.origin))
        with pytest.raises(SubmissionUncertain):
            await adapter.submit(order())
        assert len(server.received) == 1
        await adapter.aclose()


_tree = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "status", "object", "error", "detail", "code", "url"]), inner)
    ),
    max_leaves=8,
)


@given(
    status=st.sampled_from([200, 204, 301, 400, 401, 404, 409, 422, 429, 500, 503]),
    said=st.binary(max_size=40) | _tree.map(lambda value: json.dumps(value).encode()),
)
def test_no_reply_whatever_makes_reading_raise_anything_foreign(status: int, said: bytes) -> None:
    strange = reply(said, status)
    for read in (
        lambda: ADAPTER.read_submit(order(), strange),
        lambda: ADAPTER.read_poll(AT_T2V, strange),
        lambda: ADAPTER.read_error(strange),
    ):
        with suppress(NexiomError):
            read()
