"""A file in the making, seen by nobody until it is whole and takes its place in one step."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path

from nexiom_sdk.storage import CHUNK_BYTES


class PartialFile:
    """A file under a name that nobody looks for.

    Args:
        path: That name, on the file system where the file will have its place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BufferedWriter | None = None

    def write(self, chunk: bytes) -> None:
        """Append to it; the first call makes it."""
        self._opened().write(chunk)

    def share(self, file: Path) -> None:
        """Be a second name of a file that is whole already or, where it cannot have two, its copy."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("r+b") as whole:
                os.fsync(whole.fileno())
            os.utime(file)  # it is put now, and what is old is swept
            os.link(os.path.realpath(file), self.path)
        except OSError:  # another file system, one without links, not ours: if the disk is the trouble, the copy tells
            with file.open("rb") as whole:
                shutil.copyfileobj(whole, self._opened(), CHUNK_BYTES)

    def take_place(self, target: Path) -> os.stat_result:
        """Be the file `target` from now on, in one step and for good."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)
        with suppress(OSError):  # not every system can do this to a folder; the file itself is safe by now
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return target.stat()

    def discard(self) -> None:
        """Leave nothing behind; what took its place stays."""
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _opened(self) -> BufferedWriter:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("xb")
        return self._file
