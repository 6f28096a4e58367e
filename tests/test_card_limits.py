"""What the providers' pages say of references is in the cards: each figure holds, and the next one does not."""

from __future__ import annotations

import pytest

from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.hunyuan_cards import TOKENHUB
from nexiom_sdk.providers.kling_cards import OLDER, PRESENT
from nexiom_sdk.providers.luma_cards import RAY_3
from nexiom_sdk.providers.runway_cards import CARDS as RUNWAY
from nexiom_sdk.providers.seedance_cards import CARDS as SEEDANCE
from nexiom_sdk.providers.sora_cards import RETIRED
from nexiom_sdk.providers.veo_cards import VEO
from nexiom_sdk.reference_limits import broken_limits
from nexiom_sdk.references import Reference
from nexiom_sdk.types import MediaRole

MIB = 2**20
CARDS = {card.model: card for card in (TOKENHUB, RAY_3, *PRESENT, *OLDER, *RUNWAY, *SEEDANCE, *RETIRED, *VEO)}


def image(width: int = 1000, height: int = 1000, *, size: int = 1000, media_type: str = "image/jpeg") -> Reference:
    return Reference(size_bytes=size, media_type=media_type, width=width, height=height)


def video(
    seconds: float = 5, width: int = 1280, height: int = 720, *, fps: float = 24, size: int = 1000, kind: str = "mp4"
) -> Reference:
    return Reference(
        size_bytes=size,
        media_type=f"video/{kind}",
        width=width,
        height=height,
        length_seconds=seconds,
        frames_per_second=fps,
    )


def sound(*, size: int = 1000, kind: str = "mpeg") -> Reference:
    return Reference(size_bytes=size, media_type=f"audio/{kind}", length_seconds=5)


@pytest.mark.parametrize(
    ("model", "role", "taken", "refused"),
    [
        ("kling-3.0", "first_frame", image(750, 300), image(751, 300)),
        ("kling-3.0", "first_frame", image(300, 750), image(300, 751)),
        ("kling-3.0", "first_frame", image(300, 300), image(299, 299)),
        ("kling-3.0", "first_frame", image(size=50 * MIB), image(size=50 * MIB + 1)),
        ("kling-v3", "first_frame", image(size=10 * MIB), image(size=10 * MIB + 1)),
        ("kling-3.0", "first_frame", image(media_type="image/png"), image(media_type="image/webp")),
        ("kling-3.0-omni", "source_video", video(3), video(2.9)),
        ("kling-3.0-omni", "source_video", video(15.5), video(15.6)),
        ("kling-3.0-omni", "source_video", video(width=700, height=700), video(width=699, height=700)),
        ("kling-3.0-omni", "source_video", video(width=4553), video(width=4554)),
        ("kling-3.0-omni", "source_video", video(fps=24), video(fps=23)),
        ("kling-3.0-omni", "source_video", video(fps=60), video(fps=61)),
        ("kling-3.0-omni", "source_video", video(size=200 * MIB), video(size=200 * MIB + 1)),
        ("kling-3.0-omni", "source_video", video(kind="quicktime"), video(kind="webm")),
        ("ray-3.2", "source_video", video(18), video(18.1)),
        ("ray-3.2", "source_video", video(size=200 * MIB), video(size=200 * MIB + 1)),
        ("ray-3.2", "first_frame", image(size=50 * MIB), image(size=50 * MIB + 1)),
        ("hy-video-v1.5", "first_frame", image(4000, 1000), image(4001, 1000)),
        ("hy-video-v1.5", "first_frame", image(250, 1000), image(249, 1000)),
        ("dreamina-seedance-2-0-260128", "first_frame", image(2500, 1000), image(2501, 1000)),
        ("dreamina-seedance-2-0-260128", "first_frame", image(400, 1000), image(399, 1000)),
        ("dreamina-seedance-2-0-260128", "reference_video", video(2), video(1.9)),
        ("dreamina-seedance-2-5-260628", "reference_video", video(size=200 * MIB), video(size=200 * MIB + 1)),
        ("dreamina-seedance-2-0-260128", "reference_audio", sound(size=15 * MIB), sound(size=15 * MIB + 1)),
        ("veo-3.1-generate-001", "first_frame", image(size=20 * MIB), image(size=20 * MIB + 1)),
        ("veo-3.1-generate-001", "source_video", video(1), video(0.9)),
        ("veo-3.1-generate-001", "source_video", video(30), video(30.1)),
        ("veo-3.1-generate-001", "source_video", video(), video(kind="webm")),
        ("act_two", "reference_video", video(3), video(2.9)),
        ("act_two", "reference_video", video(30), video(30.1)),
        ("aleph2", "source_video", video(2), video(1.9)),
        ("aleph2", "source_video", video(30), video(30.1)),
        ("aleph2", "source_video", video(fps=30), video(fps=31)),
        ("seedance2_5", "reference_video", video(size=200 * MIB), video(size=200 * MIB + 1)),
        ("sora-2", "first_frame", image(1280, 720), image(1280, 704)),
    ],
)
def test_a_reference_keeps_to_the_figures_of_the_provider_s_pages(
    model: str, role: MediaRole, taken: Reference, refused: Reference
) -> None:
    card = CARDS[model]
    assert list(broken_limits(taken, card, role=role, video_size=(1280, 720))) == []
    assert len(list(broken_limits(refused, card, role=role, video_size=(1280, 720)))) == 1


@pytest.mark.parametrize(
    ("model", "seconds"), [("dreamina-seedance-2-0-260128", 15), ("dreamina-seedance-2-5-260628", 30)]
)
def test_all_videos_and_all_sounds_of_seedance_have_a_length_in_all(model: str, seconds: float) -> None:
    card: ModelCard = CARDS[model]
    assert {card.media_limits[kind].max_total_seconds for kind in ("video", "audio")} == {seconds}
