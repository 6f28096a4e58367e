"""A file of a stranger, read within bounds: endlessly many parts or an endless index cost nobody anything."""

from __future__ import annotations

import io
from typing import BinaryIO

from nexiom_sdk.errors import ResultInvalid

MOST_READS = 200_000  # ten hours in parts of half a second have fewer
MOST_BYTES_AT_ONCE = 4 * 1024 * 1024  # three hours have an index of less


class BoundedReader:
    """As much of a file as those need who read its parts.

    Args:
        file: The file.

    Example:
        >>> BoundedReader(io.BytesIO(b"ftyp")).read(4)
        b'ftyp'
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reads = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As the file's own."""
        return self._file.seek(offset, whence)

    def read(self, count: int, /) -> bytes:
        """As the file's own.

        Raises:
            ResultInvalid: It is more than any real file needs.
        """
        self._reads += 1
        if self._reads > MOST_READS:
            raise ResultInvalid("It has more parts than any real one.")
        if count > MOST_BYTES_AT_ONCE:
            raise ResultInvalid("Its index is larger than any real one.")
        return self._file.read(count)
