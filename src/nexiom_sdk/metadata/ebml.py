"""EBML, the form of WebM and Matroska files: elements with a number, a length and a content, one inside the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from nexiom_sdk.metadata.reader import Edit, Reader, Zeros, damaged

CRC, VOID = 0xBF, 0xEC


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its number, where it begins, and where its content does.

    Args:
        kind: Its number, with the bits that tell its own length.
        at: Its place.
        start: Where its content begins.
        end: Where it ends; None where it does not say.
    """

    kind: int
    at: int
    start: int
    end: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What stays inside an element; all else becomes empty space of the same length.

    Args:
        kept: Numbers of what stays as it is.
        blanked: Numbers of texts that must be there, and may say nothing.
        inside: Plans for elements that stay and are looked into.
        gone: Whether an element that would stay goes for what it contains.
    """

    kept: frozenset[int] = frozenset()
    blanked: frozenset[int] = frozenset()
    inside: Mapping[int, Plan] = field(default_factory=dict[int, "Plan"])
    gone: Callable[[int, bytes], bool] = lambda _kind, _content: False


def element_at(reader: Reader, at: int) -> Element:
    """The element at a place of a file.

    Raises:
        InvalidInput: There is none.
    """
    return _element(reader.some(at, 12), at, 0)


def elements(data: bytes, at: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, head and content of each element of a content.

    Raises:
        InvalidInput: One does not fit.
    """
    while at < len(data):
        found = _element(data, at, at)
        if found.end is None or found.end > len(data):
            raise damaged("an element is longer than the one around it")
        yield found.kind, data[at : found.start], data[found.start : found.end]
        at = found.end


def emptied(found: Element, end: int) -> Iterator[Edit]:
    """What makes an element of a file an empty space.

    Args:
        found: The element.
        end: Where it ends.
    """
    head = void_head(end - found.at) if found.kind != VOID else None
    if head is not None:
        yield Edit(found.at, head)
    start = found.at + len(head) if head is not None else found.start
    yield Edit(start, Zeros(end - start))


def void_head(length: int) -> bytes:
    """The head of an empty space that takes so many bytes in all."""
    if length < 9:
        return bytes((VOID, 0x80 | length - 2))
    return bytes((VOID,)) + (1 << 56 | length - 9).to_bytes(8, "big")


def cleaned(data: bytes, plan: Plan) -> bytes:
    """The content of an element of which only what is planned stays; its length is the same.

    Args:
        data: The content.
        plan: What stays.

    Raises:
        InvalidInput: It is broken.
    """
    out = bytearray()
    for kind, head, content in elements(data):
        if kind == VOID:
            out += head + bytes(len(content))
        elif plan.gone(kind, content):
            out += void(len(head) + len(content))
        elif kind in plan.inside:
            out += head + cleaned(content, plan.inside[kind])
        elif kind in plan.blanked:
            out += head + b" " * len(content)
        elif kind in plan.kept or kind == CRC:
            out += head + content
        else:
            out += void(len(head) + len(content))
    clean = bytes(out)
    return clean if clean == data else _without_checksum(clean)


def void(length: int) -> bytes:
    """An empty space that takes so many bytes in all."""
    head = void_head(length)
    return head + bytes(length - len(head))


def number(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length and the place after it.

    Args:
        data: Where it stands.
        at: Its place.
        keep_marker: Whether the bit that tells the length belongs to it, as it does in the number of an element.

    Raises:
        InvalidInput: There is none.
    """
    first = data[at] if at < len(data) else 0
    length = 9 - first.bit_length()
    if not first or at + length > len(data):
        raise damaged("it ends in the middle of an element, or has one that is none")
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_marker else value & (1 << 7 * length) - 1), at + length


def _element(data: bytes, at: int, base: int) -> Element:
    """The element at a place of the file, of which the data are a piece that begins `at - base` bytes before it."""
    kind, size_at = number(data, base, keep_marker=True)
    size, start = number(data, size_at, keep_marker=False)
    unknown = size == (1 << 7 * (start - size_at)) - 1
    return Element(kind, at, at + start - base, None if unknown else at + start - base + size)


def _without_checksum(data: bytes) -> bytes:
    """A content that was changed no longer has the checksum that it began with."""
    out = bytearray()
    for kind, head, content in elements(data):
        out += void(len(head) + len(content)) if kind == CRC else head + content
    return bytes(out)
