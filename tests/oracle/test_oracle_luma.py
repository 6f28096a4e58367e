from __future__ import annotations

from collections.abc import Mapping

import pytest
from luma_agents import AsyncLuma
from luma_agents.types import GenerationCreateParams
from lumaai import AsyncLumaAI
from lumaai.types.generations import VideoCreateParams

from nexiom_sdk import ModelCard
from nexiom_sdk.providers.luma import LumaProvider
from nexiom_sdk.providers.luma_cards import RAY_2, RAY_3
from nexiom_sdk.testing.wires.luma import LumaWire
from oracle.capture import Agree, Bench, Case
from oracle.cases import CALLBACK, PNG, PNG_BASE64, PROMPT, case, inline, linked, look, offers, order, url_of
from oracle.typed import misfits

AGENTS = Bench(
    wire=LumaWire,
    adapter=LumaProvider,
    client=lambda config: AsyncLuma(auth_token=config["api_key"], base_url=config["base_url"], max_retries=0),
)
DREAM_MACHINE = Bench(
    wire=LumaWire,
    adapter=LumaProvider,
    client=lambda config: AsyncLumaAI(
        auth_token=config["dream_machine_api_key"], base_url=config["dream_machine_base_url"], max_retries=0
    ),
)
ID = "d290f1ee-6c54-4b01-90e6-d701748f0851"

AGENTS_CASES: list[Case[AsyncLuma]] = [
    case(
        "Agents: text",
        order("ray-3.2", 5, "720p", "16:9"),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video",
            prompt=PROMPT,
            aspect_ratio="16:9",
            video={"resolution": "720p", "duration": "5s"},
        ),
    ),
    case(
        "Agents: text, options",
        order("ray-3.2", 5, "1080p", "21:9", options={"video": {"hdr": True, "exr_export": True}}),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video",
            prompt=PROMPT,
            aspect_ratio="21:9",
            video={"resolution": "1080p", "duration": "5s", "hdr": True, "exr_export": True},
        ),
    ),
    case(
        "Agents: first frame by address",
        order("ray-3.2", 5, "1080p", "16:9", media=linked("first_frame")),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video",
            prompt=PROMPT,
            aspect_ratio="16:9",
            video={"resolution": "1080p", "duration": "5s", "start_frame": {"url": url_of("first_frame")}},
        ),
    ),
    case(
        "Agents: first frame as bytes",
        order("ray-3.2", 5, "540p", "1:1", media=inline("first_frame", PNG)),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video",
            prompt=PROMPT,
            aspect_ratio="1:1",
            video={
                "resolution": "540p",
                "duration": "5s",
                "start_frame": {"data": PNG_BASE64, "media_type": "image/png"},
            },
        ),
    ),
    case(
        "Agents: first and last frame",
        order("ray-3.2", 5, "720p", "16:9", media=linked("first_frame", "last_frame")),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video",
            prompt=PROMPT,
            aspect_ratio="16:9",
            video={
                "resolution": "720p",
                "duration": "5s",
                "start_frame": {"url": url_of("first_frame")},
                "end_frame": {"url": url_of("last_frame")},
            },
        ),
    ),
    case(
        "Agents: first and last frame of 10 s",
        order("ray-3.2", 10, "720p", "16:9", media=linked("first_frame", "last_frame")),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video",
            prompt=PROMPT,
            aspect_ratio="16:9",
            video={
                "resolution": "720p",
                "duration": "10s",
                "keyframes": [{"url": url_of("first_frame")}, {"url": url_of("last_frame")}],
                "keyframe_indexes": [0, 240],
            },
        ),
    ),
    case(
        "Agents: source video",
        order(
            "ray-3.2",
            None,
            "720p",
            media=linked("source_video"),
            options={"video": {"edit": {"strength": "flex_1"}}},
        ),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video_edit",
            prompt=PROMPT,
            source={"url": url_of("source_video"), "media_type": "video/mp4"},
            video={"resolution": "720p", "edit": {"strength": "flex_1"}},
        ),
    ),
    case(
        "Agents: source video, reframed",
        order("ray-3.2", None, "720p", media=linked("source_video"), options={"aspect_ratio": "9:16"}),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video_reframe",
            prompt=PROMPT,
            aspect_ratio="9:16",
            source={"url": url_of("source_video"), "media_type": "video/mp4"},
            video={"resolution": "720p"},
        ),
    ),
    case(
        "Agents: a clip continued",
        order("ray-3.2", 5, "720p", "16:9", options={"video": {"start_frame": {"generation_id": ID}}}),
        lambda luma: luma.generations.create(
            model="ray-3.2",
            type="video",
            prompt=PROMPT,
            aspect_ratio="16:9",
            video={"resolution": "720p", "duration": "5s", "start_frame": {"generation_id": ID}},
        ),
    ),
    case("Agents: look", look(ID, api="agents"), lambda luma: luma.generations.get(ID)),
]
DREAM_MACHINE_CASES: list[Case[AsyncLumaAI]] = [
    case(
        "Dream Machine: text, everything",
        order("ray-2", 9, "1080p", "9:21", callback_url=CALLBACK),
        lambda luma: luma.generations.video.create(
            model="ray-2",
            generation_type="video",
            prompt=PROMPT,
            aspect_ratio="9:21",
            resolution="1080p",
            duration="9s",
            callback_url=CALLBACK,
        ),
    ),
    case(
        "Dream Machine: first frame by address",
        order("ray-flash-2", 5, "540p", "16:9", media=linked("first_frame")),
        lambda luma: luma.generations.video.create(
            model="ray-flash-2",
            generation_type="video",
            prompt=PROMPT,
            aspect_ratio="16:9",
            resolution="540p",
            duration="5s",
            keyframes={"frame0": {"type": "image", "url": url_of("first_frame")}},
        ),
    ),
    case(
        "Dream Machine: first and last frame",
        order("ray-2", 5, "720p", "16:9", media=linked("first_frame", "last_frame")),
        lambda luma: luma.generations.video.create(
            model="ray-2",
            generation_type="video",
            prompt=PROMPT,
            aspect_ratio="16:9",
            resolution="720p",
            duration="5s",
            keyframes={
                "frame0": {"type": "image", "url": url_of("first_frame")},
                "frame1": {"type": "image", "url": url_of("last_frame")},
            },
        ),
    ),
    case(
        "Dream Machine: source video",
        order("ray-2", media=linked("source_video"), options={"mode": "flex_1"}),
        lambda luma: luma.generations.video.modify(
            generation_type="modify_video",
            model="ray-2",
            mode="flex_1",
            prompt=PROMPT,
            media={"url": url_of("source_video")},
        ),
    ),
    case(
        "Dream Machine: source video, reframed",
        order("ray-2", media=linked("source_video"), options={"aspect_ratio": "9:16", "grid_position_x": 12}),
        lambda luma: luma.generations.video.reframe(
            generation_type="reframe_video",
            model="ray-2",
            prompt=PROMPT,
            aspect_ratio="9:16",
            grid_position_x=12,
            media={"url": url_of("source_video")},
        ),
    ),
    case("Dream Machine: look", look(ID, api="dream_machine"), lambda luma: luma.generations.get(ID)),
]


@pytest.mark.parametrize("one", AGENTS_CASES, ids=str)
async def test_the_adapter_sends_what_the_client_of_the_agents_api_sends(one: Case[AsyncLuma], agree: Agree) -> None:
    await agree(AGENTS, one)


@pytest.mark.parametrize("one", DREAM_MACHINE_CASES, ids=str)
async def test_the_adapter_sends_what_the_client_of_dream_machine_sends(one: Case[AsyncLumaAI], agree: Agree) -> None:
    await agree(DREAM_MACHINE, one)


@pytest.mark.parametrize("card", [RAY_3, *RAY_2], ids=lambda card: card.model)
def test_whatever_a_card_offers_is_what_the_types_of_the_official_clients_allow(card: ModelCard) -> None:
    shapes: Mapping[str, type] = {
        "https://agents.lumalabs.ai/v1/generations": GenerationCreateParams,
        "https://api.lumalabs.ai/dream-machine/v1/generations/video": VideoCreateParams,
    }
    adapter = LumaProvider({"api_key": "not-a-real-key", "dream_machine_api_key": "nor-this-one"})
    for call in offers(card, adapter):
        assert list(misfits(shapes[call.path], call.json)) == []
