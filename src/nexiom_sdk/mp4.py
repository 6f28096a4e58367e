"""Reads an MP4 file: what it says of itself, once all that it speaks of was found to be there.

A half-downloaded file whose index comes first reads as perfect to anybody who looks only at its header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import BufferedReader

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.mp4_boxes import boxes, content, damaged, inside, top_boxes
from nexiom_sdk.mp4_samples import MediaBoxes, Samples, in_fragment, listed, require_segments
from nexiom_sdk.types import VideoProbe
from nexiom_sdk.wording import printable

_MOST_COMMENT_BYTES = 8 * 1024
_UNKNOWN_DURATION = frozenset({2**32 - 1, 2**64 - 1})
_UNIT_BITS = 16  # sizes are fractions of 65,536
# How much shorter fragments may be than the file announces: pauses between them count in one sum and not in the other.
_SLACK_SECONDS, _SLACK_SHARE = 0.5, 0.02


@dataclass(slots=True)
class _Track:
    number: int = 0
    handler: bytes = b""
    codec: str | None = None
    width: int = 0
    height: int = 0
    timescale: int = 0
    table: memoryview = field(default_factory=lambda: memoryview(b""))
    samples: Samples = field(default_factory=Samples)

    @property
    def seconds(self) -> float:
        return self.samples.ticks / self.timescale if self.timescale else 0.0


@dataclass(slots=True)
class _Movie:
    timescale: int = 0
    duration: int = 0
    fragmented: bool = False
    comment: str | None = None
    tracks: list[_Track] = field(default_factory=list[_Track])
    defaults: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])


def read_mp4(file: BufferedReader, size_bytes: int) -> VideoProbe:
    """What an MP4 file is.

    Args:
        file: The file, opened for reading.
        size_bytes: Its length.

    Raises:
        ResultInvalid: It is not a whole, readable MP4 video.
    """
    top = top_boxes(file, size_bytes)
    index = next((box for box in top if box.kind == b"moov"), None)
    if index is None:
        raise ResultInvalid("The video is incomplete: its index is missing.")
    media = MediaBoxes(top)
    try:
        movie = _movie(content(file, index))
        for track in movie.tracks:
            track.samples = listed(track.table, media)
        numbered = {track.number: track for track in movie.tracks}
        for box in top:
            if box.kind == b"sidx":
                require_segments(content(file, box), box.end, size_bytes)
            elif box.kind == b"moof":
                for number, samples in in_fragment(content(file, box), box.at, media, movie.defaults):
                    if number in numbered:
                        numbered[number].samples += samples
        return _probe(movie)
    except (struct.error, IndexError) as error:
        raise damaged() from error


def _probe(movie: _Movie) -> VideoProbe:
    picture = next((track for track in movie.tracks if track.handler == b"vide"), None)
    if picture is None:
        raise ResultInvalid("The file has no picture track.")
    if not picture.samples.count:
        raise ResultInvalid("The video is empty: it has no pictures.")
    return VideoProbe(
        container="mp4",
        width=picture.width,
        height=picture.height,
        duration_seconds=round(_seconds(movie), 6),
        has_audio=any(track.handler == b"soun" for track in movie.tracks),
        video_codec=picture.codec,
        frames_per_second=round(picture.samples.count / picture.seconds, 3) if picture.seconds else None,
        comment=movie.comment,
    )


def _seconds(movie: _Movie) -> float:
    """Length: as announced, or as counted in fragments, whose index may announce its own samples only."""
    counted = max(track.seconds for track in movie.tracks)
    announced = movie.duration / movie.timescale if movie.timescale else 0.0
    if not movie.fragmented:
        return announced or counted
    if announced - counted > max(_SLACK_SECONDS, announced * _SLACK_SHARE):
        raise ResultInvalid(f"The video is incomplete: {counted:.3g} of {announced:.3g} seconds are there.")
    return max(announced, counted)


def _movie(index: memoryview) -> _Movie:
    movie = _Movie()
    for kind, data in boxes(index):
        match kind:
            case b"mvhd":
                movie.timescale, movie.duration = _times(data)
            case b"trak":
                movie.tracks.append(_track(data))
            case b"mvex":
                movie.fragmented = True
                _read_defaults(data, movie)
            case b"udta":
                movie.comment = _comment(data)
            case _:
                pass
    return movie


def _read_defaults(data: memoryview, movie: _Movie) -> None:
    for kind, value in boxes(data):
        if kind == b"mehd":
            movie.duration = _known(struct.unpack_from(">Q" if value[0] else ">I", value, 4)[0]) or movie.duration
        elif kind == b"trex":
            number, _, ticks, size = struct.unpack_from(">4I", value, 4)
            movie.defaults[number] = ticks, size


def _track(data: memoryview) -> _Track:
    header, media = inside(data, b"tkhd"), inside(data, b"mdia")
    track = _Track(handler=bytes(inside(media, b"hdlr")[8:12]), table=inside(media, b"minf", b"stbl"))
    track.number = struct.unpack_from(">I", header, 20 if header[0] else 12)[0]
    track.timescale, _ = _times(inside(media, b"mdhd"))
    if track.handler == b"vide":
        description = inside(track.table, b"stsd")
        track.codec = printable(bytes(description[12:16]).decode("latin-1")) or None
        track.width, track.height = _shown_size(header)
        if not track.width or not track.height:  # some writers leave it to the description
            track.width, track.height = struct.unpack_from(">HH", description, 40)
    return track


def _times(header: memoryview) -> tuple[int, int]:
    """Ticks a second, and the length in ticks; 0 where it is not known."""
    timescale, duration = struct.unpack_from(*((">IQ", header, 20) if header[0] else (">II", header, 12)))
    return timescale, _known(duration)


def _known(duration: int) -> int:
    return 0 if duration in _UNKNOWN_DURATION else duration


def _shown_size(header: memoryview) -> tuple[int, int]:
    at = 52 if header[0] else 40
    a, _, _, _, d = struct.unpack_from(">5i", header, at)
    width, height = (value >> _UNIT_BITS for value in struct.unpack_from(">II", header, at + 36))
    return (height, width) if a == d == 0 else (width, height)  # turned by a quarter


def _comment(notes: memoryview) -> str | None:
    """The file's comment, else its description; an odd note makes a video no worse."""
    try:
        words = dict(boxes(inside(inside(notes, b"meta")[4:], b"ilst")))
        text = inside(words.get(b"\xa9cmt") or words.get(b"desc") or notes[:0], b"data")[8:]
    except ResultInvalid:
        return None
    return printable(bytes(text[:_MOST_COMMENT_BYTES]).decode("utf-8", "replace")) or None
