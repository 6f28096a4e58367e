"""Reads the elements of a WebM file: what it says of itself, and whether all of it is there."""

from __future__ import annotations

import struct
from typing import BinaryIO

from nexiom_sdk import ebml
from nexiom_sdk.bounded_reading import Reader, unreadable
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.types import VideoProbe

EBML_MAGIC = ebml.MAGIC
_WIDTH, _HEIGHT = 0xB0, 0xBA
_PICTURE, _SOUND = 1, 2


def read_webm(file: BinaryIO, size_bytes: int, *, recorded: bool = False) -> VideoProbe:
    """What a WebM file is.

    Args:
        file: The file; where it is read next may change.
        size_bytes: Its length.
        recorded: Whether it may be as browsers record it, without lengths: then it lasts until its last block begins.
            That half of it is missing cannot be told.

    Raises:
        ResultInvalid: It is not a whole, readable WebM video.
    """
    reader = Reader(file)
    head = ebml.element_at(reader, 0)
    if head.kind != ebml.EBML or head.end is None:
        raise ResultInvalid("The file is not a WebM video: it does not begin like one.")
    segment = ebml.element_at(reader, head.end)
    end = size_bytes if segment.end is None else segment.end
    if segment.kind != ebml.SEGMENT:
        raise ResultInvalid("The WebM video has no content.")
    if end > size_bytes:
        raise ResultInvalid(f"The WebM video is incomplete: {end - size_bytes:,} bytes of it are missing.")
    heads = {ebml.INFO: b"", ebml.TRACKS: b""}
    last: tuple[ebml.Element, int] | None = None
    for found, found_end in ebml.elements_between(reader, segment.start, end, open_clusters=recorded):
        if found.kind in heads:
            heads[found.kind] = reader.take(found.start, found_end - found.start)
        elif found.kind == ebml.CLUSTER:
            last = found, found_end
    if last is None:
        raise ResultInvalid("The WebM video is empty.")
    info = _contents(heads[ebml.INFO])
    tracks = ebml.elements_in(heads[ebml.TRACKS], unreadable)
    ticks = _float(info.get(ebml.DURATION, b""))
    if recorded and not ticks:  # some leave room for it that nobody fills in
        ticks = _begin_of_last_block(reader, *last)
    seconds = ticks * (_number(info.get(ebml.TIMECODE_SCALE, b"")) or 1_000_000) / 1e9
    return _probe(seconds, [_contents(track) for kind, _, track in tracks if kind == ebml.TRACK])


def _begin_of_last_block(reader: Reader, cluster: ebml.Element, end: int) -> int:
    """When the last block of a cluster begins, in ticks; blocks say it from the time of their cluster on."""
    time = latest = 0
    for found, found_end in ebml.elements_between(reader, cluster.start, end):
        at = ebml.block_at(reader, found, found_end)
        if found.kind == ebml.CLUSTER_TIME:
            time = _number(reader.some(found.start, min(found_end - found.start, 8)))
        elif at is not None:
            head = reader.some(at, 12)
            time_at = ebml.number(head, 0, unreadable)[1]
            latest = max(latest, int.from_bytes(head[time_at : time_at + 2], "big", signed=True))
    return time + latest


def _probe(seconds: float, tracks: list[dict[int, bytes]]) -> VideoProbe:
    picture, sound = (
        next((track for track in tracks if _number(track.get(ebml.TRACK_TYPE, b"")) == kind), None)
        for kind in (_PICTURE, _SOUND)
    )
    video = _contents(picture.get(ebml.VIDEO, b"")) if picture else {}
    width, height = _number(video.get(_WIDTH, b"")), _number(video.get(_HEIGHT, b""))
    if picture is None or not width or not height:
        raise ResultInvalid("The file has no picture track.")
    if not 0 < seconds < float("inf"):
        raise ResultInvalid("The WebM video does not say how long it is: it was not finished.")
    frame_nanoseconds = _number(picture.get(ebml.FRAME_NANOSECONDS, b""))
    return VideoProbe(
        container="webm",
        width=width,
        height=height,
        duration_seconds=round(seconds, 6),
        has_audio=sound is not None,
        video_codec=picture.get(ebml.CODEC, b"").decode("latin-1") or None,
        audio_codec=sound.get(ebml.CODEC, b"").decode("latin-1") or None if sound else None,
        frames_per_second=round(1e9 / frame_nanoseconds, 3) if frame_nanoseconds else None,
    )


def _contents(data: bytes) -> dict[int, bytes]:
    return {kind: content for kind, _, content in ebml.elements_in(data, unreadable)}


def _number(data: bytes) -> int:
    return int.from_bytes(data[:8], "big")


def _float(data: bytes) -> float:
    if len(data) not in {4, 8}:
        return 0.0
    value: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    return value
