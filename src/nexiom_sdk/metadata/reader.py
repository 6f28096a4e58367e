"""What all formats share: bounded reads of a file, and the parts that its copy is made of."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from nexiom_sdk.errors import InvalidInput

# No real file has so many parts for its length; made-up files of tiny pieces stop here.
_MAX_READS = 10_000_000
_FREE_READS, _BYTES_A_READ = 200_000, 16


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


class Reader:
    """A media file that is read at any place, a little at a time.

    Args:
        file: The file; it can seek.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size: int = file.seek(0, io.SEEK_END)
        self._reads_left = min(_FREE_READS + self.size // _BYTES_A_READ, _MAX_READS)

    def take(self, at: int, count: int) -> bytes:
        """Exactly so many bytes from a place.

        Raises:
            InvalidInput: The file ends before.
        """
        data = self.some(at, count)
        if len(data) < count:
            raise damaged("it ends in the middle of a part")
        return data

    def some(self, at: int, count: int) -> bytes:
        """At most so many bytes from a place; fewer only at the end of the file.

        Raises:
            InvalidInput: The file has more parts than any real one.
        """
        self._reads_left -= 1
        if self._reads_left < 0:
            raise damaged("it has more parts than any real one")
        self._file.seek(at)
        return self._file.read(count)


def damaged(how: str) -> InvalidInput:
    """The error for a file of which nobody can tell what is picture or sound and what is not."""
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
