from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hunyuan_own_rig import COMFY, FIXTURES, OPERATION, ORDER_ID, body, comfy, order, recorded, reply
from nexiom_sdk.errors import InvalidInput, MalformedResponse, ModelRetired, NexiomError
from nexiom_sdk.providers.comfyui_jobs import Entry, Keyed, Queue, Taken, left_out, outcome_of, refusal_of
from nexiom_sdk.types import Asset, Cancelled, Failed, Poll, Running, Succeeded

ADAPTER = comfy()


def ended(entry: object) -> Poll:
    said = reply({ORDER_ID: entry})
    return outcome_of(said, said.read(Keyed[Entry]).entries[ORDER_ID], base_url=COMFY, needs_auth=False)


def entry(word: str, outputs: object = None, *messages: object) -> dict[str, object]:
    return {"status": {"status_str": word, "messages": [*messages]}, "outputs": outputs}


def file(name: str, **more: str) -> dict[str, str]:
    return {"filename": name, "subfolder": "video", "type": "output", **more}


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("comfyui_history_success", "filename=nexiom_0001_00001_.mp4&subfolder=video&type=output"),
        ("comfyui_history_success_vhs", "filename=nexiom_0001_00001.mp4&subfolder=&type=output"),
    ],
)
def test_a_finished_order_has_the_address_of_its_video(name: str, query: str) -> None:
    assert ADAPTER.read_poll(OPERATION, recorded(name)) == Succeeded(assets=(Asset(url=f"{COMFY}/view?{query}"),))


def test_an_interrupted_order_is_cancelled_and_a_broken_one_says_why() -> None:
    cancelled = ADAPTER.read_poll(OPERATION, recorded("comfyui_history_interrupted"))
    assert isinstance(cancelled, Cancelled)
    failed = ADAPTER.read_poll(OPERATION, recorded("comfyui_history_error"))
    assert failed == Failed(code="generation_failed", message="CUDA out of memory.")


def test_every_recorded_body_is_read_somewhere() -> None:
    here = {"history_success", "history_success_vhs", "history_interrupted", "history_error", "history_absent"}
    here |= {"queue_empty", "queue_pending", "queue_running", "prompt_error_400", "prompt_error_no_prompt_400"}
    elsewhere = {"prompt_request", "prompt_response", "upload_response"}  # by the tests of the adapter
    found = {one.stem.removeprefix("comfyui_") for one in FIXTURES.glob("comfyui_*.json")}
    assert found == here | elsewhere


@pytest.mark.parametrize(
    ("name", "place"), [("comfyui_queue_running", "running"), ("comfyui_queue_pending", "pending")]
)
def test_an_order_in_the_queue_has_a_place(name: str, place: str) -> None:
    queue = recorded(name).read(Queue)
    assert (queue.place(ORDER_ID), queue.place("another")) == (place, None)
    assert ADAPTER.read_poll(OPERATION, recorded(name)) == Running(queued=place == "pending")


def test_only_the_second_element_of_a_row_is_the_id() -> None:
    rows = [[ORDER_ID, "x"], [], [7], ["x", "y", ORDER_ID], [1, {"a": ORDER_ID}], [2, None]]
    assert reply({"queue_running": rows, "queue_pending": rows}).read(Queue).place(ORDER_ID) is None


@pytest.mark.parametrize("key", ["images", "gifs", "videos", "whatever"])
@pytest.mark.parametrize("ending", [".mp4", ".webm", ".mov", ".mkv", ".MP4"])
def test_a_video_is_told_by_its_ending_under_any_key(key: str, ending: str) -> None:
    done = ended(entry("success", {"9": {key: [file(f"a{ending}")], "animated": [True], "text": ["x"]}}))
    assert isinstance(done, Succeeded)
    assert done.assets[0].url == f"{COMFY}/view?filename=a{ending}&subfolder=video&type=output"


def test_pictures_are_no_videos_and_previews_are_spares() -> None:
    saved, preview, still = file("a.mp4"), file("b.mp4", type="temp"), file("mp4.png")
    both = ended(entry("success", {"1": {"images": [preview, still]}, "2": {"gifs": [saved]}}))
    assert isinstance(both, Succeeded)
    assert [one.url for one in both.assets] == [f"{COMFY}/view?filename=a.mp4&subfolder=video&type=output"]
    spare = ended(entry("success", {"1": {"images": [preview]}}))
    assert isinstance(spare, Succeeded)
    assert len(spare.assets) == 1


def test_a_name_cannot_break_out_of_its_address() -> None:
    done = ended(entry("success", {"1": {"images": [file("a&type=input#?.mp4", subfolder="../é")]}}))
    assert isinstance(done, Succeeded)
    said = "filename=a%26type%3Dinput%23%3F.mp4&subfolder=..%2F%C3%A9&type=output"
    assert done.assets[0].url == f"{COMFY}/view?{said}"


@pytest.mark.parametrize("outputs", [None, {}, {"1": None}, {"1": {"images": [file("a.png")]}}, 7])
def test_a_workflow_that_saves_no_video_has_failed_with_what_to_do(outputs: object) -> None:
    done = ended(entry("success", outputs))
    assert isinstance(done, Failed)
    assert "SaveVideo" in done.message


def test_a_strange_detail_loses_no_video() -> None:
    outputs = {"1": {"images": [7, {"filename": ""}, {"x": 1}, file("a.mp4")], "other": 7}, "2": 7, "3": {"images": {}}}
    done = ended(
        {"status": {"status_str": "success", "messages": [[1], "x", ["execution_success", 7]]}, "outputs": outputs}
    )
    assert isinstance(done, Succeeded)
    assert len(done.assets) == 1


def test_a_failure_without_a_reason_and_an_unknown_word() -> None:
    assert ended(entry("error")) == Failed(code="generation_failed", message="The server gave no reason.")
    assert ended(entry("polishing")) == Running()


@pytest.mark.parametrize("said", [{ORDER_ID: {}}, {ORDER_ID: {"status": None}}, [], b"<html>", {"queue_running": 7}])
def test_a_look_that_cannot_be_read_ends_no_order(said: object) -> None:
    with pytest.raises(MalformedResponse):
        ADAPTER.read_poll(OPERATION, reply(said))


def test_a_refusal_names_the_node_the_file_and_the_code() -> None:
    found = refusal_of(recorded("comfyui_prompt_error_400"))
    assert found is not None
    kind, text, code = found
    assert (kind, code) == (ModelRetired, "prompt_outputs_failed_validation")
    assert text == (
        "Prompt outputs failed validation; UNETLoader: Value not in list "
        "(unet_name: 'hunyuanvideo1.5_720p_t2v_fp16.safetensors' not in ['wan2.2.safetensors'])"
    )
    assert refusal_of(recorded("comfyui_prompt_error_no_prompt_400")) == (
        InvalidInput,
        "No prompt provided",
        "no_prompt",
    )


@pytest.mark.parametrize("said", [b"<html>", {}, {"error": "x"}, [], {"detail": "x"}])
def test_a_body_of_somebody_elses_is_no_refusal_of_comfyuis(said: object) -> None:
    assert refusal_of(reply(said, 400)) is None


def test_an_order_that_was_taken_in_part_names_the_nodes_that_were_left_out() -> None:
    said = {**body("comfyui_prompt_response"), "node_errors": body("comfyui_prompt_error_400")["node_errors"]}
    assert left_out(reply(said).read(Taken)) == "UNETLoader"
    assert left_out(recorded("comfyui_prompt_response").read(Taken)) == ""
    assert left_out(reply({**said, "node_errors": []}).read(Taken)) == ""


_NAMES = f"""{ORDER_ID} status status_str messages outputs images filename queue_running queue_pending prompt_id
node_errors error errors message""".split()
_tree = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(ORDER_ID),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(
    status=st.sampled_from([200, 204, 301, 400, 401, 403, 404, 405, 429, 500, 503]),
    said=st.binary(max_size=40) | _tree.map(lambda value: json.dumps(value).encode()),
)
def test_no_reply_whatever_makes_reading_raise_anything_foreign(status: int, said: bytes) -> None:
    strange = reply(said, status)
    for read in (
        lambda: ADAPTER.read_submit(order(), strange),
        lambda: ADAPTER.read_poll(OPERATION, strange),
        lambda: ADAPTER.read_error(strange),
    ):
        with suppress(NexiomError):
            read()
