from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from pydantic import JsonValue

from nexiom_sdk import ModelCard
from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.providers.openrouter_cards import CARDS
from nexiom_sdk.providers.openrouter_orders import body_of
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec
from openrouter_rig import FIXTURES, adapter, fixture, order

FIRST = DeliveredMedia(role="first_frame", media_type="image/png", url="https://cdn.example.com/inputs/first.png")
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def _at(role: MediaRole, url: str) -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type="", url=f"https://cdn.example.com/inputs/{url}")


LAST, SOUND = _at("last_frame", "last.png"), _at("reference_audio", "rain.mp3")


ORDERS: Mapping[str, Submission] = {
    "t2v": order(
        prompt="A paper boat drifting down a rain-soaked street at dusk",
        duration_seconds=8,
        resolution="720p",
        aspect_ratio="16:9",
        audio=False,
        seed=42,
    ),
    "i2v": order(
        model="kwaivgi/kling-v3.0-std",
        prompt="The camera slowly pushes in",
        duration_seconds=5,
        aspect_ratio="16:9",
        media=(FIRST,),
    ),
    "first_last": order(
        model="bytedance/seedance-2.0",
        prompt="Day turns to night over the valley",
        duration_seconds=6,
        resolution="720p",
        aspect_ratio="16:9",
        media=(FIRST, DeliveredMedia(role="last_frame", media_type="image/png", data=base64.b64decode(_PIXEL))),
    ),
    "references": order(
        model="bytedance/seedance-2.0",
        prompt="The woman from the first picture walks through the market",
        duration_seconds=8,
        resolution="720p",
        aspect_ratio="9:16",
        media=(
            _at("reference_image", "person.png"),
            _at("reference_video", "motion.mp4"),
            _at("reference_audio", "voice.mp3"),
        ),
    ),
    "size": order(
        model="bytedance/seedance-2.0-fast",
        prompt="A lighthouse beam sweeping over a stormy sea",
        duration_seconds=5,
        resolution="720p",
        aspect_ratio="16:9",
        options={"size": "1280x720"},
    ),
    "continue": order(
        model="black-forest-labs/flux-3-video",
        prompt="The camera keeps rising above the clouds",
        duration_seconds=8,
        resolution="720p",
        options={"previous_job_id": "gen-vid-1795348800-k3JmQ8vR2xTzW5nBpL7d"},
    ),
    "passthrough_callback": order(
        callback_url="https://hooks.example.com/openrouter",
        model="google/veo-3.1",
        prompt="A time-lapse of a flower opening",
        duration_seconds=8,
        resolution="1080p",
        aspect_ratio="16:9",
        options={
            "session_id": "job-42",
            "user": "user-7",
            "provider": {
                "options": {
                    "google-vertex": {
                        "parameters": {"personGeneration": "allow", "negativePrompt": "blurry, low quality"}
                    }
                }
            },
        },
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_written_as_it_was_recorded(name: str) -> None:
    assert body_of(ORDERS[name]) == fixture(f"submit_request_{name}")


def test_every_recorded_order_is_written() -> None:
    assert {file.stem.removeprefix("submit_request_") for file in FIXTURES.glob("submit_request_*")} == {*ORDERS}


def test_broken_seconds_are_refused_with_the_nearest_whole_ones() -> None:
    with pytest.raises(InvalidInput, match="nearest: 8"):
        body_of(order(duration_seconds=8.4))


@pytest.mark.parametrize(
    ("size", "spec", "said"),
    [
        ("3840x2160", {"resolution": "720p"}, "short side is not that of 720p"),
        ("1280x720", {"aspect_ratio": "9:16"}, "not 9:16"),
        ("1280*720", {}, "written like 1280x720"),
        (720, {}, "written like 1280x720"),
    ],
)
def test_a_size_that_says_something_else_than_the_request_is_refused(
    size: JsonValue, spec: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        body_of(order(options={"size": size}, **spec))


@pytest.mark.parametrize("size", ["854x480", "480x854"])
def test_a_size_that_says_the_same_takes_the_place_of_resolution_and_ratio(size: str) -> None:
    ratio = "16:9" if size == "854x480" else "9:16"
    body = body_of(order(resolution="480p", aspect_ratio=ratio, options={"size": size}))
    assert body["size"] == size
    assert not body.keys() & {"resolution", "aspect_ratio"}
    assert body_of(order(options={"size": size}))["size"] == size


def test_nothing_is_sent_that_is_not_set() -> None:
    assert body_of(order()) == {"model": "google/veo-3.1-fast", "prompt": "a fox in snow"}


@pytest.mark.parametrize(("ours", "theirs"), [("2160p", "4K"), ("1440p", "2K"), ("1080p", "1080p"), ("480p", "480p")])
def test_resolutions_have_their_words_there(ours: str, theirs: str) -> None:
    assert body_of(order(resolution=ours))["resolution"] == theirs


def test_a_negative_prompt_goes_where_google_takes_it_and_nowhere_else() -> None:
    parameters: JsonValue = {"negativePrompt": "text"}
    body = body_of(order(negative_prompt="text"))
    assert body["provider"] == {"options": {"google-vertex": {"parameters": parameters}}}
    with pytest.raises(UnsupportedFeature, match="options"):
        body_of(order(model="kwaivgi/kling-v3.0-std", negative_prompt="text"))


def test_frames_and_references_exclude_each_other() -> None:
    with pytest.raises(UnsupportedFeature, match="not both"):
        body_of(order(media=(FIRST, _at("reference_image", "a.png"))))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"model": "kwaivgi/kling-v3.0-std", "media": (LAST,)}, "takes a last frame only beside a first frame"),
        ({"model": "google/veo-3.1-lite", "media": (LAST,)}, "takes a last frame only beside a first frame"),
        ({"model": "bytedance/seedance-2.0-mini", "media": (SOUND,)}, "takes a reference audio only beside"),
        ({"model": "minimax/hailuo-2.3", "audio": True}, "makes silent clips only"),
    ],
)
def test_what_the_card_of_a_listed_model_does_not_allow_is_refused(spec: dict[str, object], said: str) -> None:
    with pytest.raises(UnsupportedFeature, match=said):
        adapter().submit_call(order(**spec))  # type: ignore[arg-type]
    assert adapter().submit_call(order(**{**spec, "model": "acme/new"})).path == "/videos"  # type: ignore[arg-type]


def test_a_kind_of_reference_that_is_not_taken_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnsupportedFeature, match="reference_image, reference_video, reference_audio"):
        body_of(order(media=(_at("source_video", "a.mp4"),)))


def test_an_option_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'previous_job_id'"):
        body_of(order(options={"previous_job": "x"}))
    with pytest.raises(InvalidInput, match="give one of them"):
        body_of(order(negative_prompt="text", options={"provider": {}}))


@pytest.mark.parametrize("card", [card for card in CARDS if card.lifecycle != "retired"], ids=lambda card: card.model)
def test_everything_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    ratios = card.aspect_ratios or ("16:9",)
    for seconds in card.durations_seconds:
        for resolution in card.resolutions:
            for ratio in ratios:
                spec = VideoSpec(
                    model=card.model,
                    prompt="x",
                    duration_seconds=seconds,
                    resolution=resolution,
                    aspect_ratio=ratio,
                    seed=1 if card.seed else None,
                    negative_prompt="y" if card.negative_prompt else None,
                )
                assert body_of(Submission(spec=spec, idempotency_key="j.0"))["duration"] == seconds
    for role in card.media:
        body_of(order(model=card.model, media=(_at(role, "a"),)))
