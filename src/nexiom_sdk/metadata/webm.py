"""WebM: tags, attachments, chapters, titles, times and tracks of text become empty space; nothing moves."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk import ebml
from nexiom_sdk.bounded_reading import MOST_BYTES_AT_ONCE, Reader
from nexiom_sdk.ebml import Element, block_at, element_at, elements_between, elements_in, number
from nexiom_sdk.metadata.parts import Edit, Part, damaged, edited
from nexiom_sdk.metadata.plans import CRC, VOID, Plan, cleaned, emptied

_SEEK_HEAD, _CUES = 0x114D9B74, 0x1C53BB6B
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_ADDITION = 0x41E4
_PICTURE_AND_SOUND = frozenset({1, 2, 3})
_KEPT = frozenset({_SEEK_HEAD, ebml.INFO, ebml.TRACKS, ebml.CLUSTER, _CUES})


def webm_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a WebM: pictures and sound, and what is needed to find and play them. What follows is cut.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole WebM with a length for each of its parts but clusters.
    """
    head = element_at(reader, 0)
    if head.kind != ebml.EBML or head.end is None:
        raise damaged("it does not begin like a WebM")
    segment = element_at(reader, head.end)
    end = reader.size if segment.end is None else segment.end
    if segment.kind != ebml.SEGMENT or end > reader.size:
        raise damaged("the WebM is incomplete")
    yield from edited(_edits(reader, head, segment, end), end)


def _edits(reader: Reader, head: Element, segment: Element, end: int) -> Iterator[Edit]:
    top = elements_between(reader, segment.start, end, open_clusters=True)
    tracks = [found for found, _ in top if found.kind == ebml.TRACKS]
    if len(tracks) != 1:
        raise damaged("the WebM has no list of tracks, or several")
    silent = _other_tracks(_content(reader, tracks[0]))
    yield Edit(head.start, cleaned(_content(reader, head), _PLANS[ebml.EBML]))
    left = MOST_BYTES_AT_ONCE
    for found, found_end in elements_between(reader, segment.start, end, open_clusters=True):
        if found.kind in _PLANS:
            left -= found_end - found.start
            if left < 0:
                raise damaged("its heads are together larger than any real ones")
            yield Edit(found.start, cleaned(_content(reader, found), _PLANS[found.kind]))
        elif found.kind == ebml.CLUSTER and silent:
            yield from _blocks_of_others(reader, found, found_end, silent)
        elif found.kind not in _KEPT:
            yield from emptied(found, found_end)


def _content(reader: Reader, found: Element) -> bytes:
    return reader.take(found.start, (found.end or found.start) - found.start)


def _is_other(track: bytes) -> bool:
    return int.from_bytes(_first(track, ebml.TRACK_TYPE), "big") not in _PICTURE_AND_SOUND


def _other_tracks(tracks: bytes) -> frozenset[int]:
    """The numbers of tracks that are neither picture nor sound: subtitles, places, buttons."""
    each = [content for kind, _, content in elements_in(tracks, damaged) if kind == ebml.TRACK]
    others = frozenset(int.from_bytes(_first(track, ebml.TRACK_NUMBER), "big") for track in each if _is_other(track))
    if len(others) == len(each):
        raise damaged("the WebM has neither picture nor sound")
    return others


def _blocks_of_others(reader: Reader, cluster: Element, end: int, silent: frozenset[int]) -> Iterator[Edit]:
    for found, found_end in elements_between(reader, cluster.start, end):
        track_at = block_at(reader, found, found_end)
        its_track = None if track_at is None else number(reader.some(track_at, 8), 0, damaged)[0]
        if found.kind in {CRC, VOID} or its_track in silent:
            yield from emptied(found, found_end)


def _first(data: bytes, wanted: int) -> bytes:
    return next((content for kind, _, content in elements_in(data, damaged) if kind == wanted), b"")


# What stays, by its number in the format; the words behind each line say what it is.
_IN_HEAD = frozenset({0x4286, 0x42F7, 0x42F2, 0x42F3, 0x4282, 0x4287, 0x4285})  # versions, limits, kind of file
_PROGRAMS = frozenset({0x4D80, 0x5741})  # that wrote it: the format wants them named
_NAMES = frozenset({ebml.TRACK_NUMBER, 0x73C5, ebml.TRACK_TYPE})
_FLAGS = frozenset({0xB9, 0x88, 0x55AA, 0x55AB, 0x55AC, 0x55AD, 0x55AE, 0x55AF, 0x9C})
_TIMES = frozenset(
    {0x6DE7, 0x6DF8, ebml.FRAME_NANOSECONDS, 0x234E7A, 0x23314F, 0x537F, 0x56AA, 0x56BB}
)  # caches, delays
_CODING = frozenset({0x22B59C, 0x22B59D, ebml.CODEC, 0x63A2, 0xAA, 0x6FAB, 0x55EE})  # language, overlay, additions
_CONTENTS = frozenset({ebml.VIDEO, 0xE1, 0xE2, 0x6D80})  # picture, sound, joined tracks, encodings
_TRACK_PLAN = Plan(
    kept=_NAMES | _FLAGS | _TIMES | _CODING | _CONTENTS,
    inside={_ADDITION: Plan(kept=frozenset({0x41F0, 0x41E7, 0x41ED}))},
)
_PLANS = {
    ebml.EBML: Plan(kept=_IN_HEAD),
    ebml.INFO: Plan(kept=frozenset({ebml.TIMECODE_SCALE, ebml.DURATION}), blanked=_PROGRAMS),
    _SEEK_HEAD: Plan(
        gone=lambda kind, content: kind == _SEEK and int.from_bytes(_first(content, _SEEK_ID), "big") not in _KEPT,
        inside={_SEEK: Plan(kept=frozenset({_SEEK_ID, _SEEK_POSITION}))},
    ),
    ebml.TRACKS: Plan(
        gone=lambda kind, content: kind == ebml.TRACK and _is_other(content), inside={ebml.TRACK: _TRACK_PLAN}
    ),
}
