"""Work on the disk of this machine: off the event loop, to its end, and without what others left half done."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LEFTOVER_SECONDS = 24 * 3600.0


async def to_its_end(work: Callable[[*Ts], T], *args: *Ts) -> T:
    """Work off the event loop, to its end even if the caller is cancelled: a file in use must not be touched.

    Args:
        work: What a thread does.
        args: What it is called with.

    Example:
        >>> asyncio.run(to_its_end(max, 1, 2))
        2
    """
    return await _outcome(asyncio.get_running_loop().run_in_executor(None, work, *args))


class Threads:
    """Threads of their own for work of seconds, so that it never takes those that the whole process shares.

    The event loop looks up addresses and reads files in threads that are few, too. A program that ends waits for what
    is being done here, and leaves no thread behind.

    Args:
        name: What the threads are called.
        most: How many there are at once in this process.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name = name
        self._most = most
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)  # threads do not come along, and nobody would do the work

    async def to_its_end(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """As the function of this name; work that has not begun when the caller is cancelled never does."""
        handed_in = self._pool.submit(work, *args)
        return await _outcome(asyncio.wrap_future(handed_in), never_begun=handed_in.cancel)

    def _begin(self) -> None:
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix=self._name)


async def _outcome(running: asyncio.Future[T], *, never_begun: Callable[[], bool] = lambda: False) -> T:
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if not never_begun():
            while not running.done():  # whoever is impatient cancels twice
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([running])
            running.exception()  # looked at, so that nobody reports it as forgotten
        raise


def check_folder(folder: Path) -> None:
    """See whether a folder takes files, by one that is gone at once.

    Raises:
        OSError: It takes none, or there is no such folder.
    """
    with tempfile.NamedTemporaryFile(prefix=".check-", dir=folder) as file:
        file.write(b"1")


def sweep_beside(fresh: Path, pattern: str = "*") -> None:
    """Remove what lies beside a file or folder that is just being made, and was left there by somebody who died.

    Args:
        fresh: Just made: the age of others is told by the clock that stamped it.
        pattern: Names of what may be removed.
    """
    now = fresh.stat().st_mtime
    for other in fresh.parent.glob(pattern):
        with suppress(OSError):
            if now - other.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(other) if other.is_dir() else other.unlink()
