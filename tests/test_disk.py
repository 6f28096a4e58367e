from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nexiom_sdk.disk import LEFTOVER_SECONDS, Threads, check_folder, sweep_beside, to_its_end


def test_a_folder_is_asked_whether_it_takes_files_and_keeps_none(tmp_path: Path) -> None:
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("in the place of a folder")
    for name in ("file", "no such folder"):
        with pytest.raises(OSError, match=name):
            check_folder(tmp_path / name)


async def test_work_runs_off_the_event_loop_and_its_outcome_comes_back() -> None:
    assert await to_its_end(threading.get_ident) != threading.get_ident()
    with pytest.raises(FileNotFoundError):
        await to_its_end(os.stat, "/no such file")


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancel_waits_until_the_work_is_done_and_so_does_a_second_one(fails: bool, own: bool) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(30)
        done.set()
        if fails:
            raise EOFError

    working = asyncio.ensure_future((Threads("own", most=1).to_its_end if own else to_its_end)(work))
    await asyncio.to_thread(begun.wait, 30)
    for _ in range(2):
        working.cancel()
        for _ in range(20):  # time enough for anybody who does not wait
            await asyncio.to_thread(int)
        assert not working.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert done.is_set()


async def test_threads_of_their_own_take_none_of_those_that_all_share() -> None:
    threads, go_on, names = Threads("heavy", most=2), threading.Event(), set[str]()

    def work() -> None:
        names.add(threading.current_thread().name)
        go_on.wait(30)

    working = [asyncio.ensure_future(threads.to_its_end(work)) for _ in range(100)]
    async with asyncio.timeout(30):
        await asyncio.to_thread(int)
        await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    assert not any(one.done() for one in working)
    go_on.set()
    await asyncio.gather(*working)
    assert names == {"heavy_0", "heavy_1"}


async def test_work_whose_turn_has_not_come_never_begins_once_it_is_cancelled() -> None:
    threads, go_on, begun = Threads("heavy", most=1), threading.Event(), list[int]()

    def work(number: int) -> None:
        begun.append(number)
        go_on.wait(30)

    first, second, third = (asyncio.ensure_future(threads.to_its_end(work, number)) for number in range(3))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(second, 30)  # although the first is not done
    go_on.set()
    await asyncio.gather(first, third)
    assert begun == [0, 2]


PROGRAM = """
import asyncio, os, sys
from nexiom_sdk.disk import Threads
threads = Threads("heavy", most=1)
print(asyncio.run(threads.to_its_end(max, 1, 2)), flush=True)
if (child := os.fork()) == 0:
    print(asyncio.run(threads.to_its_end(max, 3, 4)), flush=True)
    sys.exit()
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes begin anew there")
def test_a_program_ends_by_itself_and_one_that_divides_can_work_on() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, timeout=30, check=True, text=True)
    assert (ended.stdout, ended.stderr) == ("2\n4\n", "")


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
