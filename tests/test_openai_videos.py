from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.providers.openai_videos import DELIVERY, FRAMES, Dialect, ImageMode, job_path, order, size, unsaid
from nexiom_sdk.types import DeliveredMedia, VideoSpec
from sora_rig import PNG, PROMPT, at, body, inline, picture, spec

FORM, JSON = Dialect(), Dialect(json=True)
URL = "https://cdn.example.com/frame.png"
DATA_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()
WIDE: Mapping[str, object] = {"resolution": "720p", "aspect_ratio": "16:9"}


def test_a_prompt_becomes_the_recorded_form() -> None:
    recorded = body("sora/submit_request")
    assert recorded.pop("_encoding") == "multipart/form-data"
    call = order(spec(duration_seconds=8.0, **WIDE), FORM, model="sora-2")
    assert (call.method, call.path, call.form, call.json, call.files) == ("POST", "/videos", recorded, None, ())


@pytest.mark.parametrize("form", ["multipart", "json"])
def test_a_picture_at_an_address_becomes_the_recorded_bodies(form: str) -> None:
    dialect = Dialect(json=form == "json", image_mode="object")
    call = order(spec(at(URL), duration_seconds=4.0, **WIDE), dialect, model="sora-2")
    assert (call.json or call.form) == body("sora/submit_request_image_url")[form]


@pytest.mark.parametrize("dialect", [FORM, JSON], ids=["form", "json"])
def test_a_picture_as_bytes_is_uploaded_in_a_form_whatever_the_rest_is(dialect: Dialect) -> None:
    call = order(spec(inline(), duration_seconds=4.0, **WIDE), dialect, model=None)
    [part] = call.files
    assert (part.name, part.filename, part.media_type, part.data) == (
        "input_reference",
        "first_frame.png",
        "image/png",
        PNG,
    )
    assert call.json is None
    assert call.form is not None
    assert "input_reference" not in call.form


PICTURES: list[tuple[Dialect, DeliveredMedia, dict[str, JsonValue]]] = [
    (Dialect(image_mode="reference_url"), at(URL), {"reference_url": URL}),
    (Dialect(image_mode="reference_url", json=True), at(URL), {"reference_url": URL}),
    (Dialect(image_mode="image_reference_json"), at(URL), {"image_reference": f'{{"image_url": "{URL}"}}'}),
    (Dialect(image_mode="image_reference_json"), inline(), {"image_reference": f'{{"image_url": "{DATA_URI}"}}'}),
    (
        Dialect(image_mode="image_reference_json", json=True),
        at(URL),
        {"image_reference": {"content": URL, "format": "url", "role": "first_frame"}},
    ),
    (
        Dialect(image_mode="image_reference_json", json=True),
        inline(),
        {"image_reference": {"content": DATA_URI.partition(",")[2], "format": "base64", "role": "first_frame"}},
    ),
    (Dialect(image_mode="string", json=True), at(URL), {"input_reference": URL}),
    (Dialect(image_mode="string", json=True), inline(), {"input_reference": DATA_URI}),
    (Dialect(image_mode="object"), inline(), {"input_reference[image_url]": DATA_URI}),
    (Dialect(image_mode="object", json=True), inline(), {"input_reference": {"image_url": DATA_URI}}),
]


@pytest.mark.parametrize(("dialect", "media", "field"), PICTURES)
def test_each_server_gets_the_picture_where_it_looks_for_it(
    dialect: Dialect, media: DeliveredMedia, field: dict[str, JsonValue]
) -> None:
    call = order(spec(media), dialect, model=None)
    assert call.files == ()
    assert (call.json if dialect.json else call.form) == {"prompt": PROMPT, **field}


def test_a_last_frame_goes_after_the_first_whichever_came_first() -> None:
    media = (at("https://x.example/b.png", "last_frame"), at("https://x.example/a.png"))
    tensorrt = order(spec(*media), Dialect(json=True, image_mode="image_reference_json"), model=None).json
    assert tensorrt == {
        "prompt": PROMPT,
        "image_reference": [
            {"content": "https://x.example/a.png", "format": "url", "role": "first_frame"},
            {"content": "https://x.example/b.png", "format": "url", "role": "last_frame"},
        ],
    }
    vllm = order(spec(*media), Dialect(image_mode="image_reference_json"), model=None).form
    assert vllm is not None
    assert vllm["image_reference"] == (
        '[{"image_url": "https://x.example/a.png"}, {"image_url": "https://x.example/b.png"}]'
    )


@pytest.mark.parametrize(
    ("dialect", "length", "sent"),
    [
        (FORM, 8.0, "8"),
        (FORM, 2.5, "2.5"),
        (JSON, 8.0, 8),
        (JSON, 2.5, 2.5),
        (Dialect(json=True, image_mode="object"), 8.0, "8"),
    ],
)
def test_seconds_are_text_in_forms_and_numbers_in_json_but_for_openai(
    dialect: Dialect, length: float, sent: JsonValue
) -> None:
    call = order(spec(duration_seconds=length), dialect, model=None)
    assert (call.json or call.form) == {"prompt": PROMPT, "seconds": sent}


def test_what_is_not_set_is_not_sent_and_options_go_along_as_they_are() -> None:
    assert order(spec(), JSON, model=None).json == {"prompt": PROMPT}
    options: dict[str, JsonValue] = {"num_frames": 121, "generate_sound": True, "lora": {"name": "ink"}, "fps": 24.0}
    full = spec(seed=7, negative_prompt="rain", options=options)
    assert order(full, JSON, model="wan").json == {
        "prompt": PROMPT,
        "model": "wan",
        "negative_prompt": "rain",
        "seed": 7,
        **options,
    }
    assert order(full, FORM, model=None).form == {
        "prompt": PROMPT,
        "negative_prompt": "rain",
        "seed": "7",
        "num_frames": "121",
        "generate_sound": "true",
        "lora": '{"name": "ink"}',
        "fps": "24.0",
    }


@pytest.mark.parametrize("options", [{"seconds": "5"}, {"size": "848x480"}, {"width": 848}, {"prompt": "a cat"}])
def test_an_option_that_contradicts_the_request_is_refused(options: dict[str, JsonValue]) -> None:
    with pytest.raises(InvalidInput, match=f"The option {next(iter(options))} says something else"):
        order(spec(duration_seconds=8.0, options=options, **WIDE), FORM, model=None)


def test_an_option_that_says_the_same_again_is_none() -> None:
    again = spec(duration_seconds=8.0, options={"seconds": 8, "size": "1280x720"}, **WIDE)
    assert order(again, Dialect(json=True, image_mode="object"), model=None).json is not None
    assert order(spec(options={"width": 848, "height": 480}), JSON, model=None).json == {
        "prompt": PROMPT,
        "width": 848,
        "height": 480,
    }


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"resolution": "720p", "aspect_ratio": "16:9"}, "1280x720"),
        ({"resolution": "720p", "aspect_ratio": "9:16"}, "720x1280"),
        ({"resolution": "1080p", "aspect_ratio": "16:9"}, "1920x1080"),
        ({"resolution": "480p", "aspect_ratio": "16:9"}, "832x480"),
        ({"resolution": "480p", "aspect_ratio": "4:3"}, "640x480"),
        ({"resolution": "720p", "aspect_ratio": "1:1"}, "720x720"),
        ({"resolution": "1080p", "aspect_ratio": "9:21"}, "1080x2496"),
        ({"resolution": "1080p"}, "1920x1080"),
        ({"aspect_ratio": "9:16"}, "720x1280"),
        ({}, None),
    ],
)
def test_a_resolution_and_a_shape_are_one_size(fields: dict[str, object], written: str | None) -> None:
    assert size(spec(**fields)) == written


@pytest.mark.parametrize(
    ("width", "height", "written"),
    [(720, 1280, "720x1280"), (1500, 1000, "1056x720"), (600, 600, "720x720"), (900, 100, "1680x720")],
)
def test_without_a_shape_the_clip_has_that_of_the_picture(width: int, height: int, written: str) -> None:
    assert size(spec(picture(width, height), resolution="720p")) == written
    assert size(spec(picture(width, height), resolution="720p", aspect_ratio="16:9")) == "1280x720"


def test_without_a_shape_the_size_for_a_picture_elsewhere_is_left_to_the_server_and_that_is_said() -> None:
    elsewhere = spec(at(URL), resolution="720p")
    assert size(elsewhere) is None
    assert [text.partition(":")[0] for text in unsaid(elsewhere)] == ["720p was not sent"]
    assert [*unsaid(spec(at(URL), **WIDE)), *unsaid(spec(at(URL))), *unsaid(spec(**WIDE))] == []


@pytest.mark.parametrize(
    ("mode", "wrong", "reason"),
    [
        ("upload", spec(at(URL)), "takes pictures as bytes only"),
        ("reference_url", spec(inline()), "takes pictures as web addresses only"),
        ("upload", spec(inline(), inline()), "takes 1 x first frame, not 2"),
        ("upload", spec(inline(), inline(role="last_frame")), "takes no last frame"),
        ("image_reference_json", spec(inline(role="last_frame")), "only beside a first frame"),
        ("object", spec(at(URL, "reference_image")), "takes no reference image"),
        ("object", spec(at(URL, "source_video")), "takes no source video"),
        ("upload", spec(audio=True), "has no word for sound"),
        ("upload", spec(audio=False), "has no word for sound"),
    ],
)
def test_what_the_format_cannot_say_is_refused_with_the_reason(mode: ImageMode, wrong: VideoSpec, reason: str) -> None:
    with pytest.raises(UnsupportedFeature, match=reason) as caught:
        order(wrong, Dialect(image_mode=mode), model=None)
    assert f"'{mode}'" in caught.value.message
    assert caught.value.charged == "no"


def test_bytes_that_are_no_picture_are_refused_where_their_shape_is_needed() -> None:
    with pytest.raises(InvalidInput):
        order(spec(inline(b"text"), resolution="720p"), FORM, model=None)


def test_every_image_mode_has_its_frames_and_its_delivery() -> None:
    assert set(FRAMES) == set(DELIVERY)
    assert {mode for mode, frames in FRAMES.items() if "last_frame" in frames} == {"image_reference_json"}


def test_an_id_stays_one_segment_of_the_path() -> None:
    assert job_path("../models?x#y") == "/videos/..%2Fmodels%3Fx%23y"


@given(
    wish=st.builds(
        VideoSpec,
        model=st.just("@served"),
        prompt=st.text(max_size=20),
        duration_seconds=st.none() | st.floats(),
        resolution=st.sampled_from([None, "480p", "2160p"]),
        aspect_ratio=st.sampled_from([None, "16:9", "9:21"]),
        audio=st.none() | st.booleans(),
        seed=st.none() | st.integers(),
        negative_prompt=st.none() | st.text(max_size=5),
        media=st.lists(
            st.sampled_from([at(URL), inline(), at(URL, "last_frame"), inline(b"x", "reference_audio")]), max_size=3
        ).map(tuple),
        options=st.dictionaries(
            st.sampled_from(["seconds", "size", "width", "fps"]),
            st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
            max_size=3,
        ),
    ),
    json=st.booleans(),
    mode=st.sampled_from([*FRAMES]),
)
def test_no_spec_makes_anything_but_an_order_or_an_error_of_ours(wish: VideoSpec, json: bool, mode: ImageMode) -> None:
    with suppress(InvalidInput, UnsupportedFeature):
        call = order(wish, Dialect(json=json, image_mode=mode), model=None)
        assert (call.json is None) != (call.form is None)
        sent = call.json if isinstance(call.json, dict) else dict(call.form or {})
        assert [key for key, value in sent.items() if value is None and key not in wish.options] == []
