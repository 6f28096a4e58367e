from __future__ import annotations

from typing import get_args

import pytest
from openrouter import OpenRouter
from openrouter.components import (
    ContentPartAudioTypedDict,
    ContentPartImageTypedDict,
    ContentPartVideoTypedDict,
    FrameImageTypedDict,
    VideoGenerationRequest,
    VideoGenerationRequestAspectRatio,
    VideoGenerationRequestResolution,
)

from nexiom_sdk import ModelCard
from nexiom_sdk.providers.openrouter import OpenRouterProvider
from nexiom_sdk.providers.openrouter_cards import CARDS
from nexiom_sdk.testing import Answer
from nexiom_sdk.testing.wires.openrouter import OpenRouterWire
from oracle.capture import Agree, Bench, Case
from oracle.cases import (
    CALLBACK,
    PNG,
    PNG_BASE64,
    PROMPT,
    case,
    collect,
    inline,
    linked,
    look,
    offers,
    order,
    refresh,
    url_of,
)
from oracle.typed import words


def listing() -> OpenRouterWire:
    """A server that is asked for its models first."""
    wire = OpenRouterWire()
    wire.break_next("other", Answer.json({"data": []}))
    return wire


BENCH = Bench(
    wire=OpenRouterWire,
    adapter=OpenRouterProvider,
    client=lambda config: OpenRouter(api_key=config["api_key"], server_url=config["base_url"], retry_config=None),
)
LISTING = Bench(wire=listing, adapter=BENCH.adapter, client=BENCH.client)
FINISHED = Bench(wire=lambda: OpenRouterWire(looks=0), adapter=BENCH.adapter, client=BENCH.client)
FIRST_FRAME: FrameImageTypedDict = {
    "type": "image_url",
    "image_url": {"url": url_of("first_frame")},
    "frame_type": "first_frame",
}
INLINE_FRAME: FrameImageTypedDict = {
    "type": "image_url",
    "image_url": {"url": f"data:image/png;base64,{PNG_BASE64}"},
    "frame_type": "first_frame",
}
LAST_FRAME: FrameImageTypedDict = {
    "type": "image_url",
    "image_url": {"url": url_of("last_frame")},
    "frame_type": "last_frame",
}
REFERENCES: list[ContentPartImageTypedDict | ContentPartAudioTypedDict | ContentPartVideoTypedDict] = [
    {"type": "image_url", "image_url": {"url": url_of("reference_image")}},
    {"type": "video_url", "video_url": {"url": url_of("reference_video")}},
    {"type": "audio_url", "audio_url": {"url": url_of("reference_audio")}},
]
JOB = "gen-vid-1795348800-k3JmQ8vR2xTzW5nBpL7d"


async def collected(openrouter: OpenRouter) -> None:
    await openrouter.video_generation.get_generation_async(job_id=JOB)
    await (await openrouter.video_generation.get_video_content_async(job_id=JOB)).aread()


CASES: list[Case[OpenRouter]] = [
    case(
        "text, least",
        order("google/veo-3.1-fast"),
        lambda openrouter: openrouter.video_generation.generate_async(model="google/veo-3.1-fast", prompt=PROMPT),
    ),
    case(
        "text, everything",
        order("google/veo-3.1-fast", 8, "720p", "16:9", audio=False, seed=7, callback_url=CALLBACK),
        lambda openrouter: openrouter.video_generation.generate_async(
            model="google/veo-3.1-fast",
            prompt=PROMPT,
            duration=8,
            resolution="720p",
            aspect_ratio="16:9",
            generate_audio=False,
            seed=7,
            callback_url=CALLBACK,
        ),
    ),
    case(
        "4K",
        order("google/veo-3.1", 8, "2160p", "9:16", audio=True),
        lambda openrouter: openrouter.video_generation.generate_async(
            model="google/veo-3.1",
            prompt=PROMPT,
            duration=8,
            resolution="4K",
            aspect_ratio="9:16",
            generate_audio=True,
        ),
    ),
    case(
        "first frame by address",
        order("kwaivgi/kling-v3.0-std", 5, "720p", "16:9", audio=False, media=linked("first_frame")),
        lambda openrouter: openrouter.video_generation.generate_async(
            model="kwaivgi/kling-v3.0-std",
            prompt=PROMPT,
            duration=5,
            resolution="720p",
            aspect_ratio="16:9",
            generate_audio=False,
            frame_images=[FIRST_FRAME],
        ),
    ),
    case(
        "first frame as bytes, last by address",
        order(
            "bytedance/seedance-2.0",
            6,
            "720p",
            "16:9",
            audio=True,
            media=inline("first_frame", PNG) + linked("last_frame"),
        ),
        lambda openrouter: openrouter.video_generation.generate_async(
            model="bytedance/seedance-2.0",
            prompt=PROMPT,
            duration=6,
            resolution="720p",
            aspect_ratio="16:9",
            generate_audio=True,
            frame_images=[INLINE_FRAME, LAST_FRAME],
        ),
    ),
    case(
        "references: image, video, sound",
        order(
            "bytedance/seedance-2.0",
            8,
            "720p",
            "9:16",
            audio=True,
            media=linked("reference_image", "reference_video", "reference_audio"),
        ),
        lambda openrouter: openrouter.video_generation.generate_async(
            model="bytedance/seedance-2.0",
            prompt=PROMPT,
            duration=8,
            resolution="720p",
            aspect_ratio="9:16",
            generate_audio=True,
            input_references=REFERENCES,
        ),
    ),
    case(
        "source video: a job continued, through options",
        order("black-forest-labs/flux-3-video", 8, "720p", options={"previous_job_id": JOB}),
        lambda openrouter: openrouter.video_generation.generate_async(
            model="black-forest-labs/flux-3-video",
            prompt=PROMPT,
            duration=8,
            resolution="720p",
            previous_job_id=JOB,
        ),
    ),
    case(
        "options of the model's host",
        order(
            "google/veo-3.1",
            8,
            "1080p",
            "16:9",
            audio=False,
            options={"provider": {"options": {"google-vertex": {"parameters": {"personGeneration": "allow"}}}}},
        ),
        lambda openrouter: openrouter.video_generation.generate_async(
            model="google/veo-3.1",
            prompt=PROMPT,
            duration=8,
            resolution="1080p",
            aspect_ratio="16:9",
            generate_audio=False,
            provider={"options": {"google_vertex": {"parameters": {"personGeneration": "allow"}}}},
        ),
    ),
    case("look", look(JOB), lambda openrouter: openrouter.video_generation.get_generation_async(job_id=JOB)),
]


@pytest.mark.parametrize("one", CASES, ids=str)
async def test_the_adapter_sends_what_the_official_client_sends(one: Case[OpenRouter], agree: Agree) -> None:
    await agree(BENCH, one)


async def test_a_result_is_collected_as_the_official_client_does_it(agree: Agree) -> None:
    await agree(FINISHED, case("collect", collect(JOB), collected))


async def test_the_list_of_models_is_read_as_the_official_client_does_it(agree: Agree) -> None:
    await agree(LISTING, case("refresh", refresh, lambda client: client.video_generation.list_videos_models_async()))


# The client takes other words too; these are the ones that it knows.
WORDS = {
    "resolution": words(get_args(VideoGenerationRequestResolution)[0]),
    "aspect_ratio": words(get_args(VideoGenerationRequestAspectRatio)[0]),
}


@pytest.mark.parametrize("card", [card for card in CARDS if card.lifecycle != "retired"], ids=lambda card: card.model)
def test_whatever_a_card_offers_is_understood_whole_by_the_official_client(card: ModelCard) -> None:
    for call in offers(card, BENCH.adapter({"api_key": "not-a-real-key"})):
        assert isinstance(call.json, dict)
        assert VideoGenerationRequest.model_validate(call.json).model_dump(mode="json", by_alias=True) == call.json
        assert all(call.json[name] in known for name, known in WORDS.items() if name in call.json)
