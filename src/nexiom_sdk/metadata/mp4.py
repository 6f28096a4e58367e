"""MP4, MOV and M4A: what is neither picture nor sound becomes empty boxes and zero bytes; nothing moves.

That goes for the media too: a camera may write between its pictures where they were taken, and no table names it.
The tables of such a file name places in it, so whatever were cut out would have to be answered for in each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.metadata.boxes import EMPTY, boxes, emptied
from nexiom_sdk.metadata.fragments import add_fragment, usual_sizes
from nexiom_sdk.metadata.parts import Edit, Part, Zeros, damaged, edited
from nexiom_sdk.metadata.samples import Places, add_samples
from nexiom_sdk.mp4_boxes import HEAD_BYTES, MOST_BOXES, box_at
from nexiom_sdk.mp4_samples import Span

_TOP = b""
# What stays inside each box that is looked into. Whatever nobody named here goes: makers invent their own.
_KEPT: Mapping[bytes, frozenset[bytes]] = {
    _TOP: frozenset(b"ftyp styp moov moof mdat mfra sidx ssix pdin".split()),
    b"moov": frozenset(b"mvhd trak mvex iods".split()),
    b"trak": frozenset(b"tkhd mdia edts tref tapt load matt clip trgr".split()),
    b"tref": frozenset(b"auxl vdep vplx fall folw sbas scal dpnd ipir mpod sync".split()),
    b"mdia": frozenset(b"mdhd hdlr minf elng".split()),
    b"minf": frozenset(b"vmhd smhd nmhd hdlr dinf stbl".split()),
    b"dinf": frozenset({b"dref"}),
    b"stbl": frozenset(
        b"stsd stts stss stps ctts cslg stsc stsz stz2 stco co64 stdp stsh sdtp sbgp sgpd subs saiz saio".split()
    ),
    b"mvex": frozenset(b"mehd trex leva".split()),
    b"moof": frozenset(b"mfhd traf".split()),
    b"traf": frozenset(b"tfhd tfdt trun sbgp sgpd subs saiz saio senc".split()),
}
_DATED = frozenset({b"mvhd", b"tkhd", b"mdhd"})
_PICTURE = frozenset({b"vide", b"auxv", b"pict"})
_SOUND = b"soun"
_COMPRESSOR_NAME_AT, _PICTURE_ENTRY_BYTES = 42, 78
_IN_PICTURE_ENTRY = frozenset({b"uuid", b"udta", b"meta", *EMPTY})
_MAX_TRACKS = 1_000
MAX_GAPS = 200_000  # in the media: two hours of a track that goes, in 27 pieces a second


def mp4_parts(reader: Reader, *, tracks: frozenset[bytes] = _PICTURE | {_SOUND}) -> Iterator[Part]:
    """What stays of an MP4: tracks of picture and sound, how they are turned, and the tables that find them.

    Args:
        reader: The file.
        tracks: Kinds of the tracks that stay.

    Raises:
        InvalidInput: It is not a whole MP4, or has a track of another kind in fragments.
    """
    end = _end(reader)
    kept = _samples(reader, end, tracks).in_order()
    yield from edited(_edits(reader, end, tracks, kept), end)


def _end(reader: Reader) -> int:
    """Where the last whole box ends; some cameras write notes of a form of their own behind it."""
    at, seen = 0, set[bytes]()
    while at < reader.size:
        box = box_at(reader.some(at, HEAD_BYTES), at, reader.size)
        if box is None or box.end > reader.size:
            if {b"moov", b"mdat"} <= seen and (box is None or box.kind not in _KEPT[_TOP]):
                return at
            raise damaged("it is incomplete, or one of its boxes has an impossible length")
        if not seen and box.kind != b"ftyp":
            raise damaged("it does not begin like an MP4")
        if box.kind == b"moov" and box.kind in seen:
            raise damaged("it has more than one index")
        if box.kind in _KEPT[_TOP]:
            seen.add(box.kind)
        at = box.end
    return at


def _samples(reader: Reader, end: int, tracks: frozenset[bytes]) -> Places:
    """Where the samples of all tracks that stay lie."""
    top = list(islice(boxes(reader, 0, end), MOST_BOXES + 1))
    if len(top) > MOST_BOXES:
        raise damaged("it has more parts than any real one")
    index = next((box for box in top if box.kind == b"moov"), None)
    if index is None:
        raise damaged("its index is missing")
    each = list(islice((box for box in boxes(reader, index.start, index.end) if box.kind == b"trak"), _MAX_TRACKS + 1))
    if len(each) > _MAX_TRACKS:
        raise damaged("it has more tracks than any real one")
    staying = [track for track in each if _handler(reader, track) in tracks]
    if not staying:
        raise damaged("it has neither picture nor sound, or its index is compressed")
    fragments = [box for box in top if box.kind == b"moof"]
    if fragments and len(staying) < len(each):
        raise damaged("it is in fragments, and has a track that is neither picture nor sound")
    places = Places([(box.start, box.end) for box in top if box.kind == b"mdat"])
    for track in staying:
        add_samples(reader, _tables(reader, track), places, is_sound=_handler(reader, track) == _SOUND)
    usual = usual_sizes(reader, index) if fragments else {}
    for fragment in fragments:
        add_fragment(reader, fragment, usual, places)
    return places


def has_sound_only(reader: Reader) -> bool:
    """Whether an MP4 is a sound, whatever its first bytes call it: many programs call it there what they call videos.

    Args:
        reader: The file. One that cannot be read is none.
    """
    try:
        top = islice(boxes(reader, 0, reader.size), MOST_BOXES)
        index = next((box for box in top if box.kind == b"moov"), None)
        inside = () if index is None else islice(boxes(reader, index.start, index.end), _MAX_TRACKS)
        kinds = {_handler(reader, box) for box in inside if box.kind == b"trak"}
    except NexiomError:
        return False
    return _SOUND in kinds and not kinds & _PICTURE


def _tables(reader: Reader, track: Piece) -> dict[bytes, Piece]:
    inside = track
    for kind in (b"mdia", b"minf", b"stbl"):
        found = next((box for box in boxes(reader, inside.start, inside.end) if box.kind == kind), None)
        if found is None:
            raise damaged("a track has no table of its samples")
        inside = found
    return {box.kind: box for box in boxes(reader, inside.start, inside.end)}


def _handler(reader: Reader, track: Piece) -> bytes:
    for media in boxes(reader, track.start, track.end):
        if media.kind == b"mdia":
            for box in boxes(reader, media.start, media.end):
                if box.kind == b"hdlr":
                    return reader.take(box.start, 12)[8:]
    raise damaged("a track does not say what it is")


def _edits(reader: Reader, end: int, tracks: frozenset[bytes], kept: Iterator[Span]) -> Iterator[Edit]:
    sample, left = next(kept, None), MAX_GAPS
    for box in boxes(reader, 0, end):
        if box.kind == b"mdat":
            at = box.start
            while sample is not None and sample[0] < box.end:
                if sample[0] > at:
                    left -= 1
                    if left < 0:
                        raise damaged("there are more gaps between its pictures and sounds than in any real one")
                    yield Edit(at, Zeros(sample[0] - at))
                at = max(at, sample[1])  # samples may share their bytes
                sample = next(kept, None)
            if at < box.end:
                yield Edit(at, Zeros(box.end - at))
        else:
            yield from _inside(reader, box, _TOP, tracks)


def _inside(
    reader: Reader, box: Piece, around: bytes, tracks: frozenset[bytes], handler: bytes = b""
) -> Iterator[Edit]:
    """What is written over in one box, or over it."""
    if box.kind == b"trak":
        handler = _handler(reader, box)
    if box.kind not in _KEPT[around] or (box.kind == b"trak" and handler not in tracks):
        yield from emptied(box)
    elif box.kind in _KEPT:
        last = box.start
        for one in boxes(reader, box.start, box.end):
            yield from _inside(reader, one, box.kind, tracks, handler)
            last = one.end
        yield Edit(last, Zeros(box.end - last))
    else:
        yield from _words(reader, box, handler)


def _words(reader: Reader, box: Piece, handler: bytes) -> Iterator[Edit]:
    """Times, names and places inside a box that is needed."""
    if box.kind in _DATED:
        # Made and changed: two numbers of 4 bytes, or of 8 in the second form of the box.
        long = reader.some(box.start, 1) == b"\1"
        yield _blank(box, 4, 20 if long else 12)
    elif box.kind == b"hdlr":
        yield _blank(box, 12)
    elif box.kind == b"dref":
        for one in boxes(reader, box.start + 8, box.end):  # names of files and disks
            yield _blank(one, 4)
    elif box.kind == b"stsd" and handler in _PICTURE:
        for one in boxes(reader, box.start + 8, box.end):
            yield from _picture_entry(reader, one)


def _picture_entry(reader: Reader, entry: Piece) -> Iterator[Edit]:
    """How pictures are coded; the name of the program or camera that coded them stands in the middle."""
    children = entry.start + _PICTURE_ENTRY_BYTES
    yield _blank(entry, 12, 16)  # the maker
    yield _blank(entry, _COMPRESSOR_NAME_AT, _COMPRESSOR_NAME_AT + 32)
    for one in boxes(reader, children, entry.end):
        if one.kind in _IN_PICTURE_ENTRY:
            yield from emptied(one)


def _blank(box: Piece, first: int, last: int | None = None) -> Edit:
    """Zeros over a piece of the content of a box; to its end where no other is said."""
    start, end = box.start + first, box.end if last is None else box.start + last
    if not start <= end <= box.end:
        raise damaged("one of its boxes is too short for what it must hold")
    return Edit(start, Zeros(end - start))
