from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, RequestError, UnsupportedFeature
from nexiom_sdk.types import DeliveredMedia, Submission
from veo_rig import FIXTURES, RESOURCE, fixture, inline, order, stored, veo

STORE = "gs://demo-bucket/veo/"
ORDERS: Mapping[str, tuple[str, Submission]] = {
    "vertex_submit_request": (
        STORE,
        order(
            duration_seconds=8,
            aspect_ratio="16:9",
            resolution="1080p",
            audio=True,
            seed=7,
            negative_prompt="blurry",
            options={"personGeneration": "allow_adult"},
        ),
    ),
    "vertex_submit_request_image": (
        "",
        order(
            duration_seconds=8,
            aspect_ratio="16:9",
            media=(stored("last_frame", "last.png"), inline("first_frame")),
            options={"resizeMode": "pad"},
        ),
    ),
    "vertex_submit_request_references": ("", order(duration_seconds=8, media=(inline("reference_image"),))),
}
# What is always said, because it decides about the price; the recorded requests leave some of it to the server.
ALWAYS: Mapping[str, JsonValue] = {"sampleCount": 1, "generateAudio": True}


def body(submission: Submission, **config: str) -> dict[str, JsonValue]:
    made = veo(**config).submit_call(submission).json
    assert isinstance(made, dict)
    return made


def instance(submission: Submission) -> dict[str, JsonValue]:
    found = body(submission)["instances"]
    assert isinstance(found, list)
    assert isinstance(found[0], dict)
    assert len(found) == 1
    return found[0]


def parameters(submission: Submission, **config: str) -> dict[str, JsonValue]:
    found = body(submission, **config)["parameters"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_written_as_it_was_recorded(name: str) -> None:
    place, submission = ORDERS[name]
    recorded = fixture(name)
    assert isinstance(recorded["parameters"], dict)
    made = body(submission, storage_uri=place)
    assert made == {**recorded, "parameters": {**ALWAYS, **recorded["parameters"]}}
    assert isinstance(made["parameters"], dict)
    assert type(made["parameters"]["durationSeconds"]) is int


def test_every_recorded_order_is_written() -> None:
    assert {file.stem for file in FIXTURES.glob("vertex_submit_request*.json")} == {*ORDERS}


def test_an_order_goes_to_its_model_in_the_project_and_place() -> None:
    call = veo().submit_call(order())
    assert (call.method, call.path) == ("POST", f"/v1/{RESOURCE}:predictLongRunning")
    made = veo(location="europe-west4", api_version="v1beta1", models="mine=a/b").submit_call(order("mine"))
    assert made.path == (
        "/v1beta1/projects/demo-project/locations/europe-west4/publishers/google/models/a%2Fb:predictLongRunning"
    )


def test_nothing_is_sent_that_is_not_set() -> None:
    prompt = "A paper boat crossing a rain puddle, macro lens"
    assert body(order()) == {"instances": [{"prompt": prompt}], "parameters": ALWAYS}


@pytest.mark.parametrize(("asked", "sent"), [(True, True), (False, False), (None, True)])
def test_sound_is_always_said(asked: bool | None, sent: bool) -> None:
    assert parameters(order(audio=asked))["generateAudio"] is sent


@pytest.mark.parametrize(("asked", "sent"), [("720p", "720p"), ("2160p", "4k")])
def test_a_resolution_has_googles_name(asked: str, sent: str) -> None:
    assert parameters(order(resolution=asked))["resolution"] == sent


def test_a_clip_that_is_continued_has_its_shape_and_grows_by_a_fixed_length() -> None:
    made = order(duration_seconds=7, media=(stored("source_video", "take one.MP4"),))
    assert parameters(made) == ALWAYS
    assert instance(made)["video"] == {"gcsUri": "gs://demo-bucket/take one.MP4", "mimeType": "video/mp4"}


def test_options_go_where_google_reads_them_and_win_over_the_configuration() -> None:
    options = {"labels": {"team": "demo"}, "storageUri": "gs://other/", "sampleCount": 2, "enhancePrompt": True}
    made = body(order(options=options), storage_uri=STORE)
    assert made["labels"] == {"team": "demo"}
    assert made["parameters"] == {**ALWAYS, "storageUri": "gs://other/", "sampleCount": 2, "enhancePrompt": True}


@pytest.mark.parametrize(
    "key", ["seed", "negativePrompt", "generateAudio", "durationSeconds", "aspectRatio", "resolution", "lables"]
)
def test_an_option_that_the_request_says_or_that_does_not_exist_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match=key) as caught:
        veo().submit_call(order(options={key: 1}))
    assert caught.value.charged == "no"


FRAME, LAST, REFERENCE = inline("first_frame"), inline("last_frame"), inline("reference_image")
SOURCE = inline("source_video", "video/mp4", b"video")


@pytest.mark.parametrize(
    ("submission", "reason"),
    [
        (order(media=(FRAME, REFERENCE)), "only one of first frame and reference image"),
        (order(media=(FRAME, LAST, REFERENCE)), "only one of last frame and reference image"),
        (order(media=(FRAME, SOURCE)), "only one of first frame and source video"),
        (order(media=(REFERENCE, SOURCE)), "only one of reference image and source video"),
        (order(media=(LAST,)), "last frame only beside a first frame"),
        (order(media=(REFERENCE,) * 4), "takes 3 x reference image, not 4"),
        (order(media=(inline("reference_audio", "audio/mpeg"),)), "takes no reference audio"),
        (order(media=(DeliveredMedia(role="first_frame", media_type="", url="https://a/x.png"),)), "not as web addr"),
        (order("veo-3.1-lite-generate-001", media=(REFERENCE,)), "takes no reference image"),
        (order("veo-3.1-lite-generate-001", audio=False), "always makes sound"),
    ],
)
def test_what_veo_has_no_word_for_is_refused_before_anything_is_sent(submission: Submission, reason: str) -> None:
    with pytest.raises(UnsupportedFeature, match=reason) as caught:
        veo().submit_call(submission)
    assert (caught.value.charged, bool(caught.value.reasons)) == ("no", True)


def test_an_address_in_cloud_storage_without_an_ending_is_refused() -> None:
    with pytest.raises(InvalidInput, match="endings") as caught:
        veo().submit_call(order(media=(stored("first_frame", "fox"),)))
    assert "png" in caught.value.next_step


def test_a_broken_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match="whole seconds"):
        veo().submit_call(order(duration_seconds=4.5))


@given(
    media=st.lists(st.sampled_from([FRAME, LAST, REFERENCE, SOURCE]), max_size=4),
    seconds=st.none() | st.floats(0.1, 100),
    audio=st.none() | st.booleans(),
    options=st.dictionaries(st.sampled_from(["labels", "sampleCount", "seed", "x"]), st.integers(), max_size=2),
)
def test_an_order_is_written_or_refused_and_nothing_is_lost(
    media: list[DeliveredMedia], seconds: float | None, audio: bool | None, options: Mapping[str, int]
) -> None:
    submission = order(media=tuple(media), duration_seconds=seconds, audio=audio, options=options)
    try:
        made = str(body(submission))
    except RequestError:
        return
    assert made.count("'bytesBase64Encoded'") == len(media)
    assert all(key in made for key in options)


def test_bytes_travel_as_base64() -> None:
    assert instance(order(media=(FRAME,))) == {
        "prompt": order().spec.prompt,
        "image": {"bytesBase64Encoded": "iVBORw0KGgo=", "mimeType": "image/png"},
    }
