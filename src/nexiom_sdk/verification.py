"""A result held against its order: what of the file differs from what was asked for, in words for the job's warnings.

Providers round: a clip of 5 s lasts 5.04, 480p is 864x496. Only what a person would notice is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk.cards import ModelCard
from nexiom_sdk.nearest import lines, quotient
from nexiom_sdk.types import AspectRatio, Candidate, Resolution, VideoProbe
from nexiom_sdk.wording import printable, seconds

_LENGTH_SECONDS, _LENGTH_SHARE = 0.5, 0.05
_SHAPE_SHARE = 0.03
_SIDE_SHARE = 0.06  # sides are rounded to multiples of up to 32 pixels
_AREA_SHARE = 0.10
_WIDE = 16 / 9  # many providers keep the number of pixels of this shape for all shapes: 21:9 at 720p is 1470x630
_FEWEST_PICTURES = 11.9  # a second; 12 may be written as 12000/1001
_LONGEST_CODE = 20

_PLAYED_EVERYWHERE = frozenset({"avc1", "avc3", "V_VP8", "V_VP9"})
_CODECS = {
    "hvc1": "H.265",
    "hev1": "H.265",
    "av01": "AV1",
    "V_AV1": "AV1",
    "vp08": "VP8",
    "vp09": "VP9",
    "mp4v": "MPEG-4 Part 2",
    "ap4x": "ProRes",
    "ap4h": "ProRes",
    "apch": "ProRes",
    "apcn": "ProRes",
    "apcs": "ProRes",
    "apco": "ProRes",
}


def differences(probe: VideoProbe, *, asked: Candidate, card: ModelCard | None = None) -> tuple[str, ...]:
    """Where a file differs from its order, each in words; empty where it is what was ordered.

    The new version of a clip (mode `video`) takes length, size, shape and sound from that clip, so they are not judged.

    Args:
        probe: What the file is.
        asked: What was ordered; what is unset there was left to the provider.
        card: The model, where it is known: with a picture, the shape counts only where its card offers it as a choice.

    Example:
        >>> made = VideoProbe(container="mp4", width=854, height=480, duration_seconds=5.04, has_audio=False)
        >>> differences(made, asked=Candidate(provider="acme", model="a1", duration_seconds=5, resolution="720p"))
        ('asked for 720p, the video has 854x480',)
    """
    return tuple(_differences(probe, asked, card))


def _differences(probe: VideoProbe, asked: Candidate, card: ModelCard | None) -> Iterator[str]:
    if asked.mode != "video":
        length, ratio, size = asked.duration_seconds, asked.aspect_ratio, f"{probe.width}x{probe.height}"
        if length is not None and _other_length(probe.duration_seconds, length):
            yield f"asked for {seconds(length)}, the video has {seconds(round(probe.duration_seconds, 2))}"
        if asked.resolution is not None and _other_size(probe, asked.resolution):
            yield f"asked for {asked.resolution}, the video has {size}"
        if ratio is not None and _chosen(ratio, asked, card) and _other_shape(probe, ratio):
            yield f"asked for {ratio}, the video has {size}"
        if asked.audio and not probe.has_audio:
            yield "asked for sound, the video has none"
        if asked.audio is False and probe.has_audio:
            yield "asked for no sound, the video has a sound track"
    code = probe.video_codec
    if code and code not in _PLAYED_EVERYWHERE:
        name = f"{_CODECS[code]} ({code})" if code in _CODECS else printable(code, _LONGEST_CODE)
        yield f"its pictures are coded as {name}, which not every browser and player shows"
    if probe.frames_per_second is not None and probe.frames_per_second < _FEWEST_PICTURES:
        yield f"it has only {probe.frames_per_second:.3g} pictures a second"


def _other_length(has: float, wanted: float) -> bool:
    return abs(has - wanted) > max(_LENGTH_SECONDS, wanted * _LENGTH_SHARE)


def _other_size(probe: VideoProbe, wanted: Resolution) -> bool:
    """Whether both the short side and the number of pixels are smaller, or both are larger."""
    side = min(probe.width, probe.height) / lines(wanted)
    area = probe.width * probe.height / (lines(wanted) ** 2 * _WIDE)
    smaller = side < 1 - _SIDE_SHARE and area < 1 - _AREA_SHARE
    return smaller or (side > 1 + _SIDE_SHARE and area > 1 + _AREA_SHARE)


def _chosen(ratio: AspectRatio, asked: Candidate, card: ModelCard | None) -> bool:
    """Whether the shape was really the order's to choose: with references it often comes from the picture."""
    if asked.mode == "text":
        return True
    return card is not None and ratio in (card.ratios_for(asked.mode, asked.resolution) or ())


def _other_shape(probe: VideoProbe, wanted: AspectRatio) -> bool:
    return abs(probe.width / max(probe.height, 1) / quotient(wanted) - 1) > _SHAPE_SHARE
