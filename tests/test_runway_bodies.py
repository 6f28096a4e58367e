from __future__ import annotations

import base64

import pytest

from nexiom_sdk.errors import InvalidInput, ModelRetired, UnsupportedFeature
from nexiom_sdk.providers.runway_bodies import order_of, shaped
from nexiom_sdk.types import DeliveredMedia, VideoSpec
from runway_rig import FIXTURES, INDEX, at, body, picture, spec


def pixel() -> DeliveredMedia:
    uri = str(body("submit_i2v_data_uri_request.json")["promptImage"])
    return DeliveredMedia(role="first_frame", media_type="image/png", data=base64.b64decode(uri.partition(",")[2]))


REQUESTS: dict[str, VideoSpec] = {
    "submit_t2v_request.json": spec(
        "gen4.5",
        "A lighthouse on a basalt cliff at dusk, slow aerial orbit, waves breaking below",
        duration_seconds=5.0,
        resolution="720p",
        aspect_ratio="16:9",
    ),
    "submit_t2v_veo31_request.json": spec(
        "veo3.1_fast",
        "A street musician plays accordion under an awning in the rain",
        duration_seconds=8.0,
        resolution="1080p",
        aspect_ratio="9:16",
        audio=False,
        negative_prompt="text, watermark",
        seed=4242,
    ),
    "submit_t2v_seedance_references_request.json": spec(
        "seedance2_5",
        "The same courier cycles across a wet bridge at night",
        at("courier-front.jpg", "reference_image"),
        at("courier-side.jpg", "reference_image"),
        at("bridge-motion.mp4", "reference_video"),
        duration_seconds=10.0,
        resolution="1080p",
        aspect_ratio="16:9",
        audio=True,
    ),
    "submit_i2v_request.json": spec(
        "gen4_turbo",
        "Camera drifts left as gulls lift off",
        at("harbour.jpg"),
        duration_seconds=5.0,
        resolution="720p",
        aspect_ratio="16:9",
    ),
    "submit_i2v_first_last_request.json": spec(
        "veo3.1",
        "The light climbs over the valley",
        at("noon.jpg", "last_frame"),
        at("dawn.jpg"),
        duration_seconds=8.0,
        resolution="1080p",
        aspect_ratio="16:9",
    ),
    "submit_i2v_data_uri_request.json": spec(
        "gen4.5", "Dust floats through a shaft of light", pixel(), duration_seconds=4.0, aspect_ratio="1:1"
    ),
    "submit_v2v_request.json": spec(
        "aleph2",
        "Change the season to deep winter",
        at("clip.mp4", "source_video"),
        aspect_ratio="16:9",
        options={"keyframes": [{"seconds": 0, "uri": "https://inputs.example.com/winter-frame.jpg"}]},
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_each_recorded_request_is_made_from_a_spec(name: str) -> None:
    order = order_of(REQUESTS[name])
    assert (f"/v1/{order.endpoint}", order.body) == (INDEX[name]["path"], body(name))


def test_no_recorded_request_is_left_out() -> None:
    assert set(REQUESTS) == {file.name for file in FIXTURES.glob("submit_*_request.json")}


def test_an_endpoint_sees_only_the_keys_that_the_model_has_there() -> None:
    silent = order_of(spec("gen4.5", audio=False))
    assert set(silent.body) == {"model", "promptText", "ratio", "duration"}
    moved = order_of(spec("kling2.5_turbo_pro", "a fox", at("fox.png"), resolution="720p"))
    assert set(moved.body) == {"model", "promptText", "promptImage", "duration"}
    assert moved.warnings == ("kling2.5_turbo_pro takes these from what goes in, so they were not sent: resolution.",)


def test_a_length_is_always_sent_where_the_model_has_one() -> None:
    assert order_of(spec("veo3.1")).body["duration"] == 6
    assert order_of(spec("seedance2", options={"duration": "auto"})).body["duration"] == "auto"
    assert "duration" not in order_of(spec("aleph2", "x", at("a.mp4", "source_video"))).body


def test_what_comes_from_the_source_is_not_sent_and_said_so() -> None:
    asked = {"duration_seconds": 5.0, "resolution": "720p", "audio": True}
    order = order_of(spec("klingO3_pro", "at night", at("a.mp4", "source_video"), **asked))
    assert order.body == {
        "model": "klingO3_pro",
        "promptText": "at night",
        "promptVideo": "https://inputs.example.com/a.mp4",
    }
    assert order.warnings == (
        "klingO3_pro takes these from what goes in, so they were not sent: length, sound, resolution.",
    )


def test_a_performance_is_a_character_and_a_video_and_no_prompt() -> None:
    media = (at("face.png", "reference_image"), at("act.mp4", "reference_video"))
    order = order_of(spec("act_two", "ignored", *media, aspect_ratio="1:1"))
    assert (order.endpoint, order.body) == (
        "character_performance",
        {
            "model": "act_two",
            "ratio": "960:960",
            "character": {"type": "image", "uri": "https://inputs.example.com/face.png"},
            "reference": {"type": "video", "uri": "https://inputs.example.com/act.mp4"},
        },
    )
    assert "prompt" in order.warnings[0]


def test_references_beside_a_first_frame_and_references_without_types() -> None:
    kling = order_of(spec("klingO3_pro", "x", at("a.png"), at("b.png", "reference_image")))
    assert (kling.endpoint, kling.body["references"]) == (
        "image_to_video",
        [{"uri": "https://inputs.example.com/b.png"}],
    )
    omni = order_of(spec("gemini_omni_flash_1.1", "x", at("a.mp4", "reference_video")))
    assert omni.body["referenceVideos"] == [{"uri": "https://inputs.example.com/a.mp4"}]


@pytest.mark.parametrize(
    ("model", "fields", "size"),
    [
        ("gen4.5", {}, {"ratio": "1280:720"}),
        ("wan3", {"resolution": "1080p", "aspect_ratio": "4:3"}, {"ratio": "1648:1248"}),
        ("seedance2", {"resolution": "2160p", "aspect_ratio": "21:9"}, {"ratio": "3840:1646"}),
        ("seedance2", {"resolution": "480p"}, {"ratio": "864:496"}),
        ("seedance2_5", {"resolution": "480p"}, {"ratio": "854:480"}),
        ("hailuo3", {"resolution": "1440p", "aspect_ratio": "1:1"}, {"ratio": "1:1", "resolution": "2k"}),
        ("h3_max", {}, {"resolution": "480p"}),
        ("kling3.0_4k", {"aspect_ratio": "1:1"}, {"ratio": "2880:2880"}),
    ],
)
def test_a_size_is_written_as_the_model_writes_it(model: str, fields: dict[str, str], size: dict[str, str]) -> None:
    made = order_of(spec(model, **fields)).body
    assert {key: made[key] for key in ("ratio", "resolution") if key in made} == size


def test_the_same_size_is_another_word_with_a_picture() -> None:
    assert order_of(spec("wan3", "x", at("a.png"), resolution="1080p")).body["ratio"] == "auto_1080p"
    grok = order_of(spec("grok_imagine_1_5", "x", at("a.png"), resolution="480p")).body
    assert ("ratio" not in grok, grok["resolution"]) == (True, "480p")
    hailuo = order_of(spec("hailuo3", "x", at("a.png", "reference_image"))).body
    assert (hailuo["ratio"], hailuo["resolution"]) == ("adaptive", "768p")


@pytest.mark.parametrize(
    ("width", "height", "ratio"), [(300, 400, "832:1104"), (64, 64, "960:960"), (640, 280, "1584:672")]
)
def test_a_picture_keeps_its_shape_where_none_was_asked_for(width: int, height: int, ratio: str) -> None:
    order = order_of(shaped(spec("gen4.5", "x", picture(width, height))))
    assert (order.body["ratio"], order.warnings) == (ratio, ())
    asked = shaped(spec("gen4.5", "x", picture(width, height), aspect_ratio="16:9"))
    assert order_of(asked).body["ratio"] == "1280:720"


def test_a_picture_that_only_runway_sees_is_cropped_and_that_is_said() -> None:
    unseen = spec("gen4.5", "x", at("a.png"))
    assert shaped(unseen) == unseen
    assert order_of(unseen).warnings == (
        "No aspect ratio was asked for, so it was 16:9; a picture of another shape is cropped to it.",
    )
    for model in ("wan3", "kling3.0_pro"):  # models that follow the picture
        following = spec(model, "x", picture(300, 400))
        assert shaped(following) == following


REFUSED: dict[str, tuple[VideoSpec, str]] = {
    "a prompt alone where a picture is needed": (spec("gen4_turbo"), "needs a reference image"),
    "a kind of order that it lacks": (spec("aleph2"), "needs a reference"),
    "a last frame alone": (spec("veo3.1", "x", at("a.png", "last_frame")), "only beside a first frame"),
    "a last frame where there is none": (
        spec("gen4.5", "x", at("a.png"), at("b.png", "last_frame")),
        "takes no last frame",
    ),
    "keyframes and references": (
        spec("seedance2", "x", at("a.png"), at("b.png", "reference_image")),
        "only one of first frame and reference image",
    ),
    "references without the frame they stand beside": (
        spec("klingO3_pro", "x", at("a.png", "reference_image")),
        "takes a reference image only beside a first frame or a source video",
    ),
    "half a performance": (spec("act_two", "x", at("a.png", "reference_image")), "a reference video"),
    "too many references": (
        spec("seedance2", "x", *[at(f"{n}.png", "reference_image") for n in range(10)]),
        "takes 9 x reference image, not 10",
    ),
    "a resolution": (spec("gen4.5", resolution="1080p"), "offered: 720p; nearest: 720p"),
    "a shape": (spec("gen4.5", aspect_ratio="21:9"), "offered: 16:9, 9:16; nearest: 16:9"),
    "a shape with a picture": (spec("wan3", "x", at("a.png"), aspect_ratio="16:9"), "cannot be chosen"),
    "1080p with references": (
        spec("grok_imagine_1_5", "x", at("a.png", "reference_image"), resolution="1080p"),
        "offered: 480p, 720p",
    ),
    "a seed": (spec("wan3", seed=1), "takes no seed"),
    "a negative prompt": (spec("gen4.5", negative_prompt="rain"), "takes no negative prompt"),
    "sound": (spec("gen4.5", audio=True), "silent clips only"),
    "silence": (spec("gemini_omni_flash_1.1", audio=False), "always makes sound"),
    "an archive": (spec("gen4.5", options={"outputFormat": "png_sequence"}), "only videos can be kept"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_api_cannot_be_told_is_refused_before_anything_is_sent(case: str) -> None:
    refused, said = REFUSED[case]
    with pytest.raises(UnsupportedFeature, match=said) as caught:
        order_of(refused)
    assert caught.value.charged == "no"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (spec("gen4.5", duration_seconds=2.5), "whole seconds"),
        (spec("gen4.5", duration_seconds=float("inf")), "whole seconds"),
        (spec("gen4.5", "\N{FOX FACE}" * 501), "1,000 UTF-16 units; this one has 1,002"),
        (spec("gen4.5", options={"seeds": 1}), "Did you mean 'seed'"),
        (spec("gen4.5", options={"audio": True}), "no option of gen4.5 'audio'. Known: contentModeration"),
        (spec("gen4.5", duration_seconds=5.0, options={"duration": 7}), "duration says something else"),
        (spec("gen4.5", options={"model": "veo3.1"}), "no option of gen4.5 'model'"),
        (spec("seedance2_5", options={"draftTaskId": "t"}), "no option"),
    ],
)
def test_values_that_cannot_be_sent_are_named(wrong: VideoSpec, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        order_of(wrong)


def test_a_prompt_of_exactly_the_longest_length_passes() -> None:
    assert order_of(spec("gen4.5", "\N{FOX FACE}" * 500)).body["promptText"] == "\N{FOX FACE}" * 500


def test_options_are_passed_on_as_they_are() -> None:
    options = {"contentModeration": {"publicFigureThreshold": "low"}, "duration": 5}
    made = order_of(spec("gen4.5", duration_seconds=5.0, options=options)).body
    assert {key: made[key] for key in options} == options


def test_an_extension_sends_no_ratio_and_an_edit_says_that_it_is_as_long_as_its_source() -> None:
    source = at("a.mp4", "source_video")
    asked = {"duration_seconds": 8.0, "resolution": "720p"}
    extended = order_of(spec("seedance2_5", "on", source, **asked, options={"mode": "extend"})).body
    assert {"ratio", "duration"} & set(extended) == {"duration"}
    edited = order_of(spec("seedance2_5", "on", source, **asked, options={"mode": "edit"})).body
    assert (edited["duration"], "ratio" in edited) == ("auto", False)


def test_a_model_that_is_not_known_here_gets_what_most_models_take() -> None:
    order = order_of(spec("gen5", "x", at("a.png"), aspect_ratio="9:16", seed=3, options={"newKey": [1]}))
    assert (order.endpoint, order.body) == (
        "image_to_video",
        {
            "model": "gen5",
            "promptText": "x",
            "promptImage": "https://inputs.example.com/a.png",
            "ratio": "720:1280",
            "duration": 5,
            "seed": 3,
            "newKey": [1],
        },
    )


@pytest.mark.parametrize("model", ["gen3a_turbo", "gen4_aleph", "veo3"])
def test_a_retired_model_is_not_ordered(model: str) -> None:
    with pytest.raises(ModelRetired, match="takes its place"):
        order_of(spec(model))
