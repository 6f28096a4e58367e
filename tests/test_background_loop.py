"""One loop for many threads: begun once, ended while it works, forked, forgotten, left open; real threads and forks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nexiom_sdk import SyncStudio, VideoRequest
from nexiom_sdk.background_loop import BackgroundLoop
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.testing import FakeProvider
from test_sync import QUICK, studio_at

THREADS = 16
LONG_SECONDS = 30.0
FORKED = "This SyncStudio was used before the process forked, and its connections are the parent's."


async def _nothing() -> None:
    pass


def _threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "nexiom_sdk"]


def test_threads_that_come_first_at_the_same_moment_share_one_loop(tmp_path: Path) -> None:
    before = set(_threads())
    fake = FakeProvider("acme", models=QUICK)
    for _ in range(THREADS):
        fake.hang()
    all_there = threading.Barrier(THREADS)

    def submit(number: int) -> str:
        all_there.wait(LONG_SECONDS)
        return studio.submit(VideoRequest(prompt=f"fox {number}")).id

    switch_seconds = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with studio_at(tmp_path, fake) as studio, ThreadPoolExecutor(THREADS) as threads:
            ids = list(threads.map(submit, range(THREADS), timeout=LONG_SECONDS))
            assert len({*_threads()} - before) == 1
            assert {job.id for job in studio.jobs()} == {*ids}
    finally:
        sys.setswitchinterval(switch_seconds)
    assert len(fake.submissions) == len(set(ids)) == THREADS
    assert {*_threads()} == before


def test_a_verb_that_is_running_when_the_studio_is_closed_ends_with_an_error_that_says_so(tmp_path: Path) -> None:
    fake = FakeProvider("acme").hang()
    studio = studio_at(tmp_path, fake)
    job = studio.submit(VideoRequest(prompt="a fox"))
    looked = threading.Event()

    def watch() -> None:
        for _ in studio.watch(job.id):
            looked.set()

    with ThreadPoolExecutor(1) as threads:
        watching = threads.submit(watch)
        assert looked.wait(LONG_SECONDS)
        studio.close()
        with pytest.raises(NexiomError, match=r"closed while the call was running|is closed") as caught:
            watching.result(LONG_SECONDS)
    assert type(caught.value) is NexiomError
    with studio_at(tmp_path, fake) as later:
        assert later.get(job.id).provider_job_id == job.provider_job_id


def test_every_call_in_progress_ends_when_the_loop_is_closed_and_its_own_end_is_waited_for() -> None:
    story: list[str] = []
    under_way = threading.Semaphore(0)

    async def close() -> None:
        story.append("closed")

    async def work() -> None:
        under_way.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # what was bought is still written down
            story.append("written down")
            raise

    loop = BackgroundLoop("Thing", close)
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(loop.run, work()) for _ in range(3)]
        assert all(under_way.acquire(timeout=LONG_SECONDS) for _ in calls)
        loop.close()
        errors = [one.exception(LONG_SECONDS) for one in calls]
    assert story == ["written down"] * 3 + ["closed"]
    for error in errors:
        assert isinstance(error, NexiomError)
        assert str(error).startswith("This Thing was closed while the call was running. A job that was ordered goes on")


def test_a_call_that_was_done_in_time_gives_its_result_though_the_loop_is_closed_at_that_moment() -> None:
    under_way = threading.Event()

    async def work() -> str:
        under_way.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "the order's answer"
        return ""

    loop = BackgroundLoop("Thing", _nothing)
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(loop.run, work())
        assert under_way.wait(LONG_SECONDS)
        loop.close()
        assert call.result(LONG_SECONDS) == "the order's answer"


def test_a_generator_that_nobody_reads_on_ends_after_the_tasks_that_may_be_in_the_midst_of_one() -> None:
    story: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def close() -> None:
        await asyncio.wait(tasks)
        story.append("closed")

    async def rows() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            story.append("left")

    @contextlib.asynccontextmanager
    async def held() -> AsyncGenerator[None, None]:
        yield

    async def step() -> None:
        async with held():
            for _ in range(10):
                await asyncio.sleep(0)
        story.append("ended")

    async def first() -> int:
        tasks.append(asyncio.create_task(step()))
        return await anext(reading)

    loop, reading = BackgroundLoop("Thing", close), rows()
    assert loop.run(first()) == 1
    loop.close()
    assert story == ["ended", "closed", "left"]


def test_threads_that_call_and_close_in_any_order_all_come_back() -> None:
    for _ in range(50):
        loop = BackgroundLoop("Thing", _nothing)
        all_there = threading.Barrier(5)

        def call(number: int, loop: BackgroundLoop = loop, all_there: threading.Barrier = all_there) -> str:
            all_there.wait(LONG_SECONDS)
            if number == 0:
                loop.close()
                return "closed"
            try:
                loop.run(asyncio.sleep(0))
            except NexiomError as error:
                return error.message
            return "done"

        with ThreadPoolExecutor(5) as threads:
            said = set(threads.map(call, range(5), timeout=LONG_SECONDS))
        known = {"closed", "done", "This Thing is closed.", "This Thing was closed while the call was running."}
        assert said <= known
    assert not [one for one in _threads() if one.is_alive()]


def test_an_error_while_closing_is_told_and_the_thread_ends_all_the_same() -> None:
    before = set(_threads())

    async def close() -> None:
        raise NexiomError("The database went away.")

    loop = BackgroundLoop("Thing", close)
    loop.run(_nothing())
    with pytest.raises(NexiomError, match="went away"):
        loop.close()
    assert {*_threads()} == before
    loop.close()


def test_a_studio_that_nobody_holds_any_more_ends_its_thread(tmp_path: Path) -> None:
    before = set(_threads())
    studio = studio_at(tmp_path, FakeProvider("acme").hang())
    studio.submit(VideoRequest(prompt="a fox"))
    [thread] = {*_threads()} - before
    del studio
    gc.collect()
    thread.join(LONG_SECONDS)
    assert not thread.is_alive()


def test_a_studio_that_was_never_used_has_no_thread(tmp_path: Path) -> None:
    before = set(_threads())
    with SyncStudio() as studio:
        assert studio.settings.home is not None
    assert {*_threads()} == before


_BEGIN = """
import os, signal, sys, threading
from pathlib import Path
sys.path.insert(0, {tests!r})
from nexiom_sdk import SyncStudio, VideoRequest
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.testing import FakeProvider
from test_sync import QUICK, studio_at

home = Path({home!r})

def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a call that hangs ends by this
        work()
        sys.stdout.flush()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with {{status}}"
"""


def _run(home: Path, story: str) -> subprocess.CompletedProcess[str]:
    begin = _BEGIN.format(tests=str(Path(__file__).parent), home=str(home))
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", begin + story], capture_output=True, text=True, timeout=50, check=False
    )


def test_a_studio_that_was_used_before_a_fork_says_in_the_child_what_to_do(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        """
studio = studio_at(home, FakeProvider("acme").hang())
studio.submit(VideoRequest(prompt="a fox"))

def child():
    try:
        studio.jobs()
    except NexiomError as error:
        print(error)
    studio.close()
    with studio_at(home, FakeProvider("acme")) as own:
        print(len(own.jobs()), "in the child")

in_child(child)
print(len(studio.jobs()), "in the parent")
studio.close()
""",
    )
    assert done.stdout.splitlines() == [
        f"{FORKED} Make a new one in each process, after the fork.",
        "1 in the child",
        "1 in the parent",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_studio_that_was_made_before_a_fork_and_not_used_works_on_both_sides(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        """
studio = studio_at(home, FakeProvider("acme").hang())

def child():
    studio.submit(VideoRequest(prompt="a fox"))
    studio.close()

in_child(child)
print([job.prompt for job in studio.jobs()])
studio.close()
""",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "['a fox']\n", "")


def test_a_fork_while_other_threads_are_about_to_use_it_hangs_in_no_child(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        """
studio = studio_at(home, FakeProvider("acme"))
lock, held, go_on = studio._background._lock, threading.Event(), threading.Event()

def begin():
    studio._background._is_of_another_process()  # as far as a thread gets before it has the loop
    with lock:
        held.set()
        go_on.wait(20)
    studio.jobs()

thread = threading.Thread(target=begin)
thread.start()
held.wait(20)

def child():
    try:
        studio.jobs()
    except NexiomError as error:
        print(error.next_step)
    studio.close()

in_child(child)
go_on.set()
thread.join()
studio.close()
""",
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "Make a new one in each process, after the fork.\n",
        "",
    )


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "raise SystemExit(3)"])
def test_a_studio_that_was_never_closed_ends_quietly_with_the_interpreter(tmp_path: Path, ending: str) -> None:
    done = _run(
        tmp_path,
        f"""
studio = studio_at(home, FakeProvider("acme").hang())
studio.submit(VideoRequest(prompt="a fox"))

async def background():
    import asyncio
    studio._task = asyncio.create_task(asyncio.Event().wait())  # as the pool of a database has some

studio._run(background())
print("done", flush=True)
{ending}
""",
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert done.returncode == (3 if ending else 0)


def test_a_verb_in_a_daemon_thread_does_not_keep_the_interpreter_from_ending(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        """
studio = studio_at(home, FakeProvider("acme").hang())
job = studio.submit(VideoRequest(prompt="a fox"))
looked = threading.Event()

def watch():
    try:
        for _ in studio.watch(job.id):
            looked.set()
    except NexiomError:
        pass

threading.Thread(target=watch, daemon=True).start()
looked.wait(20)
print("done", flush=True)
""",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
