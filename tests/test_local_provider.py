from __future__ import annotations

import asyncio
import io
import itertools
import threading
from decimal import Decimal
from importlib.metadata import EntryPoint

import av
import pytest

from nexiom_sdk.errors import JobCancelled
from nexiom_sdk.models import estimate, mismatches
from nexiom_sdk.preview.render import Rendering
from nexiom_sdk.preview.render import render as real_render
from nexiom_sdk.providers import local
from nexiom_sdk.providers.local import CARD, LocalProvider
from nexiom_sdk.providers.protocol import HttpOptions, VideoProvider
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.types import (
    ASPECT_RATIOS,
    RESOLUTIONS,
    Asset,
    Failed,
    Media,
    MediaRole,
    Operation,
    Submission,
    Succeeded,
    VideoRequest,
    VideoSpec,
)

SPEC = VideoSpec(model="preview", prompt="a fox in snow", resolution="360p", duration_seconds=1.0)


def order(spec: VideoSpec = SPEC) -> Submission:
    return Submission(spec=spec, idempotency_key="job.1")


@pytest.fixture
def provider() -> VideoProvider:
    return LocalProvider({}, http=HttpOptions())


async def test_an_order_is_answered_with_a_free_preview_that_says_so(provider: VideoProvider) -> None:
    made = await provider.submit(order())
    assert isinstance(made, Succeeded)
    assert made.cost_usd == 0
    assert made.detail["preview"] is True
    assert made.warnings == ()
    (asset,) = made.assets
    assert asset.media_type == "video/mp4"
    with av.open(io.BytesIO(asset.data or b""), "r") as container:
        assert container.metadata["comment"].startswith("preview")
        assert (container.streams.video[0].width, container.streams.video[0].frames) == (640, 24)


async def test_what_cannot_be_shown_is_a_warning_and_not_a_failure(provider: VideoProvider) -> None:
    made = await provider.submit(order(SPEC.evolve(prompt="\U0010ffff")))
    assert isinstance(made, Succeeded)
    assert "neutral" in made.warnings[0]


async def test_the_result_is_fetched_in_bounded_chunks(provider: VideoProvider) -> None:
    data = bytes(range(256)) * 10_000
    chunks = [chunk async for chunk in provider.fetch(Asset(data=data))]
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) == 1024 * 1024


async def test_there_is_never_a_running_order_to_look_at(provider: VideoProvider) -> None:
    answer = await provider.poll(Operation(id="anything"))
    assert isinstance(answer, Failed)
    assert (answer.code, answer.charged) == ("invalid_input", "no")
    await provider.aclose()


async def test_the_loop_goes_on_while_a_preview_is_made(provider: VideoProvider) -> None:
    task = asyncio.ensure_future(provider.submit(order()))
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100


async def test_a_cancelled_order_stops_its_thread(provider: VideoProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    started, ended = threading.Event(), threading.Event()
    outcome: list[type[BaseException]] = []

    def watched(spec: VideoSpec, *, cancelled: threading.Event) -> Rendering:
        started.set()
        try:
            return real_render(spec, cancelled=cancelled)
        except JobCancelled as error:
            outcome.append(type(error))
            raise
        finally:
            ended.set()

    monkeypatch.setattr(local, "render", watched)
    task = asyncio.ensure_future(provider.submit(order(SPEC.evolve(duration_seconds=60.0, resolution="1080p"))))
    await asyncio.to_thread(started.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 10)
    assert outcome == [JobCancelled]


def test_the_registry_makes_it_without_any_setting() -> None:
    entry = EntryPoint("local", "nexiom_sdk.providers.local:LocalProvider", "nexiom_sdk.providers")
    registry = ProviderRegistry(entry_points=[entry])
    assert registry.config_env("local") == {}
    made = registry.create("local", {})
    assert (made.name, made.submission_recovery, [card.model for card in made.models]) == ("local", "key", ["preview"])


@pytest.mark.parametrize(("resolution", "ratio"), [*itertools.product(RESOLUTIONS, ASPECT_RATIOS)])
def test_the_card_offers_every_size_for_nothing(resolution: str, ratio: str) -> None:
    for seconds, audio in ((1.0, True), (2.5, False), (60.0, None)):
        request = VideoRequest(prompt="x", duration_seconds=seconds, audio=audio).evolve(
            resolution=resolution, aspect_ratio=ratio
        )
        assert mismatches(request, CARD) == ()
    assert estimate(CARD, SPEC.evolve(resolution=resolution, aspect_ratio=ratio)) == Decimal(0)


@pytest.mark.parametrize("role", ["first_frame", "reference_image"])
def test_the_card_takes_one_picture(role: MediaRole) -> None:
    picture = Media.from_bytes(b"x", role=role)
    assert mismatches(VideoRequest(prompt="x", media=(picture,)), CARD) == ()
    assert mismatches(VideoRequest(prompt="x", media=(picture, picture)), CARD)


@pytest.mark.parametrize(
    "request_",
    [
        VideoRequest(prompt="x", duration_seconds=0.5),
        VideoRequest(prompt="x", duration_seconds=61),
        VideoRequest(prompt="x", seed=1),
        VideoRequest(prompt="x", media=(Media.from_bytes(b"x"), Media.from_bytes(b"y", role="reference_image"))),
        VideoRequest(prompt="x", media=(Media.from_bytes(b"x", role="source_video"),)),
    ],
)
def test_the_card_says_what_a_preview_cannot_do(request_: VideoRequest) -> None:
    assert mismatches(request_, CARD)
