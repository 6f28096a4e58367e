"""Work on the disk of this machine: off the event loop, to its end, and without what others left half done."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
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
    running = asyncio.get_running_loop().run_in_executor(None, work, *args)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        running.exception()  # looked at, so that nobody reports it as forgotten
        raise


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
