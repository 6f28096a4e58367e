from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from kling_rig import FIXTURES, REFERENCE, adapter, at, entries, fixture, order
from nexiom_sdk.errors import InvalidInput, ModelRetired, NexiomError, UnsupportedFeature
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
HOOK = "https://hooks.example.com/kling"
OMNI = "kling-3.0-omni"


def png(role: MediaRole = "first_frame") -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type="image/png", data=base64.b64decode(_PIXEL))


ORDERS: Mapping[str, Submission] = {
    "new_submit_request_t2v_3_0": order(
        callback_url=HOOK,
        prompt="A paper boat drifts across a calm lake at sunrise, slow dolly in.",
        resolution="1080p",
        aspect_ratio="16:9",
        duration_seconds=5,
        audio=True,
        options={"watermark_info": {"enabled": False}},
    ),
    "new_submit_request_t2v_3_0_turbo": order(
        model="kling-3.0-turbo",
        prompt="A paper boat drifts across a calm lake.",
        resolution="720p",
        aspect_ratio="9:16",
        duration_seconds=8,
        audio=True,
    ),
    "new_submit_request_t2v_2_6": order(
        model="kling-2.6",
        prompt="A paper boat.",
        resolution="1080p",
        aspect_ratio="16:9",
        duration_seconds=10,
        audio=True,
    ),
    "new_submit_request_i2v_first_frame": order(
        prompt="The boat rocks gently.",
        resolution="720p",
        duration_seconds=5,
        audio=False,
        media=(at("first_frame", "boat.png"),),
    ),
    "new_submit_request_i2v_first_last_frame": order(
        prompt="Day turns to night over the lake.",
        resolution="1080p",
        duration_seconds=10,
        audio=False,
        media=(at("last_frame", "night.png"), at("first_frame", "day.png")),
    ),
    "new_submit_request_i2v_base64": order(
        model="kling-3.0-turbo",
        prompt="The boat rocks gently.",
        resolution="720p",
        duration_seconds=5,
        media=(png(),),
    ),
    "new_submit_request_omni_reference_images": order(
        model=OMNI,
        prompt="@image_1 walks along the pier in the style of @image_2.",
        resolution="1080p",
        aspect_ratio="16:9",
        duration_seconds=7,
        audio=True,
        media=(at("reference_image", "hero.png"), at("reference_image", "mood.png")),
    ),
    "new_submit_request_omni_video_edit": order(
        model=OMNI,
        prompt="Replace the red car in @video_1 with a blue one.",
        resolution="1080p",
        duration_seconds=5,
        audio=True,
        media=(at("source_video", "car.mp4"),),
    ),
    "new_submit_request_omni_feature_video": order(
        model=OMNI,
        prompt="Copy the camera move of @video_1.",
        resolution="720p",
        duration_seconds=6,
        media=(at("reference_video", "move.mp4"),),
    ),
    "legacy_submit_request_t2v": order(
        callback_url=HOOK,
        model="kling-v3",
        prompt="A paper boat drifts across a calm lake at sunrise.",
        negative_prompt="text, watermark",
        resolution="1080p",
        audio=True,
        aspect_ratio="16:9",
        duration_seconds=5,
        options={"watermark_info": {"enabled": False}},
    ),
    "legacy_submit_request_i2v": order(
        model="kling-v2-6",
        prompt="The boat rocks gently.",
        resolution="1080p",
        duration_seconds=10,
        audio=False,
        media=(at("first_frame", "boat.png"),),
    ),
    "legacy_submit_request_i2v_first_last": order(
        model="kling-v2-5-turbo",
        prompt="Day turns to night.",
        resolution="1080p",
        duration_seconds=5,
        audio=False,
        media=(at("first_frame", "day.png"), at("last_frame", "night.png")),
    ),
    "legacy_submit_request_omni": order(
        model="kling-v3-omni",
        prompt="<<<image_1>>> walks along the pier.",
        resolution="1080p",
        duration_seconds=7,
        audio=False,
        media=(at("reference_image", "hero.png"),),
    ),
    "legacy_submit_request_omni_frames": order(
        model="kling-v3-omni",
        prompt="Day turns to night.",
        resolution="1080p",
        duration_seconds=5,
        media=(at("last_frame", "night.png"), at("first_frame", "day.png")),
    ),
}
NOT_ORDERED = {
    "legacy_submit_request_multi_image": "its model is retired",
    "legacy_submit_request_video_extend": "for clips of retired models",
    "legacy_submit_request_lip_sync": "no clip is made from a prompt",
}


def sent(submission: Submission) -> dict[str, JsonValue]:
    body = adapter().submit_call(submission).json
    assert isinstance(body, dict)
    return body


def part(submission: Submission, name: str) -> dict[str, JsonValue]:
    found = sent(submission)[name]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_written_as_it_was_recorded_with_our_id_of_it(name: str) -> None:
    call = adapter().submit_call(ORDERS[name])
    body = json.loads(json.dumps(call.json))
    place = body["options"] if name.startswith("new") else body
    assert place["external_task_id"] == REFERENCE
    wanted = json.loads(json.dumps(fixture(name)).replace("hero", "image_1").replace("mood", "image_2"))
    text = json.dumps(wanted).replace("image_1.png", "hero.png").replace("image_2.png", "mood.png")
    wanted = json.loads(text)
    for expected in (wanted.setdefault("options", {}) if name.startswith("new") else wanted,):
        expected["external_task_id"] = REFERENCE
    assert body == wanted
    assert (call.method, call.path) == (entries()[name]["method"], entries()[name]["path"])


def test_every_recorded_order_is_written_or_left_out_for_a_reason() -> None:
    assert {file.stem for file in FIXTURES.glob("*_submit_request_*.json")} == {*ORDERS, *NOT_ORDERED}


@pytest.mark.parametrize("model", ["kling-3.0", OMNI])
def test_cuts_are_made_only_where_an_option_asks_for_them(model: str) -> None:
    assert part(order(model=model), "settings")["multi_shot"] is False
    assert part(order(model=model, options={"multi_shot": True}), "settings")["multi_shot"] is True


@pytest.mark.parametrize("model", ["kling-3.0-turbo", "kling-2.6", "kling-2.5-turbo"])
def test_a_model_that_knows_no_cuts_is_told_of_none(model: str) -> None:
    assert "multi_shot" not in part(order(model=model), "settings")
    with pytest.raises(InvalidInput, match="multi_shot"):
        adapter().submit_call(order(model=model, options={"multi_shot": True}))


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    assert sent(order()) == {
        "prompt": "a fox in snow",
        "settings": {"multi_shot": False},
        "options": {"external_task_id": REFERENCE},
    }
    assert sent(order(model="kling-v3")) == {
        "model_name": "kling-v3",
        "prompt": "a fox in snow",
        "external_task_id": REFERENCE,
    }


@pytest.mark.parametrize(("audio", "word"), [(True, "original"), (False, "off"), (None, None)])
def test_the_sound_of_a_changed_video_is_its_own_or_none(audio: bool | None, word: str | None) -> None:
    changed = order(model=OMNI, audio=audio, media=(at("source_video", "a.mp4"),))
    assert part(changed, "settings").get("audio") == word
    older = order(model="kling-v3-omni", audio=audio, media=(at("source_video", "a.mp4"),))
    [video] = json.loads(json.dumps(sent(older)["video_list"]))
    assert video == {
        "video_url": "https://inputs.example.com/ref/a.mp4",
        "refer_type": "base",
        "keep_original_sound": "yes" if audio else "no",
    }
    assert not {"sound", "aspect_ratio", "duration"} & sent(older).keys()


def test_a_video_to_learn_from_is_silent_and_has_cuts_at_either_api() -> None:
    settings = part(order(model=OMNI, media=(at("reference_video", "a.mp4"),)), "settings")
    assert settings == {"audio": "off", "multi_shot": True}
    body = sent(order(model="kling-video-o1", media=(at("reference_video", "a.mp4"),)))
    assert body["aspect_ratio"] == "16:9"
    assert body["video_list"] == [
        {"video_url": "https://inputs.example.com/ref/a.mp4", "refer_type": "feature", "keep_original_sound": "no"}
    ]
    for model in (OMNI, "kling-v3-omni"):
        with pytest.raises(UnsupportedFeature, match="silent clips only beside a reference video"):
            adapter().submit_call(order(model=model, audio=True, media=(at("reference_video", "a.mp4"),)))


@pytest.mark.parametrize(("role", "cuts"), [("reference_video", False), ("source_video", True)])
def test_cuts_that_a_video_does_not_allow_are_refused(role: MediaRole, cuts: bool) -> None:
    video = at(role, "a.mp4")
    with pytest.raises(InvalidInput, match="multi_shot"):
        adapter().submit_call(order(model=OMNI, media=(video,), options={"multi_shot": cuts}))
    assert (
        part(order(model=OMNI, media=(video,), options={"multi_shot": not cuts}), "settings")["multi_shot"] is not cuts
    )


def test_a_shape_is_sent_to_an_omni_model_where_nothing_shows_it() -> None:
    frame, picture, video = at("first_frame", "a.png"), at("reference_image", "b.png"), at("reference_video", "c.mp4")
    for media, shape in (
        ((), "16:9"),
        ((picture,), "16:9"),
        ((frame,), None),
        ((picture, frame), None),
        ((video,), None),
    ):
        assert part(order(model=OMNI, media=media), "settings").get("aspect_ratio") == shape
        older = sent(order(model="kling-v3-omni", media=media))
        assert older.get("aspect_ratio") == ("16:9" if media == (video,) else shape)
    assert part(order(model=OMNI, media=(picture,), aspect_ratio="9:16"), "settings")["aspect_ratio"] == "9:16"


def test_pictures_keep_their_numbers_whatever_else_goes_in() -> None:
    media = (
        at("first_frame", "f.png"),
        at("reference_image", "a.png"),
        at("last_frame", "l.png"),
        png("reference_image"),
    )
    items = json.loads(json.dumps(sent(order(model=OMNI, media=media))["contents"]))
    assert [(one["type"], one.get("id")) for one in items] == [
        ("prompt", None),
        ("first_frame", None),
        ("last_frame", None),
        ("refer_image", "image_1"),
        ("refer_image", "image_2"),
    ]
    assert items[-1]["url"] == _PIXEL
    pictures = json.loads(json.dumps(sent(order(model="kling-v3-omni", media=media))["image_list"]))
    assert [one.get("type") for one in pictures] == [None, None, "first_frame", "end_frame"]
    assert pictures[1]["image_url"] == _PIXEL


@pytest.mark.parametrize(
    ("resolution", "new", "older"), [("720p", "720p", "std"), ("1080p", "1080p", "pro"), ("2160p", "4k", "4k")]
)
def test_a_resolution_has_a_word_of_its_own_at_each_api(resolution: str, new: str, older: str) -> None:
    assert part(order(resolution=resolution), "settings")["resolution"] == new
    assert sent(order(model="kling-v3", resolution=resolution))["mode"] == older


def test_stored_elements_come_as_an_option() -> None:
    element: JsonValue = {"type": "element", "element_id": "173", "id": "e1"}
    made = order(media=(at("first_frame", "a.png"),), options={"contents": [element]})
    contents = sent(made)["contents"]
    assert isinstance(contents, list)
    assert contents[-1] == element
    refused: list[JsonValue] = [[{"type": "first_frame", "url": "https://a.example"}], ["x"], {}, "x"]
    for wrong in refused:
        with pytest.raises(InvalidInput, match="contents"):
            adapter().submit_call(order(model=OMNI, options={"contents": wrong}))
    with pytest.raises(InvalidInput, match="contents"):
        adapter().submit_call(order(options={"contents": [element]}))


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({"seed": 7}, "kling-3.0"),
        ({"multishot": True}, "kling-3.0"),
        ({"prompt": "x"}, "kling-3.0"),
        ({"cfg_scale": 0.5}, "kling-v3"),
        ({"model_name": "kling-v1"}, "kling-v3"),
        ({"negative_prompt": "x"}, "kling-v3"),
        ({"multi_prompt": []}, "kling-v3-omni"),
        ({"static_mask": "x"}, "kling-v3"),
    ],
)
def test_an_option_that_does_not_exist_or_is_a_field_of_the_request_is_refused(
    options: dict[str, JsonValue], model: str
) -> None:
    with pytest.raises(InvalidInput, match="There is no option"):
        adapter().submit_call(order(model=model, options=options))


def test_options_of_the_older_api_go_into_the_body() -> None:
    body = sent(order(model="kling-v3", options={"multi_shot": True, "shot_type": "intelligence"}))
    assert (body["multi_shot"], body["shot_type"]) == (True, "intelligence")
    body = sent(
        order(model="kling-v3", media=(at("first_frame", "a.png"),), options={"element_list": [{"element_id": 1}]})
    )
    assert body["element_list"] == [{"element_id": 1}]


FRAME, LAST, PICTURE = at("first_frame", "a.png"), at("last_frame", "b.png"), at("reference_image", "c.png")
VIDEO, SOURCE = at("reference_video", "d.mp4"), at("source_video", "e.mp4")
BYTES = DeliveredMedia(role="source_video", media_type="video/mp4", data=b"mp4")
REFUSED: list[tuple[dict[str, object], str]] = [
    ({"seed": 1}, "no seed"),
    ({"negative_prompt": "x"}, "no negative prompt"),
    ({"model": "kling-v3-omni", "negative_prompt": "x"}, "no negative prompt"),
    ({"media": (LAST,)}, "only beside a first frame"),
    ({"model": "kling-v3", "media": (LAST,)}, "only beside a first frame"),
    ({"media": (FRAME,), "aspect_ratio": "16:9"}, "the shape is that of what goes in"),
    ({"model": OMNI, "media": (SOURCE,), "aspect_ratio": "16:9"}, "the shape is that of what goes in"),
    ({"media": (PICTURE,)}, "takes no reference image"),
    ({"model": "kling-3.0-turbo", "media": (FRAME, LAST)}, "takes no last frame"),
    ({"model": "kling-3.0-turbo", "audio": False}, "always makes sound"),
    ({"model": "kling-2.5-turbo", "audio": True}, "silent clips only"),
    ({"model": "kling-video-o1", "audio": True}, "silent clips only"),
    ({"model": "kling-2.6", "audio": True, "resolution": "720p"}, "720p is not offered with sound"),
    ({"model": "kling-v2-6", "audio": True}, "720p is not offered with sound"),
    ({"model": "kling-2.6", "media": (FRAME, LAST), "resolution": "720p"}, "720p is not offered beside a last frame"),
    ({"model": "kling-v2-5-turbo", "media": (FRAME, LAST)}, "720p is not offered beside a last frame"),
    (
        {"model": "kling-2.6", "media": (FRAME, LAST), "resolution": "1080p", "audio": True},
        "silent clips only beside a last frame",
    ),
    ({"model": OMNI, "media": (FRAME, SOURCE)}, "only one of first frame and source video"),
    ({"model": OMNI, "media": (VIDEO, SOURCE)}, "only one of reference video and source video"),
    ({"model": OMNI, "media": (PICTURE,) * 8}, "takes 7 x reference image"),
    ({"model": OMNI, "media": (FRAME, *(PICTURE,) * 7)}, "a last frame or a reference image together, not 8"),
    ({"model": OMNI, "media": (SOURCE, *(PICTURE,) * 5)}, "takes 4 x .* together beside a source video, not 5"),
    ({"model": OMNI, "media": (BYTES,)}, "videos as web addresses only"),
    ({"model": "kling-v3-omni", "media": (BYTES,)}, "videos as web addresses only"),
    ({"model": "kling-9", "media": (at("reference_audio", "a.mp3"),)}, "no reference audio"),
]


@pytest.mark.parametrize(("spec", "said"), REFUSED)
def test_what_cannot_be_said_is_refused_before_anything_is_sent(spec: dict[str, object], said: str) -> None:
    with pytest.raises(UnsupportedFeature, match=said) as caught:
        adapter().submit_call(order(**spec))  # type: ignore[arg-type]
    assert caught.value.charged == "no"


def test_seven_pictures_or_four_beside_a_video_are_taken() -> None:
    for media in ((PICTURE,) * 7, (SOURCE, *(PICTURE,) * 4), (FRAME, LAST, *(PICTURE,) * 5)):
        assert str(sent(order(model=OMNI, media=media))).count("inputs.example.com") == len(media)


def test_lengths_are_whole_seconds_and_prompts_have_an_end() -> None:
    with pytest.raises(InvalidInput, match="whole seconds, not 4"):
        adapter().submit_call(order(duration_seconds=4.5))
    for model, longest in (
        ("kling-3.0", 3072),
        ("kling-3.0-turbo", 3072),
        ("kling-2.6", 2500),
        ("kling-video-o1", 2500),
    ):
        adapter().submit_call(order(model=model, prompt="x" * longest))
        with pytest.raises(InvalidInput, match=f"{longest + 1:,} characters"):
            adapter().submit_call(order(model=model, prompt="x" * (longest + 1)))
    adapter().submit_call(order(model="kling-3.0-turbo", prompt="x" * 2500, media=(FRAME,)))
    with pytest.raises(InvalidInput, match="2,501 characters"):
        adapter().submit_call(order(model="kling-3.0-turbo", prompt="x" * 2501, media=(FRAME,)))


@pytest.mark.parametrize("model", ["kling-v1", "kling-v1-6", "kling-v2-master", "kling-v2-1-master"])
def test_a_retired_model_is_not_ordered(model: str) -> None:
    with pytest.raises(ModelRetired, match="kling-v2-5-turbo takes its place"):
        adapter().submit_call(order(model=model))


def test_a_model_that_the_operator_names_goes_where_its_references_lead() -> None:
    named = {
        "api_key": "k-123456",
        "models": "kling-4.0, fast=kling-2.6, wide=omni-video/kling-4.0, kling-3.0=kling-3.0-x, old=kling-v2-6",
    }
    made = adapter(**named)
    paths = {
        ("kling-4.0", ()): "/text-to-video/kling-4.0",
        ("kling-4.0", (FRAME, LAST)): "/image-to-video/kling-4.0",
        ("kling-4.0", (PICTURE,)): "/omni-video/kling-4.0",
        ("fast", ()): "/text-to-video/kling-2.6",
        ("wide", ()): "/omni-video/kling-4.0",
        ("kling-3.0", ()): "/text-to-video/kling-3.0-x",
        ("old", (FRAME,)): "/v1/videos/image2video",
    }
    for (model, media), path in paths.items():
        assert made.submit_call(order(model=model, media=media)).path == path
    body = made.submit_call(order(model="old")).json
    assert isinstance(body, dict)
    assert body["model_name"] == "kling-v2-6"
    plain = made.submit_call(order(model="wide", audio=True)).json
    assert isinstance(plain, dict)
    assert plain["contents"] == [{"type": "prompt", "text": "a fox in snow"}]
    assert plain["settings"] == {"aspect_ratio": "16:9", "audio": "native"}, "no word of cuts that it may not know"
    learning = made.submit_call(order(model="wide", media=(VIDEO,))).json
    assert isinstance(learning, dict)
    assert learning["settings"] == {}, "nor of sound"


def test_references_are_not_dropped_where_a_configured_path_has_no_place_for_them() -> None:
    made = adapter(api_key="k-123456", models="plain=text-to-video/kling-4.0")
    with pytest.raises(UnsupportedFeature, match="takes no references"):
        made.submit_call(order(model="plain", media=(FRAME,)))
    assert made.submit_call(order(model="plain")).path == "/text-to-video/kling-4.0"


def test_a_name_of_a_model_cannot_leave_its_place_in_the_path() -> None:
    assert adapter().submit_call(order(model="../tasks?x")).path == "/%2E%2E/tasks%3Fx"


ROLES: tuple[MediaRole, ...] = (
    "first_frame", "last_frame", "reference_image", "reference_video", "source_video", "reference_audio",
)  # fmt: skip
MODELS = [card.model for card in adapter().models] + ["kling-4.0", "kling-v9"]


@given(
    model=st.sampled_from(MODELS),
    roles=st.lists(st.sampled_from(ROLES), max_size=6),
    audio=st.none() | st.booleans(),
    resolution=st.sampled_from([None, "720p", "1080p", "2160p"]),
    length=st.none() | st.integers(1, 30).map(float),
)
def test_an_order_says_all_that_was_asked_or_is_refused(
    model: str, roles: list[MediaRole], audio: bool | None, resolution: str | None, length: float | None
) -> None:
    media = tuple(at(role, f"{number}.x") for number, role in enumerate(roles))
    asked = order(model=model, media=media, audio=audio, resolution=resolution, duration_seconds=length)
    with suppress(UnsupportedFeature, InvalidInput, ModelRetired):
        text = json.dumps(adapter().submit_call(asked).json)
        for one in media:
            assert text.count(str(one.url)) == 1
        words = {"2160p": '"4k"', "1080p": ('"pro"', '"1080p"'), "720p": ('"std"', '"720p"')}.get(str(resolution), "")
        assert any(word in text for word in ([words] if isinstance(words, str) else words))
        assert length is None or "source_video" in roles or f'"duration": {int(length)}' in text.replace('": "', '": ')


@given(
    options=st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.lists(st.text(max_size=3)), max_size=3)
)
def test_no_options_whatever_raise_anything_foreign(options: dict[str, JsonValue]) -> None:
    for model in (OMNI, "kling-v3"):
        with suppress(NexiomError):
            adapter().submit_call(order(model=model, options=options))
