from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types
from google.genai._gaos.types.interactions import CreateModelInteractionParam

from nexiom_sdk import ModelCard
from nexiom_sdk.providers import HttpProvider
from nexiom_sdk.providers.veo import VeoProvider
from nexiom_sdk.providers.veo_cards import OMNI
from nexiom_sdk.testing.provider_wire import ProviderWire
from nexiom_sdk.testing.wires.veo import VeoWire
from nexiom_sdk.testing.wires.veo_omni import OmniVertexWire, OmniWire
from nexiom_sdk.types import DeliveredMedia, MediaRole
from oracle.capture import Agree, Bench, Case
from oracle.cases import PNG, PNG_BASE64, PROMPT, cancel, case, check, collect, inline, look, offers, order
from oracle.typed import misfits


class _Token(AnonymousCredentials):
    """The token of the configuration, which is never refreshed."""

    def __init__(self, token: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = token


def _client(config: Mapping[str, str]) -> Any:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        vertex = config["transport"] == "vertex"
        options = types.HttpOptions(
            base_url=config["vertex_base_url" if vertex else "base_url"],
            api_version=config["api_version"],
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        client = (
            genai.Client(
                vertexai=True,
                project=config["project"],
                location=config["location"],
                credentials=_Token(config["access_token"]),
                http_options=options,
            )
            if vertex
            else genai.Client(api_key=config["api_key"], http_options=options)
        )
        async with client.aio as made:
            yield made

    return opened()


def _bench(wire: Callable[[], ProviderWire], api: str, **config: str) -> Bench[Any]:
    def adapter(found: Mapping[str, str]) -> HttpProvider:
        return VeoProvider({**found, **config}).apis[api]

    return Bench(wire=wire, adapter=adapter, client=lambda found: _client({**found, **config}))


def _finished() -> OmniWire:
    wire = OmniWire(looks=0)
    wire.file_looks = 0
    return wire


VEO = _bench(VeoWire, "veo", location="us-central1", api_version="v1")
GEMINI = _bench(OmniWire, "omni", api_version="v1beta")
FINISHED = _bench(_finished, "omni", api_version="v1beta")
VERTEX = _bench(OmniVertexWire, "omni", location="global", api_version="v1beta1")

RESOURCE = "projects/demo-project/locations/us-central1/publishers/google/models/veo-3.1-generate-001"
OPERATION = f"{RESOURCE}/operations/4f0c2d1e-7b7a-4a52-9a39-0d5c9b5c1e10"
INTERACTION = "v1_ChdpbnRlcmFjdGlvbi0wMDAwMDAwMQ"
STORE = "gs://demo-bucket/veo/"

WHO = {"header x-goog-api-client": "says which client this is"}
STREAM = {"query stream": "the default, which the official client says aloud"}
CAPITALS = "the official client writes it in capitals; the documentation, and so we, do not"
WRAPPED = "the official client wraps the blocks into a step; bare ones are documented as well"
_ASK = types.GenerateVideosConfig
_SOURCE = types.GenerateVideosSource
_IMAGE = types.Image(image_bytes=PNG, mime_type="image/png")


def stored(role: MediaRole, name: str) -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type="", url=f"gs://demo-bucket/{name}")


def generate(source: types.GenerateVideosSource, **config: Any) -> Callable[[Any], Any]:
    said = {"number_of_videos": 1, "generate_audio": True, "output_gcs_uri": STORE, **config}
    return lambda google: google.models.generate_videos(
        model="veo-3.1-generate-001", source=source, config=_ASK(**said)
    )


VEO_CASES: list[Case[Any]] = [
    case(
        "Veo: text, everything",
        order(
            "veo-3.1-generate-001",
            8,
            "2160p",
            "9:16",
            audio=False,
            seed=7,
            negative_prompt="rain",
            options={"personGeneration": "allow_adult", "labels": {"team": "demo"}, "sampleCount": 2},
        ),
        generate(
            _SOURCE(prompt=PROMPT),
            duration_seconds=8,
            resolution="4k",
            aspect_ratio="9:16",
            generate_audio=False,
            seed=7,
            negative_prompt="rain",
            person_generation="allow_adult",
            labels={"team": "demo"},
            number_of_videos=2,
        ),
        WHO,
    ),
    case(
        "Veo: first and last frame",
        order(
            "veo-3.1-generate-001",
            8,
            media=(*inline("first_frame", PNG), stored("last_frame", "last.png")),
            options={"resizeMode": "pad", "compressionQuality": "optimized"},
        ),
        generate(
            _SOURCE(prompt=PROMPT, image=_IMAGE),
            duration_seconds=8,
            last_frame=types.Image(gcs_uri="gs://demo-bucket/last.png", mime_type="image/png"),
            resize_mode=types.ImageResizeMode.PAD,
            compression_quality=types.VideoCompressionQuality.OPTIMIZED,
        ),
        {**WHO, "body.parameters.resizeMode": CAPITALS, "body.parameters.compressionQuality": CAPITALS},
    ),
    case(
        "Veo: reference images",
        order("veo-3.1-generate-001", 8, media=(*inline("reference_image", PNG), *inline("reference_image", PNG))),
        generate(
            _SOURCE(prompt=PROMPT),
            duration_seconds=8,
            reference_images=[
                types.VideoGenerationReferenceImage(
                    image=_IMAGE, reference_type=types.VideoGenerationReferenceType.ASSET
                )
            ]
            * 2,
        ),
        {**WHO, **{f"body.instances[0].referenceImages[{place}].referenceType": CAPITALS for place in (0, 1)}},
    ),
    case(
        "Veo: a clip continued",
        order("veo-3.1-generate-001", 7, "720p", media=(stored("source_video", "take.mp4"),)),
        generate(
            _SOURCE(prompt=PROMPT, video=types.Video(uri="gs://demo-bucket/take.mp4", mime_type="video/mp4")),
            resolution="720p",
        ),
        WHO,
    ),
    case(
        "Veo: look",
        look(OPERATION),
        lambda google: google.operations.get(types.GenerateVideosOperation.model_validate({"name": OPERATION})),
        WHO,
    ),
    case("Veo: check", check, lambda google: google.models.get(model="veo-3.1-generate-001"), WHO),
]


def interact(task: str, blocks: object = PROMPT, *, model: str, seed: int | None = None, **how: Any) -> Any:
    config: dict[str, object] = {"video_config": {"task": task}} | ({} if seed is None else {"seed": seed})
    return lambda google: google.interactions.create(
        model=model,
        background=True,
        store=True,
        input=blocks,
        generation_config=config,
        response_format={"type": "video", **how},
    )


def wrapped(*kinds: str) -> dict[str, str]:
    """Where the same blocks stand in the one form and in the other."""
    keys = {"text": ("text",), "data": ("mime_type", "data"), "uri": ("mime_type", "uri")}
    places = [f"[{place}].{key}" for place, kind in enumerate(kinds) for key in ("type", *keys[kind])]
    return {
        **{f"body.input{place}": WRAPPED for place in places},
        **{f"body.input[0].content{place}": WRAPPED for place in places},
        "body.input[0].type": WRAPPED,
    }


TEXT = {"type": "text", "text": PROMPT}
PICTURE = {"type": "image", "mime_type": "image/png", "data": PNG_BASE64}
TAKE = {"type": "video", "mime_type": "video/mp4", "uri": "gs://demo-bucket/take.mp4"}
AT_VERTEX: dict[str, Any] = {"delivery": "uri", "gcs_uri": "gs://demo-bucket/omni/"}


async def _get(google: Any) -> None:
    await google.interactions.get(id=INTERACTION)


async def _cancel(google: Any) -> None:
    await google.interactions.cancel(id=INTERACTION)


GEMINI_CASES: list[Case[Any]] = [
    case(
        "Omni: text, everything",
        order("gemini-omni-1.2-flash", 15, "2160p", "16:9", seed=7),
        interact(
            "text_to_video",
            model="gemini-omni-1.2-flash",
            seed=7,
            duration="15s",
            resolution="4k",
            aspect_ratio="16:9",
            delivery="uri",
        ),
        WHO,
    ),
    case(
        "Omni: first and last frame",
        order("gemini-omni-1.1-flash", 6, media=(*inline("last_frame", PNG), *inline("first_frame", PNG))),
        interact(
            "image_to_video", [TEXT, PICTURE, PICTURE], model="gemini-omni-1.1-flash", duration="6s", delivery="uri"
        ),
        {**WHO, **wrapped("text", "data", "data")},
    ),
    case("Omni: look", look(INTERACTION), _get, {**WHO, **STREAM}),
    case("Omni: cancel", cancel(INTERACTION), _cancel, WHO),
    case("Omni: check", check, lambda google: google.models.get(model="gemini-omni-1.1-flash"), WHO),
]


async def _collect(google: Any) -> None:
    seen = await google.interactions.get(id=INTERACTION)
    file = await google.files.get(name=f"files/{INTERACTION}")
    assert (seen.status, file.state) == ("completed", types.FileState.ACTIVE)
    assert await google.files.download(file=f"files/{INTERACTION}")


FINISHED_CASE: Case[Any] = case("Omni: finished clip", collect(INTERACTION), _collect, {**WHO, **STREAM})
VERTEX_CASES: list[Case[Any]] = [
    case(
        "Omni at Vertex AI: text",
        order("gemini-omni-1.1-flash", 8, "1080p", "9:16"),
        interact(
            "text_to_video",
            model="gemini-omni-1.1-flash-preview",
            duration="8s",
            resolution="1080p",
            aspect_ratio="9:16",
            **AT_VERTEX,
        ),
        WHO,
    ),
    case(
        "Omni at Vertex AI: a video changed",
        order("gemini-omni-1.2-flash", media=(stored("source_video", "take.mp4"), *inline("reference_image", PNG))),
        interact("edit", [TEXT, PICTURE, TAKE], model="gemini-omni-1.2-flash", **AT_VERTEX),
        {**WHO, **wrapped("text", "data", "uri")},
    ),
    case(
        "Omni at Vertex AI: look",
        look(INTERACTION),
        _get,
        {**WHO, **STREAM},
    ),
    case("Omni at Vertex AI: cancel", cancel(INTERACTION), _cancel, WHO),
]


@pytest.mark.parametrize("one", VEO_CASES, ids=str)
async def test_the_adapter_sends_what_the_official_client_sends_for_veo(one: Case[Any], agree: Agree) -> None:
    await agree(VEO, one)


@pytest.mark.parametrize("one", GEMINI_CASES, ids=str)
async def test_the_adapter_sends_what_the_official_client_sends_to_the_gemini_api(one: Case[Any], agree: Agree) -> None:
    await agree(GEMINI, one)


async def test_the_adapter_fetches_a_clip_as_the_official_client_does(agree: Agree) -> None:
    await agree(FINISHED, FINISHED_CASE)


@pytest.mark.parametrize("one", VERTEX_CASES, ids=str)
async def test_the_adapter_sends_what_the_official_client_sends_to_vertex_ai(one: Case[Any], agree: Agree) -> None:
    await agree(VERTEX, one)


async def test_the_official_client_does_not_order_veo_at_the_gemini_api_either() -> None:
    config = {"transport": "gemini", "api_key": "k", "base_url": "http://127.0.0.1:9", "api_version": "v1"}
    async with _client(config) as google:
        with pytest.raises(ValueError, match="only supported"):
            await google.models.generate_videos(model="veo-3.1-generate-preview", source=_SOURCE(prompt="x"))


@pytest.mark.parametrize("card", OMNI, ids=lambda card: card.model)
def test_whatever_a_card_offers_is_what_the_types_of_the_official_client_allow(card: ModelCard) -> None:
    for config in ({"api_key": "not-a-real-key"}, {"project": "demo", "access_token": "nor-this-one"}):
        for call in offers(card, VeoProvider(config).apis["omni"]):
            assert isinstance(call.json, dict)
            listed = {**call.json, "model": card.model}  # the id at Vertex AI is not listed there
            assert list(misfits(CreateModelInteractionParam, listed)) == []
