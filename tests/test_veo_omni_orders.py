from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, ModelRetired, RequestError, UnsupportedFeature
from nexiom_sdk.types import DeliveredMedia, Operation, Submission, VideoSpec
from veo_rig import BOAT, FIXTURES, INTERACTION, VERTEX, fixture, inline, omni, recorded, stored


def order(model: str = "gemini-omni-1.2-flash", **spec: object) -> Submission:
    made = VideoSpec(**{"model": model, "prompt": BOAT, **spec})  # type: ignore[arg-type]
    return Submission(spec=made, idempotency_key="j1.0")


ORDERS: Mapping[str, Submission] = {
    "omni_submit_request": order(duration_seconds=8, aspect_ratio="16:9", resolution="1080p", seed=7),
    "omni_submit_request_image": order(duration_seconds=6, aspect_ratio="9:16", media=(inline("first_frame"),)),
}
FRAME, LAST, REFERENCE = inline("first_frame"), inline("last_frame"), inline("reference_image")
MOVE, SOURCE = inline("reference_video", "video/mp4", b"move"), inline("source_video", "video/mp4", b"take")


def body(submission: Submission, **config: str) -> dict[str, JsonValue]:
    made = omni(**config).submit_call(submission).json
    assert isinstance(made, dict)
    return made


def part(submission: Submission, name: str, **config: str) -> dict[str, JsonValue]:
    found = body(submission, **config)[name]
    assert isinstance(found, dict)
    return found


def task(submission: Submission) -> object:
    return part(submission, "generation_config").get("video_config")


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_written_as_it_was_recorded(name: str) -> None:
    recorded, made = fixture(name), body(ORDERS[name])
    assert isinstance(recorded["response_format"], dict)
    # The recorded requests leave to the server what every order must have.
    assert made == {
        **recorded,
        "store": True,
        "response_format": {"delivery": "uri", **recorded["response_format"]},
    }


def test_every_recorded_order_is_written() -> None:
    assert {file.stem for file in FIXTURES.glob("omni_submit_request*.json")} == {*ORDERS}


def test_an_order_goes_to_the_interactions_of_its_surface() -> None:
    assert omni().submit_call(order()).path == "/v1beta/interactions"
    assert omni(api_version="v1").submit_call(order()).path == "/v1/interactions"
    vertex = omni(**VERTEX).submit_call(order())
    assert (vertex.method, vertex.path) == (
        "POST",
        "/v1beta1/projects/demo-project/locations/global/interactions",
    )


def test_a_model_has_the_name_of_its_surface() -> None:
    older = order("gemini-omni-1.1-flash")
    assert body(older)["model"] == "gemini-omni-1.1-flash"
    assert body(older, **VERTEX)["model"] == "gemini-omni-1.1-flash-preview"
    assert body(order(), **VERTEX)["model"] == "gemini-omni-1.2-flash"
    assert body(older, **VERTEX, models="gemini-omni-1.1-flash=gemini-omni-1.1-flash")["model"] == older.spec.model


@pytest.mark.parametrize("config", [{}, VERTEX], ids=["gemini", "vertex"])
def test_nothing_is_sent_that_is_not_set_but_the_order_is_always_in_the_background(config: Mapping[str, str]) -> None:
    assert body(order(), **config) == {
        "model": "gemini-omni-1.2-flash",
        "background": True,
        "store": True,
        "input": BOAT,
        "generation_config": {"video_config": {"task": "text_to_video"}},
        "response_format": {"type": "video", "delivery": "inline" if config else "uri"},
    }


def test_a_result_comes_as_an_address_where_there_is_a_place_for_it() -> None:
    place = {"storage_uri": "gs://demo-bucket/omni/"}
    assert part(order(), "response_format", **place)["delivery"] == "uri"
    assert "gcs_uri" not in part(order(), "response_format", **place), "the Gemini API has files of its own"
    stored = part(order(), "response_format", **VERTEX, **place)
    assert stored == {"type": "video", "delivery": "uri", "gcs_uri": "gs://demo-bucket/omni/"}
    assert part(order(), "response_format", **VERTEX)["delivery"] == "inline"


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ((), "text_to_video"),
        ((FRAME,), "image_to_video"),
        ((FRAME, LAST), "image_to_video"),
        ((REFERENCE, MOVE), "reference_to_video"),
        ((SOURCE,), "edit"),
        ((SOURCE, REFERENCE), "edit"),
    ],
)
def test_the_task_is_always_said(media: tuple[DeliveredMedia, ...], expected: str) -> None:
    assert task(order(media=media)) == {"task": expected}


def test_of_two_frames_the_first_comes_first() -> None:
    first, last = inline("first_frame", data=b"1"), inline("last_frame", data=b"2")
    blocks = body(order(media=(last, first)))["input"]
    assert isinstance(blocks, list)
    assert [block["data"] for block in blocks[1:] if isinstance(block, dict)] == ["MQ==", "Mg=="]
    assert blocks[0] == {"type": "text", "text": BOAT}


def test_a_reference_in_cloud_storage_travels_as_its_address_at_vertex_ai_only() -> None:
    made = order(media=(stored("source_video", "take.mov"),))
    assert body(made, **VERTEX)["input"] == [
        {"type": "text", "text": BOAT},
        {"type": "video", "mime_type": "video/quicktime", "uri": "gs://demo-bucket/take.mov"},
    ]
    with pytest.raises(UnsupportedFeature, match="reads no gs://"):
        omni().submit_call(made)


@pytest.mark.parametrize("change", ["edit", "extend", "upscale"])
def test_a_change_of_a_video_has_its_shape_and_length_and_may_be_of_another_kind(change: str) -> None:
    made = order(duration_seconds=8, resolution="2160p", media=(SOURCE,), options={"task": change})
    assert task(made) == {"task": change}
    assert part(made, "response_format") == {"type": "video", "delivery": "uri", "resolution": "4k"}
    assert "task" not in body(made)
    taken = omni().read_submit(made, recorded("omni_submit_response"))
    assert taken == Operation(id=INTERACTION, warnings=("the length of a changed video cannot be chosen",))


def test_an_order_that_goes_on_from_an_earlier_one_names_it_and_no_task() -> None:
    made = order(options={"previous_interaction_id": INTERACTION, "labels": {"team": "demo"}})
    sent = body(made)
    assert (sent["previous_interaction_id"], sent["labels"]) == (INTERACTION, {"team": "demo"})
    assert "generation_config" not in sent
    assert task(order(options={"previous_interaction_id": INTERACTION, "task": "edit"})) == {"task": "edit"}


@pytest.mark.parametrize(
    ("media", "asked"), [((), "edit"), ((FRAME,), "extend"), ((SOURCE,), "text_to_video"), ((SOURCE,), 7)]
)
def test_a_task_that_does_not_fit_is_refused(media: tuple[DeliveredMedia, ...], asked: object) -> None:
    with pytest.raises(InvalidInput, match="task"):
        omni().submit_call(order(media=media, options={"task": asked}))


@pytest.mark.parametrize("key", ["background", "store", "seed", "response_format", "generation_config", "input"])
def test_an_option_that_the_request_says_or_that_does_not_exist_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match=key):
        omni().submit_call(order(options={key: False}))


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        (order(audio=False), "always makes sound"),
        (order(negative_prompt="rain"), "no negative prompt"),
        (order("gemini-omni-1.1-flash", seed=7), "no seed"),
        (order(media=(LAST,)), "last frame only beside a first frame"),
        (order(media=(FRAME, REFERENCE)), "only one of first frame and reference image"),
        (order(media=(FRAME, MOVE)), "only one of first frame and reference video"),
        (order(media=(FRAME, SOURCE)), "only one of first frame and source video"),
        (order(media=(REFERENCE,) * 11), "takes 10 x reference image"),
        (order(media=(DeliveredMedia(role="first_frame", media_type="", url="https://a/x.png"),)), "not as web addr"),
    ],
)
def test_what_the_model_has_no_word_for_is_refused_before_anything_is_sent(submission: Submission, reason: str) -> None:
    with pytest.raises(UnsupportedFeature, match=reason) as caught:
        omni().submit_call(submission)
    assert (caught.value.charged, bool(caught.value.reasons)) == ("no", True)


@pytest.mark.parametrize("model", ["veo-3.1-generate-preview", "veo-3.1-generate-001", "veo-9"])
def test_veo_is_closed_at_the_gemini_api_and_its_successor_is_named(model: str) -> None:
    with pytest.raises(ModelRetired, match="closed at the Gemini API") as caught:
        omni().submit_call(order(model))
    assert "gemini-omni-1.1-flash" in caught.value.next_step
    assert caught.value.charged == "no"


@given(
    media=st.lists(st.sampled_from([FRAME, LAST, REFERENCE, MOVE, SOURCE]), max_size=4),
    seconds=st.none() | st.integers(1, 20),
    seed=st.none() | st.integers(0, 9),
    options=st.dictionaries(st.sampled_from(["labels", "task", "store", "x"]), st.just("edit"), max_size=2),
)
def test_an_order_is_written_or_refused_and_nothing_is_lost(
    media: list[DeliveredMedia], seconds: int | None, seed: int | None, options: Mapping[str, str]
) -> None:
    submission = order(media=tuple(media), duration_seconds=seconds, seed=seed, options=options)
    try:
        made = body(submission)
    except RequestError:
        return
    assert str(made).count("'data'") == len(media)
    assert (made["background"], made["store"]) == (True, True)
    assert seed is None or part(submission, "generation_config")["seed"] == seed
