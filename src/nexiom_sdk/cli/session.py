"""What surrounds every verb: settings, a studio, Ctrl-C, logging, and the endings that are not results."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from nexiom_sdk.cli.exits import INTERRUPTED, Interrupted, Problem
from nexiom_sdk.cli.logs import log_to_standard_error
from nexiom_sdk.cli.options import lexical
from nexiom_sdk.cli.output import JsonLines, Output
from nexiom_sdk.config import Settings
from nexiom_sdk.events import Sink, logging_sink
from nexiom_sdk.studio import Studio

_PATIENCE_SECONDS = 1.0
_LEFT_AT_ONCE = Problem(
    code="interrupted",
    message="Left at once; what was on its way is settled by whoever goes on, as after a crash.",
    exit_code=INTERRUPTED,
)


@dataclass(kw_only=True)
class Session:
    """One run of the command.

    Args:
        studio: Does the work.
        output: Where the command speaks.
        program: How the command was called, with the options that find the same jobs again.
        stop: Called on the first Ctrl-C.
        job_id: The job at hand, once there is one.
        resume: Words after `nexiom jobs watch ID` that ask for the same again.
        warnings: What is odd about the settings; it was said already.
    """

    studio: Studio
    output: Output
    program: tuple[str, ...]
    stop: Callable[[], object]
    job_id: str | None = None
    resume: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def command(self, *words: str) -> str:
        """A command line to copy."""
        return shlex.join((*self.program, *words))

    def watch_command(self, job_id: str) -> str:
        """The command line that goes on with a job."""
        return self.command("jobs", "watch", job_id, *self.resume)


Verb = Callable[[Session], Awaitable[None]]


def run_in_session(
    verb: Verb,
    *,
    output: Output,
    home: Path | None = None,
    reference: Path | None = None,
    log_by_default: str | None = None,
    sinks: tuple[Sink, ...] = (logging_sink,),
) -> None:
    """Do a verb with a studio that is set up by the environment.

    Args:
        verb: What to do.
        output: Where to speak.
        home: Instead of NEXIOM_HOME.
        reference: A file that may be read, with its neighbours; links that lead elsewhere are refused.
        log_by_default: Level of the log where NEXIOM_LOG does not say; None: no log.
        sinks: Who is told what the studio does.

    Raises:
        Interrupted: Ctrl-C, or the process was told to end.
        NexiomError: What the verb raises.
    """
    program = ("nexiom",) if home is None else ("nexiom", "--home", str(home))
    fields = {"home": home} if home else {}
    roots = {"media_roots": (lexical(reference).parent,)} if reference else {}
    settings = Settings.from_env(None, **fields, **roots)
    warnings = tuple(settings.misspelt())
    log_to_standard_error(settings.log_level or log_by_default, as_json=isinstance(output, JsonLines))

    async def main() -> None:
        async with Studio(settings=settings, sinks=sinks) as studio:
            session = Session(
                studio=studio, output=output, program=program, stop=_cancel_of_this_task(), warnings=warnings
            )
            for warning in warnings:
                output.notice(warning)
            with _stoppable(session):
                try:
                    await verb(session)
                except asyncio.CancelledError:
                    raise Interrupted(_interruption(session)) from None

    asyncio.run(main())


def _cancel_of_this_task() -> Callable[[], object]:
    task = asyncio.current_task()
    return task.cancel if task else lambda: None


@contextlib.contextmanager
def _stoppable(session: Session) -> Generator[None]:
    """The first signal asks for a clean end, the second one does not wait for it: rows are safe at any moment."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def say_why_it_takes_long() -> None:
        session.output.notice("Finishing what runs, so that nothing is paid twice; Ctrl-C again leaves at once.")

    def leave() -> None:
        try:
            session.output.problem(_LEFT_AT_ONCE)
        finally:  # whether or not anybody could be told
            os._exit(INTERRUPTED)

    def ask() -> None:
        session.output.settle()
        for one in signals:
            loop.add_signal_handler(one, leave)
        loop.call_later(_PATIENCE_SECONDS, say_why_it_takes_long)
        session.stop()

    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
        for one in signals:
            loop.add_signal_handler(one, ask)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for one in signals:
                loop.remove_signal_handler(one)


def _interruption(session: Session) -> Problem:
    if session.job_id is None:
        return Problem(code="interrupted", message="Stopped before anything was ordered.", exit_code=INTERRUPTED)
    return Problem(
        code="interrupted",
        message="Stopped watching; the job stays alive.",
        next_step=session.watch_command(session.job_id),
        job_id=session.job_id,
        exit_code=INTERRUPTED,
    )
