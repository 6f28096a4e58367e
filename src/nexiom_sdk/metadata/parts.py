"""The parts that a copy of a file is made of, and the error where nobody can tell them apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from nexiom_sdk.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes of the original, from `start` up to `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Zeros:
    """So many zero bytes."""

    length: int


# A copy is told as its parts in order, so that nothing large is ever held.
Part: TypeAlias = Kept | Zeros | bytes


@dataclass(frozen=True, slots=True)
class Edit:
    """What stands at a place of the copy instead of as many bytes of the original."""

    at: int
    new: Zeros | bytes

    @property
    def end(self) -> int:
        """The place after it."""
        return self.at + (self.new.length if isinstance(self.new, Zeros) else len(self.new))


def damaged(how: str) -> InvalidInput:
    """The error for a file of which nobody can tell what is picture or sound and what is not.

    Args:
        how: What is wrong with it.
    """
    msg = f"What the file says beside picture and sound cannot be taken out: {how}."
    return InvalidInput(msg, next_step="Save it again with another program, or hand over another file.")


def edited(edits: Iterable[Edit], size: int) -> Iterator[Part]:
    """The parts of a copy in which nothing moves.

    Args:
        edits: What is written over, in the order of the file.
        size: Length of the copy; what the original has beyond it is cut.

    Raises:
        InvalidInput: Something would be written over twice: parts of the file lie in each other.
    """
    at = 0
    for edit in edits:
        if not at <= edit.at <= edit.end <= size:
            raise damaged("its parts lie in each other")
        yield Kept(at, edit.at)
        yield edit.new
        at = edit.end
    yield Kept(at, size)
