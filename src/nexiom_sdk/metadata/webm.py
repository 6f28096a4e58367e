"""WebM: tags, attachments, chapters, titles, times and tracks of text become empty space; nothing moves."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk.metadata.ebml import CRC, VOID, Element, Plan, cleaned, element_at, elements, emptied, number
from nexiom_sdk.metadata.reader import Edit, Part, Reader, damaged, edited

_HEAD, _SEGMENT = 0x1A45DFA3, 0x18538067
_SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_TRACK, _TRACK_NUMBER, _TRACK_TYPE, _ADDITION = 0xAE, 0xD7, 0x83, 0x41E4
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = 0xA3, 0xA0, 0xA1
_PICTURE_AND_SOUND = frozenset({1, 2, 3})
_KEPT = frozenset({_SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES})
_MAX_HEAD_BYTES = 1024 * 1024


def webm_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a WebM: pictures and sound, and what is needed to find and play them. What follows is cut.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole WebM with a length for each of its parts.
    """
    head = element_at(reader, 0)
    if head.kind != _HEAD or head.end is None:
        raise damaged("it does not begin like a WebM")
    segment = element_at(reader, head.end)
    end = reader.size if segment.end is None else segment.end
    if segment.kind != _SEGMENT or end > reader.size:
        raise damaged("the WebM is incomplete")
    yield from edited(_edits(reader, head, segment, end), end)


def _edits(reader: Reader, head: Element, segment: Element, end: int) -> Iterator[Edit]:
    tracks = [found for found, _ in _children(reader, segment.start, end) if found.kind == _TRACKS]
    if len(tracks) != 1:
        raise damaged("the WebM has no list of tracks, or several")
    silent = _other_tracks(_content(reader, tracks[0]))
    yield Edit(head.start, cleaned(_content(reader, head), _PLANS[_HEAD]))
    for found, found_end in _children(reader, segment.start, end):
        if found.kind in _PLANS:
            yield Edit(found.start, cleaned(_content(reader, found), _PLANS[found.kind]))
        elif found.kind == _CLUSTER and silent:
            yield from _blocks_of_others(reader, found, found_end, silent)
        elif found.kind not in _KEPT:
            yield from emptied(found, found_end)


def _children(reader: Reader, at: int, limit: int) -> Iterator[tuple[Element, int]]:
    """The elements inside one, each with its end."""
    while at < limit:
        found = element_at(reader, at)
        if found.end is None or found.end > limit:
            raise damaged("an element of the WebM is incomplete, or does not say how long it is")
        yield found, found.end
        at = found.end


def _content(reader: Reader, found: Element) -> bytes:
    length = (found.end or 0) - found.start
    if length > _MAX_HEAD_BYTES:
        raise damaged("the head of the WebM is larger than any real one")
    return reader.take(found.start, length)


def _is_other(track: bytes) -> bool:
    return int.from_bytes(_first(track, _TRACK_TYPE), "big") not in _PICTURE_AND_SOUND


def _other_tracks(tracks: bytes) -> frozenset[int]:
    """The numbers of tracks that are neither picture nor sound: subtitles, places, buttons."""
    each = [content for kind, _, content in elements(tracks) if kind == _TRACK]
    others = frozenset(int.from_bytes(_first(track, _TRACK_NUMBER), "big") for track in each if _is_other(track))
    if len(others) == len(each):
        raise damaged("the WebM has neither picture nor sound")
    return others


def _blocks_of_others(reader: Reader, cluster: Element, end: int, silent: frozenset[int]) -> Iterator[Edit]:
    for found, found_end in _children(reader, cluster.start, end):
        track_at: int | None = None
        if found.kind == _SIMPLE_BLOCK:
            track_at = found.start
        elif found.kind == _BLOCK_GROUP:
            inner = _children(reader, found.start, found_end)
            track_at = next((one.start for one, _ in inner if one.kind == _BLOCK), None)
        its_track = None if track_at is None else number(reader.some(track_at, 8), 0, keep_marker=False)[0]
        if found.kind in {CRC, VOID} or its_track in silent:
            yield from emptied(found, found_end)


def _first(data: bytes, wanted: int) -> bytes:
    return next((content for kind, _, content in elements(data) if kind == wanted), b"")


_PLANS = {
    _HEAD: Plan(
        kept=frozenset({0x4286, 0x42F7, 0x42F2, 0x42F3, 0x4282, 0x4287, 0x4285})
    ),  # versions, limits, kind of file
    _INFO: Plan(
        kept=frozenset({0x2AD7B1, 0x4489}),  # scale of times, length
        blanked=frozenset({0x4D80, 0x5741}),  # the programs that wrote it: the format wants them named
    ),
    _SEEK_HEAD: Plan(
        gone=lambda kind, content: kind == _SEEK and int.from_bytes(_first(content, _SEEK_ID), "big") not in _KEPT,
        inside={_SEEK: Plan(kept=frozenset({_SEEK_ID, _SEEK_POSITION}))},
    ),
    _TRACKS: Plan(
        gone=lambda kind, content: kind == _TRACK and _is_other(content),
        inside={
            _TRACK: Plan(
                kept=frozenset(
                    {
                        *(_TRACK_NUMBER, 0x73C5, _TRACK_TYPE),
                        *(0xB9, 0x88, 0x55AA, 0x55AB, 0x55AC, 0x55AD, 0x55AE, 0x55AF, 0x9C),  # flags
                        *(
                            0x6DE7,
                            0x6DF8,
                            0x23E383,
                            0x234E7A,
                            0x23314F,
                            0x537F,
                            0x56AA,
                            0x56BB,
                        ),  # caches, durations, delays
                        *(
                            0x22B59C,
                            0x22B59D,
                            0x86,
                            0x63A2,
                            0xAA,
                            0x6FAB,
                            0x55EE,
                        ),  # language, codec, overlay, additions
                        *(0xE0, 0xE1, 0xE2, 0x6D80),  # picture, sound, joined tracks, encodings
                    }
                ),
                inside={_ADDITION: Plan(kept=frozenset({0x41F0, 0x41E7, 0x41ED}))},
            )
        },
    ),
}
