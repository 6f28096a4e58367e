"""The command as a person or a script calls it: in this process, or as a process of its own."""

from __future__ import annotations

import json
import logging
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import JsonValue

from nexiom_sdk.cli.app import run

PLUGIN = Path(__file__).parent / "cli_plugin"
LONGEST_WAIT_SECONDS = 60
KEYS = ("OPENROUTER_API_KEY", "RUNWAYML_API_SECRET", "GOOGLE_API_KEY", "KLINGAI_API_KEY", "LUMA_API_KEY")


@dataclass(frozen=True)
class Said:
    """What one run of the command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, JsonValue]]:
        """Standard output as JSON Lines; fails where a line is anything else."""
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """Runs `nexiom` in this process, in a home of its own."""

    def __init__(self, home: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str, script: str | None = None) -> Said:
        if script is not None:
            self._patch.setenv("WIRED_SCRIPT", script)
        code = run(arguments)
        out, err = self._capture.readouterr()
        return Said(code, out, err)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.delenv("NEXIOM_LOG", raising=False)
    monkeypatch.setenv("NEXIOM_HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.chdir(tmp_path)
    loggers = [logging.getLogger(name) for name in ("nexiom_sdk", "asyncio")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield Command(tmp_path / "home", capsys, monkeypatch)
    for logger, handlers, level in before:  # the command sets up the log of its process, which others share here
        logger.handlers[:] = handlers
        logger.setLevel(level)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Variables of a process of its own: no keys, the plug-in installed."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_TOKEN", "_SECRET"))}
    path = os.pathsep.join(filter(None, (str(PLUGIN), os.environ.get("PYTHONPATH"))))
    return {**kept, "NEXIOM_HOME": str(home), "PYTHONPATH": path, "NEXIOM_LOG": "", **more}


def nexiom(
    home: Path, *arguments: str, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run `nexiom` as a process of its own."""
    command = [sys.executable, "-m", "nexiom_sdk", *arguments]
    env = environment(home, **variables)
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, timeout=LONGEST_WAIT_SECONDS, check=False)


class Process:
    """`nexiom` running in a process group of its own, its words read as they come.

    Args:
        home: NEXIOM_HOME.
        arguments: The command line.
        variables: More of the environment.
        terminal: A pair of descriptors, where standard error is to be a terminal.
    """

    def __init__(
        self,
        home: Path,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        terminal: tuple[int, int] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nexiom_sdk", *arguments],
            env=environment(home, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal[1] if terminal else subprocess.PIPE,
            start_new_session=True,
        )
        self._source = terminal[0] if terminal else self._pipe(self.process.stderr)
        self.err = ""
        if terminal:
            os.close(terminal[1])

    def until(self, text: str) -> None:
        """Read standard error until it says this."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._source, selectors.EVENT_READ)
            deadline = time.monotonic() + LONGEST_WAIT_SECONDS
            while text not in self.err:
                assert ready.select(max(deadline - time.monotonic(), 0)), f"never said {text!r}: {self.err}"
                read = self._read()
                assert read, f"ended without {text!r}: {self.err}"

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, as Ctrl-C does."""
        os.killpg(self.process.pid, number)

    def end(self) -> Said:
        """Wait for its end."""
        while self._read():
            pass
        out = b"" if self.process.stdout is None else self.process.stdout.read()
        code = self.process.wait(timeout=LONGEST_WAIT_SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return Said(code, out.decode(), self.err)

    def _read(self) -> bytes:
        try:
            read = os.read(self._source, 65_536)
        except OSError:  # how a terminal says that its other side is closed
            return b""
        self.err += read.decode(errors="replace")
        return read

    @staticmethod
    def _pipe(pipe: object) -> int:
        number = getattr(pipe, "fileno", lambda: -1)()
        assert isinstance(number, int)
        return number
