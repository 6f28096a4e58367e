from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from media_rig import picture
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import MediaKind, MediaLimits, ModelCard
from nexiom_sdk.reference_limits import MOST_BYTES_INLINE, check_limits, check_together
from nexiom_sdk.references import Reference, inspect
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import MediaRole


def video(**changes: object) -> Reference:
    facts = {"size_bytes": 1000, "media_type": "video/mp4", "width": 1280, "height": 720, "length_seconds": 5.0}
    return Reference(**{**facts, "frames_per_second": 24.0, **changes})  # type: ignore[arg-type]


def image(width: int = 400, height: int = 300) -> Reference:
    return Reference(size_bytes=1000, media_type="image/png", width=width, height=height)


def card(kind: MediaKind = "video", **limits: Any) -> ModelCard:
    return ModelCard(model="a1", media_limits={kind: MediaLimits(**limits)})


@pytest.mark.parametrize(
    ("kind", "says"),
    [("image", None), ("audio", None), ("video", r"bytes \(allowed: at most 9\)")],
)
def test_a_limit_holds_for_media_of_its_kind_only(kind: MediaKind, says: str | None) -> None:
    clip = inspect(sample_video(), role="source_video")
    with pytest.raises(InvalidInput, match=says) if says else contextlib.nullcontext():
        check_limits(clip, card(kind, max_bytes=9, max_side_pixels=9), role="source_video", name="clip.mp4")


@pytest.mark.parametrize(
    ("limits", "good", "bad", "says"),
    [
        (
            {"max_seconds": 15.5},
            video(length_seconds=15.5),
            video(length_seconds=15.6),
            "15.6 s (allowed: at most 15.5",
        ),
        ({"min_seconds": 3}, video(length_seconds=3.0), video(length_seconds=2.9), "2.9 s (allowed: at least 3 s)"),
        ({"min_frames_per_second": 24}, video(frames_per_second=23.976), video(frames_per_second=15.0), "at least 24"),
        ({"max_frames_per_second": 60}, video(frames_per_second=60.02), video(frames_per_second=120.0), "at most 60"),
        ({"max_frames_per_second": 60}, video(frames_per_second=None), video(frames_per_second=61.0), "at most 60"),
        ({"max_side_pixels": 1280}, video(), video(height=1281), "at most 1,280 on a side"),
        ({"min_side_pixels": 720}, video(), video(height=718), "at least 720 on a side"),
        ({"types": ("video/mp4",)}, video(), video(media_type="video/webm"), "it is video/webm"),
    ],
)
def test_a_video_keeps_to_every_limit(limits: dict[str, Any], good: Reference, bad: Reference, says: str) -> None:
    check_limits(good, card(**limits), role="source_video")
    with pytest.raises(InvalidInput) as caught:
        check_limits(bad, card(**limits), role="source_video")
    assert says in str(caught.value)
    assert "only pictures can be fitted" in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "good", "bad", "says"),
    [
        ({"max_ratio": 2.5}, image(750, 300), image(751, 300), "2.50 times as wide as high (allowed: at most 2.5)"),
        ({"min_ratio": 0.4}, image(300, 750), image(300, 751), "at least 0.4"),
        ({"same_size_as_video": True}, image(1280, 720), image(1280, 721), "exactly the 1,280 x 720 of the video"),
    ],
)
def test_an_image_keeps_to_every_limit_and_the_error_says_that_it_can_be_fitted(
    limits: dict[str, Any], good: Reference, bad: Reference, says: str
) -> None:
    check_limits(good, card("image", **limits), role="first_frame", video_size=(1280, 720))
    with pytest.raises(InvalidInput) as caught:
        check_limits(bad, card("image", **limits), role="first_frame", video_size=(1280, 720))
    assert says in str(caught.value)
    assert "fit=True" in str(caught.value)
    assert "--fit" in str(caught.value)


def test_all_broken_limits_are_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_limits(video(), card(types=("video/webm",), max_bytes=9, max_seconds=2), role="source_video")
    assert all(word in str(caught.value) for word in ("video/webm", "at most 9", "at most 2 s"))


@pytest.mark.parametrize(
    ("delivery", "limits", "taken"),
    [
        ({"bytes"}, {}, False),
        ({"url", "bytes"}, {}, False),
        ({"bytes"}, {"max_bytes": 2 * MOST_BYTES_INLINE}, True),
        ({"url"}, {}, True),
    ],
)
def test_what_would_be_held_in_memory_is_bounded(delivery: set[str], limits: dict[str, Any], *, taken: bool) -> None:
    model = card(**limits).evolve(delivery=frozenset(delivery))
    large = video(size_bytes=MOST_BYTES_INLINE + 1)
    with contextlib.nullcontext() if taken else pytest.raises(InvalidInput, match="at most 52,428,800"):
        check_limits(large, model, role="source_video")


@pytest.mark.parametrize(("lengths", "taken"), [((5.0, 5.0, 5.0), True), ((5.0, 5.0, 5.1), False), ((), True)])
def test_references_of_a_kind_are_not_too_long_together(lengths: tuple[float, ...], *, taken: bool) -> None:
    model = card(max_total_seconds=15)
    found: list[tuple[MediaRole, Reference]] = [("reference_video", video(length_seconds=one)) for one in lengths]
    found += [("reference_audio", Reference(size_bytes=1, media_type="audio/wav", length_seconds=99.0))]
    with contextlib.nullcontext() if taken else pytest.raises(InvalidInput, match=r"last 15\.1 s .* 15 s in all"):
        check_together(found, model)


def test_a_card_without_limits_takes_whatever_its_role_takes(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "GIF", "WEBP"):
        check_limits(inspect(picture(kind), role="first_frame"), ModelCard(model="a1"), role="first_frame")
