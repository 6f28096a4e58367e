"""How long single callbacks hold the event loop, in time and in work."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass
class Lag:
    """The longest callback so far.

    Args:
        wall_seconds: How long nothing else could run. A loaded machine makes it longer than it is.
        cpu_seconds: How long this thread really worked.
        wall_of: What the longest was.
        cpu_of: What worked longest.
    """

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    wall_of: str = ""
    cpu_of: str = ""


@contextmanager
def measured() -> Iterator[Lag]:
    """Time every callback of every loop of asyncio while this is open."""
    lag = Lag()
    run = asyncio.events.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        what = repr(handle)[:400] if handle._cancelled is False else ""
        try:
            run(handle)
        finally:
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            if wall > lag.wall_seconds:
                lag.wall_seconds, lag.wall_of = wall, what
            if cpu > lag.cpu_seconds:
                lag.cpu_seconds, lag.cpu_of = cpu, what

    # What thousands of tests before this one left is not the worker's: a collection that walks through it takes 0.2 s.
    gc.collect()
    gc.freeze()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio.events.Handle, "_run", timed)
            yield lag
    finally:
        gc.unfreeze()
