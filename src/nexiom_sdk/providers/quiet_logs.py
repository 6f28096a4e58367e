"""The debug lines of the HTTP transport, kept out of logs while we use it: they show headers, and so keys."""

from __future__ import annotations

import contextvars
import logging

_ours: contextvars.ContextVar[bool] = contextvars.ContextVar("nexiom_sdk_http", default=False)


def hush() -> None:
    """Let `Quietly` decide what httpcore logs; needed once before its first use."""
    for name in ("httpcore.connection", "httpcore.http11"):
        logging.getLogger(name).addFilter(_not_ours)  # the same filter is not added twice


class Quietly:
    """Drops the debug lines that httpcore writes meanwhile; those of a program that uses it beside us stay.

    A class, and no generator with `contextmanager`: it is entered for each chunk of a video, and so takes a quarter of
    the time.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _ours.set(True)

    def __exit__(self, *_: object) -> None:
        _ours.reset(self._token)


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _ours.get()
