"""Elements of a WebM of which only what is planned stays: all else becomes empty space of the same length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from nexiom_sdk.ebml import Element, elements_in
from nexiom_sdk.metadata.parts import Edit, Zeros, damaged

CRC, VOID = 0xBF, 0xEC


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
    for kind, head, content in elements_in(data, damaged):
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


def _without_checksum(data: bytes) -> bytes:
    """A content that was changed no longer has the checksum that it began with."""
    out = bytearray()
    for kind, head, content in elements_in(data, damaged):
        out += void(len(head) + len(content)) if kind == CRC else head + content
    return bytes(out)
