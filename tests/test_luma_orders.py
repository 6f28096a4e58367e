from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luma_rig import FIXTURES, adapter, at, fixture, order
from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission

EXTENDED = "d290f1ee-6c54-4b01-90e6-d701748f0851"
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


KAYAK = "A kayak slides under a mossy stone bridge, low tracking shot"
ORDERS: Mapping[str, Submission] = {
    "agents_submit_t2v": order(prompt=KAYAK, aspect_ratio="16:9", resolution="720p", duration_seconds=5),
    "agents_submit_i2v": order(
        prompt="Snow begins to fall",
        aspect_ratio="16:9",
        resolution="1080p",
        duration_seconds=5,
        media=(at("first_frame", "cabin.jpg"),),
    ),
    "agents_submit_i2v_base64": order(
        prompt="Dust floats through a shaft of light",
        aspect_ratio="1:1",
        resolution="540p",
        duration_seconds=5,
        media=(DeliveredMedia(role="first_frame", media_type="image/png", data=base64.b64decode(_PIXEL)),),
    ),
    "agents_submit_first_last": order(
        prompt="Dawn turns to noon",
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=5,
        media=(at("last_frame", "noon.jpg"), at("first_frame", "dawn.jpg")),
    ),
    "agents_submit_keyframes_10s": order(
        prompt="A paper kite climbs above a valley",
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=10,
        media=(at("first_frame", "k0.jpg"), at("last_frame", "k1.jpg")),
    ),
    "agents_submit_edit": order(
        prompt="Turn the street into a canal",
        resolution="720p",
        duration_seconds=5,
        media=(at("source_video", "street.mp4", "video/mp4"),),
        options={"video": {"edit": {"strength": "flex_1"}}},
    ),
    "dm_submit_t2v": order(
        model="ray-2",
        prompt=KAYAK,
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=5,
        options={"loop": False},
    ),
    "dm_submit_i2v": order(
        model="ray-flash-2",
        prompt="Snow begins to fall",
        resolution="540p",
        duration_seconds=5,
        media=(at("first_frame", "cabin.jpg"),),
    ),
    "dm_submit_first_last": order(
        callback_url="https://hooks.example.com/luma/abc",
        model="ray-2",
        prompt="Dawn turns to noon",
        aspect_ratio="16:9",
        resolution="1080p",
        duration_seconds=5,
        media=(at("first_frame", "dawn.jpg"), at("last_frame", "noon.jpg")),
    ),
    "dm_submit_extend": order(
        model="ray-2",
        prompt="The kayak reaches open water",
        options={"keyframes": {"frame0": {"type": "generation", "id": EXTENDED}}},
    ),
    "dm_submit_modify": order(
        model="ray-2",
        prompt="Turn the street into a canal",
        duration_seconds=5,
        media=(at("source_video", "street.mp4"), at("first_frame", "canal.jpg")),
        options={"mode": "flex_1"},
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_written_as_it_was_recorded(name: str) -> None:
    call = adapter().submit_call(ORDERS[name])
    assert call.json == fixture(f"{name}_request")
    recorded = fixture("index")[f"{name}_request.json"]
    assert isinstance(recorded, dict)
    assert (call.method, call.path.partition("lumalabs.ai")[2]) == (recorded["method"], recorded["path"])


def test_every_recorded_order_is_written() -> None:
    names = {file.stem.removesuffix("_request") for file in FIXTURES.glob("*_submit_*_request.json")}
    assert names == {*ORDERS}


@pytest.mark.parametrize(("roles", "places"), [(["first_frame"], [0]), (["last_frame"], [240])])
def test_a_single_frame_of_a_long_clip_is_a_keyframe_too(roles: list[MediaRole], places: list[int]) -> None:
    call = adapter().submit_call(order(duration_seconds=10, media=tuple(at(role, "a.png") for role in roles)))
    assert isinstance(call.json, dict)
    video = call.json["video"]
    assert isinstance(video, dict)
    assert (video["keyframe_indexes"], "start_frame" in video) == (places, False)


def test_a_video_without_a_type_is_taken_for_an_mp4() -> None:
    call = adapter().submit_call(order(media=(at("source_video", "a"),)))
    assert isinstance(call.json, dict)
    assert call.json["source"] == {"url": "https://inputs.example.com/a", "media_type": "video/mp4"}


def test_nothing_is_sent_that_is_not_set() -> None:
    assert adapter().submit_call(order()).json == {"model": "ray-3.2", "type": "video", "prompt": "a fox in snow"}
    older = adapter().submit_call(order(model="ray-2"))
    assert older.json == {"generation_type": "video", "model": "ray-2", "prompt": "a fox in snow"}


def test_a_change_of_a_video_needs_to_be_told_how_much() -> None:
    with pytest.raises(InvalidInput, match=r"adhere_1, .*reimagine_3") as caught:
        adapter().submit_call(order(model="ray-2", media=(at("source_video", "a.mp4"),)))
    assert "flex_1" in caught.value.next_step


SOURCE = at("source_video", "a.mp4")
FRAME = at("first_frame", "a.png")
MUTE = DeliveredMedia(role="first_frame", media_type="image/png", data=b"not by address")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"media": (SOURCE, FRAME)}, "takes only one of first frame and source video"),
        ({"media": (FRAME, FRAME)}, "takes 1 x first frame, not 2"),
        ({"media": (at("reference_image", "a.png"),)}, "takes no reference image"),
        ({"model": "ray-2", "media": (at("reference_video", "a.mp4"),)}, "takes no reference video"),
        ({"model": "ray-2", "media": (SOURCE, at("last_frame", "b.png"))}, "only one of last frame and source video"),
        ({"model": "ray-2", "media": (MUTE,)}, "web addresses only"),
        ({"audio": True}, "silent clips only"),
        ({"model": "ray-2", "seed": 0}, "takes no seed"),
        ({"negative_prompt": "rain"}, "takes no negative prompt"),
    ],
)
def test_what_luma_has_no_word_for_is_refused_instead_of_left_out(spec: dict[str, object], said: str) -> None:
    with pytest.raises(UnsupportedFeature, match=said) as caught:
        adapter().submit_call(order(**spec))  # type: ignore[arg-type]  # fields of a spec
    assert caught.value.charged == "no"


def test_a_prompt_that_is_too_short_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidInput, match="at least 3"):
        adapter().submit_call(order(model="ray-2", prompt="ox"))


@pytest.mark.parametrize("model", ["ray-3.2", "ray-2"])
def test_an_option_that_does_not_exist_is_refused(model: str) -> None:
    with pytest.raises(InvalidInput, match="There is no option of Luma 'concept'"):
        adapter().submit_call(order(model=model, options={"concept": 1}))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"options": {"video": {"duration": "10s"}}}, "no option of Luma 'duration'"),
        ({"options": {"video": {"resolution": "1080p"}}}, "no option of Luma 'resolution'"),
        ({"options": {"video": "1080p"}}, "is an object"),
        ({"options": {"type": "image"}}, "no option of Luma 'type'"),
        ({"options": {"aspect_ratio": "9:16"}}, "no option of Luma 'aspect_ratio'"),
        ({"options": {"video": {"keyframes": []}}, "media": (FRAME,)}, "give one of them"),
        ({"options": {"video": {"end_frame": {}}}, "media": (FRAME,)}, "give one of them"),
        (
            {"options": {"video": {"keyframe_indexes": [5]}}, "media": (FRAME,), "duration_seconds": 10},
            "keyframe_indexes and the frames",
        ),
        ({"model": "ray-2", "options": {"keyframes": {}}, "media": (FRAME,)}, "give one of them"),
        ({"model": "ray-2", "options": {"aspect_ratio": "1:1", "mode": "flex_1"}, "media": (SOURCE,)}, "'mode'"),
        ({"model": "ray-2", "options": {"loop": True, "mode": "flex_1"}, "media": (SOURCE,)}, "'loop'"),
    ],
)
def test_an_option_cannot_say_something_else_than_the_request(spec: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        adapter().submit_call(order(**spec))  # type: ignore[arg-type]  # fields of a spec


def test_a_video_is_reframed_where_its_new_shape_is_an_option() -> None:
    position = {"x_norm": 0.0, "y_norm": 0.2, "w_norm": 1.0, "h_norm": 0.6}
    options = {"aspect_ratio": "9:16", "video": {"source_position": position}}
    call = adapter().submit_call(order(media=(SOURCE,), duration_seconds=5, resolution="720p", options=options))
    assert call.json == {
        "model": "ray-3.2",
        "type": "video_reframe",
        "prompt": "a fox in snow",
        "aspect_ratio": "9:16",
        "source": {"url": "https://inputs.example.com/a.mp4", "media_type": "video/mp4"},
        "video": {"resolution": "720p", "source_position": position},
    }
    grid = {"aspect_ratio": "9:16", "grid_position_x": 12}
    call = adapter().submit_call(order(model="ray-2", media=(SOURCE,), duration_seconds=5, options=grid))
    assert call.path.endswith("/dream-machine/v1/generations/video/reframe")
    assert call.json == {
        "generation_type": "reframe_video",
        "model": "ray-2",
        "prompt": "a fox in snow",
        "media": {"url": "https://inputs.example.com/a.mp4"},
        **grid,
    }


def test_a_clip_is_continued_through_options() -> None:
    call = adapter().submit_call(order(options={"video": {"start_frame": {"generation_id": EXTENDED}}}))
    assert isinstance(call.json, dict)
    assert call.json["video"] == {"start_frame": {"generation_id": EXTENDED}}


def test_high_dynamic_range_is_an_option() -> None:
    wide = {"hdr": True, "exr_export": True}
    call = adapter().submit_call(
        order(resolution="1080p", duration_seconds=5, options={"video": wide, "user_id": "u1"})
    )
    assert isinstance(call.json, dict)
    assert (call.json["video"], call.json["user_id"]) == ({"resolution": "1080p", "duration": "5s", **wide}, "u1")


_ROLES: tuple[MediaRole, ...] = ("first_frame", "last_frame", "source_video", "reference_audio")
_VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.just({"loop": True})


@given(
    model=st.sampled_from(["ray-3.2", "ray-2", "ray-9"]),
    prompt=st.text(max_size=9),
    duration_seconds=st.none() | st.floats() | st.just(10.0),
    resolution=st.sampled_from([None, "540p", "2160p"]),
    aspect_ratio=st.sampled_from([None, "16:9", "9:21"]),
    audio=st.none() | st.booleans(),
    media=st.lists(st.sampled_from(_ROLES).map(lambda role: at(role, "a")), max_size=3).map(tuple),
    options=st.dictionaries(
        st.sampled_from(["aspect_ratio", "keyframes", "loop", "mode", "model", "user_id", "video"]), _VALUES, max_size=3
    ),
)
def test_no_spec_makes_anything_but_a_body_without_nulls_or_an_error_of_ours(**spec: object) -> None:
    with suppress(InvalidInput, UnsupportedFeature):
        call = adapter().submit_call(order(**spec))  # type: ignore[arg-type]  # fields of a spec
        assert isinstance(call.json, dict)
        assert call.json["model"] == spec["model"]
        assert None not in call.json.values()
