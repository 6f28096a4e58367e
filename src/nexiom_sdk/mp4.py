"""Reads the boxes of an MP4 file: what it says of itself, and whether all that it speaks of is there.

A half-downloaded file whose index comes first reads as perfect to anybody who looks only at its header. So every sample
that the index names must lie inside a media box, and the boxes must fill the file exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO
from uuid import UUID

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.mp4_boxes import LONG, WORD, boxes_in, top_boxes
from nexiom_sdk.mp4_fragments import Fragments, fragments_of
from nexiom_sdk.mp4_samples import Span, samples_in
from nexiom_sdk.types import VideoProbe

_COMMENT = b"\xa9cmt"
_NO_FRAGMENTS = Fragments(0, 0)

# C2PA, the signed record of how a file was made ("Embedding manifests into BMFF-based assets"). The content of the box
# is this type, a version, and what it is for, ended by a zero; one for `merkle` only helps to check another.
_C2PA = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes
_C2PA_HELPER = bytes(4) + b"merkle\0"


@dataclass(slots=True)
class _Track:
    number: int = 0
    handler: bytes = b""
    codec: str | None = None
    width: int = 0
    height: int = 0
    timescale: int = 0
    duration: int = 0
    samples: int = 0

    @property
    def seconds(self) -> float:
        return self.duration / self.timescale if self.timescale else 0.0


@dataclass(slots=True)
class _Movie:
    timescale: int = 0
    duration: int = 0
    usual_ticks: dict[int, int] = field(default_factory=dict[int, int])
    comment: str | None = None
    tracks: list[_Track] = field(default_factory=list["_Track"])

    def first(self, handler: bytes) -> _Track | None:
        return next((track for track in self.tracks if track.handler == handler), None)

    @property
    def seconds(self) -> float:
        if self.duration and self.timescale:
            return self.duration / self.timescale
        return max((track.seconds for track in self.tracks), default=0.0)


def read_mp4(file: BinaryIO, size_bytes: int) -> VideoProbe:
    """What an MP4 file is.

    Args:
        file: The file; where it is read next may change.
        size_bytes: Its length.

    Raises:
        ResultInvalid: It is not a whole, readable MP4 video.
    """
    reader = Reader(file)
    top = list(top_boxes(reader, size_bytes))
    kinds = [box.kind for box in top]
    if not kinds or kinds[0] != b"ftyp":
        raise ResultInvalid("The file is not an MP4 video: it does not begin like one.")
    index = next((box for box in top if box.kind == b"moov"), None)
    if index is None:
        raise ResultInvalid("The video is incomplete: its index is missing.")
    media = [(box.start, box.end) for box in top if box.kind == b"mdat"]
    try:
        movie = _movie(reader.take(index.start, index.end - index.start), media)
        picture = movie.first(b"vide")
        spread = _NO_FRAGMENTS
        if picture is not None and b"moof" in kinds:
            usual = movie.usual_ticks.get(picture.number, 0)
            spread = fragments_of(reader, top, track=picture.number, usual_ticks=usual)
    except (struct.error, IndexError) as error:
        raise ResultInvalid("The index of the video cannot be read.") from error
    return _probe(movie, spread, has_media=bool(media)).evolve(provenance=_has_manifest(reader, top))


def _probe(movie: _Movie, spread: Fragments, *, has_media: bool) -> VideoProbe:
    picture, sound = movie.first(b"vide"), movie.first(b"soun")
    if picture is None or not picture.width or not picture.height:
        raise ResultInvalid("The file has no picture track.")
    in_fragments = spread.ticks / picture.timescale if picture.timescale else 0.0
    seconds = movie.seconds or in_fragments
    if seconds <= 0 or not has_media:
        raise ResultInvalid("The video is empty.")
    samples, own_seconds = (spread.samples, in_fragments) if in_fragments else (picture.samples, picture.seconds)
    return VideoProbe(
        container="mp4",
        width=picture.width,
        height=picture.height,
        duration_seconds=round(seconds, 6),
        has_audio=sound is not None,
        video_codec=picture.codec,
        audio_codec=sound.codec if sound else None,
        frames_per_second=round(samples / own_seconds, 3) if samples and own_seconds else None,
        comment=movie.comment,
    )


def _has_manifest(reader: Reader, top: Iterable[Piece]) -> bool:
    for box in top:
        if box.kind == b"uuid":
            head = reader.take(box.start, min(box.end - box.start, len(_C2PA) + len(_C2PA_HELPER)))
            if head.startswith(_C2PA) and not head.endswith(_C2PA_HELPER):
                return True
    return False


def _movie(data: bytes, media: list[Span]) -> _Movie:
    movie = _Movie()
    for kind, content in boxes_in(data):
        match kind:
            case b"mvhd":
                movie.timescale, movie.duration = _times(content)
            case b"trak":
                movie.tracks.append(_track(content, media))
            case b"mvex":
                for inner, value in boxes_in(content):
                    if inner == b"mehd":
                        movie.duration = LONG.unpack_from(value, 4)[0] if value[0] else WORD.unpack_from(value, 4)[0]
                    elif inner == b"trex":
                        number, _, ticks = struct.unpack_from(">3I", value, 4)
                        movie.usual_ticks[number] = ticks
            case b"udta":
                movie.comment = _comment(content)
            case _:
                pass
    return movie


def _track(data: bytes, media: list[Span]) -> _Track:
    track = _Track()
    for kind, content in boxes_in(data):
        if kind == b"tkhd":
            track.number = WORD.unpack_from(content, 20 if content[0] else 12)[0]
            track.width, track.height = _shown_size(content)
        elif kind == b"mdia":
            for inner, value in boxes_in(content):
                if inner == b"mdhd":
                    track.timescale, track.duration = _times(value)
                elif inner == b"hdlr":
                    track.handler = value[8:12]
                elif inner == b"minf":
                    tables = dict(boxes_in(dict(boxes_in(value)).get(b"stbl", b"")))
                    description = tables.get(b"stsd", b"")
                    track.codec = description[12:16].decode("latin-1") if len(description) >= 16 else None
                    track.samples = samples_in(tables, media)
    return track


def _times(content: bytes) -> tuple[int, int]:
    if content[0] == 1:
        timescale, duration = struct.unpack_from(">IQ", content, 20)
        return timescale, 0 if duration == 2**64 - 1 else duration
    timescale, duration = struct.unpack_from(">II", content, 12)
    return timescale, 0 if duration == 2**32 - 1 else duration


def _shown_size(content: bytes) -> tuple[int, int]:
    at = 52 if content[0] == 1 else 40
    a, _, _, _, d = struct.unpack_from(">5i", content, at)
    width, height = (value >> 16 for value in struct.unpack_from(">II", content, at + 36))
    return (height, width) if a == d == 0 else (width, height)  # turned by a quarter


def _comment(data: bytes) -> str | None:
    meta = dict(boxes_in(data)).get(b"meta", b"")
    words = dict(boxes_in(dict(boxes_in(meta, 4)).get(b"ilst", b""))).get(_COMMENT, b"") if meta else b""
    value = dict(boxes_in(words)).get(b"data", b"") if words else b""
    return value[8:].decode("utf-8", "replace") or None
