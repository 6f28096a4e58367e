"""A file of a stranger, read within bounds: endlessly many parts or an endless index cost nobody anything."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, NamedTuple, TypeAlias

from nexiom_sdk.errors import NexiomError, ResultInvalid

MOST_READS = 200_000  # ten hours in parts of half a second have fewer
MOST_BYTES_AT_ONCE = 4 * 1024 * 1024  # two hours have an index of less
_MOST_READS_EVER = 10_000_000

Refusal: TypeAlias = Callable[[str], NexiomError]
"""Makes the error for a file that is broken: the argument says how, as the end of a sentence."""


def unreadable(how: str) -> ResultInvalid:
    """The error for a video that nobody can read.

    Args:
        how: What is wrong with it.
    """
    return ResultInvalid(f"The video cannot be read: {how}.")


class Piece(NamedTuple):
    """Where a piece of a file lies: a box of an MP4, a chunk of a picture or of a sound.

    Args:
        kind: Its name or mark.
        at: Its place.
        start: Where its content begins.
        end: Where its content ends.
    """

    kind: bytes
    at: int
    start: int
    end: int


class Reader:
    """A media file that is read at any place, a little at a time.

    Args:
        file: The file; it can seek.
        refuse: The error for a file that is broken.
        bytes_a_read: Length of file for which one read more is allowed, for those who go through all of it.

    Example:
        >>> Reader(io.BytesIO(b"...ftyp")).take(3, 4)
        b'ftyp'
    """

    def __init__(self, file: BinaryIO, refuse: Refusal = unreadable, *, bytes_a_read: int | None = None) -> None:
        self.size: int = file.seek(0, io.SEEK_END)
        self.refuse = refuse
        self._file = file
        self._reads_left = MOST_READS
        if bytes_a_read is not None:
            self._reads_left = min(MOST_READS + self.size // bytes_a_read, _MOST_READS_EVER)

    def take(self, at: int, count: int) -> bytes:
        """Exactly so many bytes from a place.

        Raises:
            NexiomError: The file ends before, or as for `some`.
        """
        data = self.some(at, count)
        if len(data) < count:
            raise self.refuse("it ends in the middle of a part")
        return data

    def some(self, at: int, count: int) -> bytes:
        """At most so many bytes from a place; fewer only at the end of the file.

        Raises:
            NexiomError: It is more than any real file needs.
        """
        self._reads_left -= 1
        if self._reads_left < 0:
            raise self.refuse("it has more parts than any real one")
        if count > MOST_BYTES_AT_ONCE:
            raise self.refuse("its index is larger than any real one")
        if at >= self.size:  # a place that a made-up file names may be one that no system can look for
            return b""
        self._file.seek(at)
        return self._file.read(count)
