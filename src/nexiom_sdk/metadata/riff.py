"""WebP and WAV: both are RIFF files, chunks of even length inside one chunk that says how long all are together."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.metadata.exif import only_orientation
from nexiom_sdk.metadata.parts import Kept, Part, Zeros, damaged
from nexiom_sdk.picture_chunks import WEBP_EXIF_FLAG, WEBP_EXTENDED, riff_chunks, webp_exif

_WEBP_PICTURES = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ICCP"})
_FRAME = b"ANMF"
_XMP_FLAG = 0x04
_WAV_SOUND = frozenset({b"fmt ", b"fact", b"data"})
_LONG_HEADS = (b"RF64", b"BW64")  # WAV of more than 4 GiB: the lengths stand in a chunk "ds64"
_OPEN = 0xFFFFFFFF  # a length that was not known when the head was written; some leave 0 there


def webp_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a WebP: the pictures and their colours. Whatever follows its end is cut.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole WebP.
    """
    head = reader.take(0, 12)
    limit = 8 + int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or head[8:] != b"WEBP" or not 12 < limit <= reader.size:
        raise damaged("it is not a whole WebP")
    turned = only_orientation(webp_exif(reader, limit))
    # What is written first depends on what comes after: go through it once for the length, and once to copy it.
    length = sum(_length(part) for part in _webp_chunks(reader, limit, turned))
    if not length:
        raise damaged("the WebP has no picture")
    yield b"RIFF" + (4 + length).to_bytes(4, "little") + b"WEBP"
    yield from _webp_chunks(reader, limit, turned)


def wav_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a WAV: how the sound is coded, and the sound. Lengths that were left open are filled in.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole WAV, or longer than a plain one can be.
    """
    head = reader.take(0, 12)
    if head[:4] not in {b"RIFF", *_LONG_HEADS} or head[8:] != b"WAVE":
        raise damaged("it does not begin like a WAV")
    chunks: dict[bytes, Piece] = {}
    for chunk in _wav_chunks(reader, head):
        if chunk.kind in chunks or (chunk.kind == b"data" and b"fmt " not in chunks):
            raise damaged("the WAV has its parts in a strange order")
        if chunk.kind in _WAV_SOUND:
            chunks[chunk.kind] = chunk
    if b"data" not in chunks:
        raise damaged("the WAV has no sound")
    length = 4 + sum(8 + (chunk.end - chunk.start + 1) // 2 * 2 for chunk in chunks.values())
    if length >= _OPEN:
        raise damaged("the WAV is longer than 4 GiB")
    yield b"RIFF" + length.to_bytes(4, "little") + b"WAVE"
    for chunk in chunks.values():
        yield chunk.kind + (chunk.end - chunk.start).to_bytes(4, "little")
        yield Kept(chunk.start, chunk.end)
        yield Zeros((chunk.end - chunk.start) % 2)


def _webp_chunks(reader: Reader, limit: int, turned: bytes | None) -> Iterator[Part]:
    for chunk in riff_chunks(reader, 12, limit):
        if chunk.kind in _WEBP_PICTURES:
            yield from _whole(chunk)
        elif chunk.kind == WEBP_EXTENDED:
            flags = reader.take(chunk.start, 10)[0] & ~(WEBP_EXIF_FLAG | _XMP_FLAG) | (WEBP_EXIF_FLAG if turned else 0)
            yield WEBP_EXTENDED + (10).to_bytes(4, "little") + bytes((flags,))
            yield Kept(chunk.start + 1, chunk.start + 10)
        elif chunk.kind == _FRAME:
            yield from _frame(reader, chunk)
        elif chunk.kind == b"EXIF" and turned:
            yield b"EXIF" + len(turned).to_bytes(4, "little") + turned
            turned = None


def _frame(reader: Reader, chunk: Piece) -> Iterator[Part]:
    """One picture of an animation: where and how long it is shown, and chunks of its own."""
    if chunk.end - chunk.start < 16:
        raise damaged("a picture of the animation is broken")

    def pictures() -> Iterator[Part]:
        for inner in riff_chunks(reader, chunk.start + 16, chunk.end):
            if inner.kind in _WEBP_PICTURES:
                yield from _whole(inner)

    yield _FRAME + (16 + sum(map(_length, pictures()))).to_bytes(4, "little")
    yield Kept(chunk.start, chunk.start + 16)
    yield from pictures()


def _whole(chunk: Piece) -> Iterator[Part]:
    yield Kept(chunk.at, chunk.end)
    if (chunk.end - chunk.start) % 2:
        yield b"\0"


def _length(part: Part) -> int:
    match part:
        case Kept(start, end):
            return end - start
        case Zeros(length):
            return length
        case _:
            return len(part)


def _wav_chunks(reader: Reader, first: bytes) -> Iterator[Piece]:
    """The chunks up to the last whole one: recorders write odd things after the sound, and wrong lengths in front."""
    at, sound_bytes, heard = 12, 0, False
    long = first[:4] in _LONG_HEADS
    unfinished = {_OPEN, 0} if int.from_bytes(first[4:8], "little") in {_OPEN, 0} else {_OPEN}
    while at + 8 <= reader.size:
        head = reader.take(at, 8)
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"ds64" and long:
            sound_bytes = int.from_bytes(reader.take(at + 16, 8), "little")
        if kind == b"data" and length in unfinished:
            length = sound_bytes or reader.size - at - 8
        chunk = Piece(kind, at, at + 8, at + 8 + length)
        if chunk.end > reader.size:
            if heard and kind not in _WAV_SOUND:
                return
            raise damaged("one of its chunks is incomplete")
        heard = heard or kind == b"data"
        yield chunk
        at = chunk.end + length % 2
