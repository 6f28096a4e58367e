from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from nexiom_sdk.disk import LEFTOVER_SECONDS, sweep_beside, to_its_end


async def test_work_runs_off_the_event_loop_and_its_outcome_comes_back() -> None:
    assert await to_its_end(threading.get_ident) != threading.get_ident()
    with pytest.raises(FileNotFoundError):
        await to_its_end(os.stat, "/no such file")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancel_waits_until_the_work_is_done(fails: bool) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(30)
        done.set()
        if fails:
            raise EOFError

    working = asyncio.ensure_future(to_its_end(work))
    await asyncio.to_thread(begun.wait, 30)
    working.cancel()
    for _ in range(20):  # time enough for anybody who does not wait
        await asyncio.to_thread(int)
    assert not working.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done.is_set()


def test_what_was_left_behind_is_swept_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    for name, age in (("old.part", 60), ("old", 60), ("young.part", -60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "000").write_bytes(b"half")
        (tmp_path / f"file-{name}").write_bytes(b"half")
        for made in (tmp_path / name, tmp_path / f"file-{name}"):
            then = made.stat().st_mtime - LEFTOVER_SECONDS - age
            os.utime(made, (then, then))
    fresh = tmp_path / "fresh.part"
    fresh.mkdir()
    sweep_beside(fresh, "*.part")
    assert {path.name for path in tmp_path.iterdir()} == {
        "fresh.part",
        "young.part",
        "file-young.part",
        "old",
        "file-old",
    }
