from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest
from runwayml import AsyncRunwayML
from runwayml.types.character_performance_create_params import CharacterPerformanceCreateParams
from runwayml.types.image_to_video_create_params import ImageToVideoCreateParams
from runwayml.types.text_to_video_create_params import TextToVideoCreateParams
from runwayml.types.video_to_video_create_params import VideoToVideoCreateParams

from nexiom_sdk import ModelCard
from nexiom_sdk.providers.runway import RunwayProvider
from nexiom_sdk.providers.runway_cards import CARDS
from nexiom_sdk.providers.runway_forms import FORMS
from nexiom_sdk.testing.wires.runway import RunwayWire
from oracle.capture import Agree, Bench, Case
from oracle.cases import MP4, PNG, PNG_BASE64, PROMPT, cancel, case, check, inline, linked, look, offers, order, url_of
from oracle.typed import keys_of, misfits, words

BENCH = Bench(
    wire=RunwayWire,
    adapter=RunwayProvider,
    client=lambda config: AsyncRunwayML(api_key=config["api_key"], base_url=config["base_url"], max_retries=0),
)
TASK = "7f3c1d52-0000-4000-8000-000000000001"


async def edit_of_uploaded(runway: AsyncRunwayML) -> None:
    upload = await runway.uploads.create_ephemeral(file=("video.mp4", MP4, "video/mp4"))
    await runway.video_to_video.create(model="aleph2", prompt_text=PROMPT, video_uri=upload.uri)


CASES: list[Case[AsyncRunwayML]] = [
    case(
        "text, least",
        order("gen4.5", 5, "720p", "16:9"),
        lambda runway: runway.text_to_video.create(model="gen4.5", prompt_text=PROMPT, ratio="1280:720", duration=5),
    ),
    case(
        "text, everything",
        order("veo3.1", 8, "1080p", "9:16", audio=False, seed=7, negative_prompt="rain"),
        lambda runway: runway.text_to_video.create(
            model="veo3.1",
            prompt_text=PROMPT,
            ratio="1080:1920",
            duration=8,
            audio=False,
            seed=7,
            negative_prompt="rain",
        ),
    ),
    case(
        "text, options",
        order(
            "gen4.5",
            10,
            "720p",
            "9:16",
            options={"contentModeration": {"publicFigureThreshold": "low"}, "outputFormat": "prores"},
        ),
        lambda runway: runway.text_to_video.create(
            model="gen4.5",
            prompt_text=PROMPT,
            ratio="720:1280",
            duration=10,
            content_moderation={"public_figure_threshold": "low"},
            output_format="prores",
        ),
    ),
    case(
        "first frame by address",
        order("gen4_turbo", 5, "720p", "21:9", media=linked("first_frame")),
        lambda runway: runway.image_to_video.create(
            model="gen4_turbo", prompt_text=PROMPT, prompt_image=url_of("first_frame"), ratio="1584:672", duration=5
        ),
    ),
    case(
        "first frame as bytes",
        order("gen4_turbo", 5, "720p", "16:9", media=inline("first_frame", PNG)),
        lambda runway: runway.image_to_video.create(
            model="gen4_turbo",
            prompt_text=PROMPT,
            prompt_image=f"data:image/png;base64,{PNG_BASE64}",
            ratio="1280:720",
            duration=5,
        ),
    ),
    case(
        "first and last frame",
        order("veo3.1_fast", 8, "720p", "16:9", audio=True, media=linked("first_frame", "last_frame")),
        lambda runway: runway.image_to_video.create(
            model="veo3.1_fast",
            prompt_text=PROMPT,
            prompt_image=[
                {"uri": url_of("first_frame"), "position": "first"},
                {"uri": url_of("last_frame"), "position": "last"},
            ],
            ratio="1280:720",
            duration=8,
            audio=True,
        ),
    ),
    case(
        "references: image, video, sound",
        order(
            "seedance2",
            5,
            "720p",
            "4:3",
            audio=True,
            media=linked("reference_image", "reference_video", "reference_audio"),
        ),
        lambda runway: runway.text_to_video.create(
            model="seedance2",
            prompt_text=PROMPT,
            references=[{"uri": url_of("reference_image")}],
            reference_videos=[{"type": "video", "uri": url_of("reference_video")}],
            reference_audio=[{"type": "audio", "uri": url_of("reference_audio")}],
            ratio="1112:834",
            duration=5,
            audio=True,
        ),
    ),
    case(
        "source video by address",
        order("seedance2_5", 6, "1080p", "16:9", audio=False, seed=7, media=linked("source_video", "reference_image")),
        lambda runway: runway.video_to_video.create(
            model="seedance2_5",
            prompt_text=PROMPT,
            prompt_video=url_of("source_video"),
            references=[{"uri": url_of("reference_image")}],
            ratio="1920:1080",
            duration=6,
            audio=False,
            seed=7,
        ),
    ),
    case(
        "source video as bytes, uploaded first",
        order("aleph2", media=inline("source_video", MP4)),
        edit_of_uploaded,
        {"header x-runway-version": "here one server is the API and the store; a store of its own does not get it"},
    ),
    case("look", look(TASK), lambda runway: runway.tasks.retrieve(TASK)),
    case(
        "cancel",
        cancel(TASK),
        lambda runway: runway.tasks.delete(TASK),
        {f"GET /v1/tasks/{TASK}": "the same verb erases a finished task, so we look whether it still runs"},
    ),
    case("check", check, lambda runway: runway.organization.retrieve()),
]


@pytest.mark.parametrize("one", CASES, ids=str)
async def test_the_adapter_sends_what_the_official_client_sends(one: Case[AsyncRunwayML], agree: Agree) -> None:
    await agree(BENCH, one)


ENDPOINTS: Mapping[str, tuple[type, ...]] = {
    "text_to_video": get_args(TextToVideoCreateParams),
    "image_to_video": get_args(ImageToVideoCreateParams),
    "video_to_video": get_args(VideoToVideoCreateParams),
    "character_performance": (CharacterPerformanceCreateParams,),
}
SHAPES: Mapping[tuple[str, str], type] = {
    (model, endpoint): shape
    for endpoint, shapes in ENDPOINTS.items()
    for shape in shapes
    for model in words(keys_of(shape)["model"].shape)
}
LEFT_OUT: Mapping[tuple[str, str], set[str]] = {
    ("seedance2_5", "text_to_video"): {"draftTaskId"},  # finishes a draft; nothing else may be asked for beside it
    ("aleph2", "video_to_video"): {"ratio"},  # any text at all: the sheet knows `targetAspectRatio` only
}


def test_the_forms_are_those_of_the_official_client() -> None:
    theirs = {where: keys_of(shape).keys() - {"model"} - LEFT_OUT.get(where, set()) for where, shape in SHAPES.items()}
    assert {where: form.keys for where, form in FORMS.items()} == theirs


@pytest.mark.parametrize("card", [card for card in CARDS if card.lifecycle != "retired"], ids=lambda card: card.model)
def test_whatever_a_card_offers_is_what_the_types_of_the_official_client_allow(card: ModelCard) -> None:
    for call in offers(card, BENCH.adapter({"api_key": "not-a-real-key"})):
        assert list(misfits(SHAPES[card.model, call.path.removeprefix("/v1/")], call.json)) == []
