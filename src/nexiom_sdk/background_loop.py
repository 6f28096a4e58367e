"""One event loop in a thread of its own, for code that is not async: started once, shared by threads, ended cleanly."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import TypeVar

from nexiom_sdk.errors import NexiomError

T = TypeVar("T")

_log = logging.getLogger(__name__)

EXIT_SECONDS = 10.0  # an order that is on its way when the interpreter ends gets so long for its answer


class BackgroundLoop:
    """Runs coroutines for any number of threads and blocks each until its own has ended; it does not retry.

    The thread is a daemon. It ends with `close`, when nobody holds this object any more, and at the exit of the
    interpreter: each time what still runs is cancelled, then what it used is closed.

    Args:
        title: What errors call its owner.
        close: Closes what the coroutines use; called once, in the loop, after the last of them.
    """

    def __init__(self, title: str, close: Callable[[], Coroutine[None, None, None]]) -> None:
        self._title = title
        self._close = close
        self._lock = threading.RLock()  # a signal handler may close it in the midst of a call
        self._process: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._running: set[asyncio.Task[object]] = set()
        self._abandoned: weakref.finalize[..., BackgroundLoop] | None = None
        self._closed = False

    def run(self, work: Coroutine[None, None, T]) -> T:
        """What the coroutine returns. Ctrl-C ends it as well as the call.

        Args:
            work: The coroutine; it is closed where it cannot be run.

        Raises:
            NexiomError: It was closed before or meanwhile, belongs to the process that this one was forked from, or is
                called by its own loop.
        """
        try:
            future = self._begun(work)
        except NexiomError:
            work.close()
            raise
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            if not self._closed:
                raise
            msg = f"This {self._title} was closed while the call was running."
            hint = "A job that was ordered goes on: look at it with a new one before you order again."
            raise NexiomError(msg, next_step=hint) from None
        except BaseException:  # Ctrl-C reaches this thread, not the loop's: end the work there too
            future.cancel()
            raise

    def close(self) -> None:
        """End what runs, close what it used, and end the thread; in a forked process it touches nothing.

        Raises:
            NexiomError: It is called by its own loop.
        """
        ending = self._end()
        if ending is None or self._thread is None:
            return
        try:
            ending.result()
        except BaseException:
            ending.cancel()
            raise
        finally:
            self._thread.join()

    def close_at_exit(self) -> None:
        """As `close`, for a limited time and without errors: nobody is left to do anything about them."""
        ending = self._end()
        if ending is None or self._thread is None:
            return
        try:
            ending.result(EXIT_SECONDS)
        except Exception as error:  # noqa: BLE001 - much of the interpreter has ended already
            _log.debug("the end was not clean", exc_info=error)
        self._thread.join(EXIT_SECONDS)

    def _begun(self, work: Coroutine[None, None, T]) -> concurrent.futures.Future[T]:
        if self._is_of_another_process():
            msg = f"This {self._title} was used before the process forked, and its connections are the parent's."
            raise NexiomError(msg, next_step="Make a new one in each process, after the fork.")
        with self._lock:
            if self._closed:
                msg = f"This {self._title} is closed."
                raise NexiomError(msg, next_step="Make a new one.")
            loop = self._started()
            return asyncio.run_coroutine_threadsafe(_noted(work, self._running), loop)

    def _end(self) -> concurrent.futures.Future[None] | None:
        """Begin to end it; None where there is nothing to end."""
        if self._is_of_another_process():
            return None
        with self._lock:
            if self._closed:
                return None
            loop = None if self._loop is None else self._started()
            self._closed = True
            if self._abandoned is not None:
                self._abandoned.detach()
            return None if loop is None else _ending(loop, self._running, self._close)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="nexiom_sdk", daemon=True)
            self._thread.start()
            self._abandoned = weakref.finalize(self, _left, os.getpid(), self._loop, self._running, self._close)
            self._abandoned.atexit = False  # `close_at_exit` also waits
            _living.add(self)
        elif threading.current_thread() is self._thread:
            msg = f"A {self._title} cannot be used from its own event loop."
            raise NexiomError(msg, next_step="Use Studio and await there.")
        return self._loop

    def _is_of_another_process(self) -> bool:
        """Whether it was used before a fork: its thread is not here, and its lock may be held by nobody for ever."""
        if self._process is None:
            self._process = os.getpid()
        return self._process != os.getpid()


_living: weakref.WeakSet[BackgroundLoop] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for one in tuple(_living):
        one.close_at_exit()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _noted(work: Coroutine[None, None, T], running: set[asyncio.Task[object]]) -> T:
    """The work, as one of what runs."""
    task = asyncio.current_task()
    if task is None:  # pragma: no cover - a coroutine of a loop is always in a task
        return await work
    running.add(task)
    try:
        return await work
    finally:
        running.discard(task)


def _left(
    process: int,
    loop: asyncio.AbstractEventLoop,
    running: set[asyncio.Task[object]],
    close: Callable[[], Coroutine[None, None, None]],
) -> None:
    """Nobody holds it any more. The collector may call this in any thread, at any moment, so nothing is waited for."""
    if os.getpid() == process and not loop.is_closed():
        _ending(loop, running, close)


def _ending(
    loop: asyncio.AbstractEventLoop,
    running: set[asyncio.Task[object]],
    close: Callable[[], Coroutine[None, None, None]],
) -> concurrent.futures.Future[None]:
    ending = asyncio.run_coroutine_threadsafe(_ended(running, close), loop)
    ending.add_done_callback(lambda _: loop.call_soon_threadsafe(loop.stop))
    return ending


async def _ended(running: set[asyncio.Task[object]], close: Callable[[], Coroutine[None, None, None]]) -> None:
    """Cancel what runs, wait for it to end, close what it used, and leave no task behind.

    An order that was sent is not cut short by that: its answer is written down first. Generators come last: one that
    is closed under a task that still runs breaks that task.
    """
    this, loop = asyncio.current_task(), asyncio.get_running_loop()
    try:
        await _stopped(running)
        await close()
    finally:
        await _stopped({task for task in asyncio.all_tasks() if task is not this})
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()


async def _stopped(tasks: set[asyncio.Task[object]]) -> None:
    stopping = tuple(tasks)
    for task in stopping:
        task.cancel()
    await asyncio.gather(*stopping, return_exceptions=True)
