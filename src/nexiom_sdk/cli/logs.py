"""The log of a command, on standard error: lines for people, or JSON Lines for machines that collect them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from nexiom_sdk.cli.output import json_line
from nexiom_sdk.errors import ConfigurationError, NexiomError
from nexiom_sdk.redaction import redact
from nexiom_sdk.wording import unknown

_LEVELS = ("debug", "info", "warning", "error")
_EVENT_LOOP = "asyncio"  # what it complains of must not stand between our lines in another form


def log_to_standard_error(level: str | None, *, as_json: bool) -> None:
    """Set the log up; the only place that does.

    Args:
        level: From which level on; None: no log.
        as_json: One JSON object a line instead of text.

    Raises:
        ConfigurationError: There is no such level.
    """
    logger = logging.getLogger("nexiom_sdk")
    logger.handlers.clear()
    if level is None:
        logger.addHandler(logging.NullHandler())  # without any handler, Python prints warnings by itself
        return
    if level.lower() not in _LEVELS:
        msg = f"NEXIOM_LOG is set to something impossible: {unknown('log level', level, _LEVELS)}"
        raise ConfigurationError(msg, next_step="Correct or unset NEXIOM_LOG.")
    handler = _ToStandardError()
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    if as_json:
        logging.getLogger(_EVENT_LOOP).handlers[:] = [handler]


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON: at, level, logger, message, and action, job_id, error where there are such.

    Of an exception that is not ours it tells the class and the place, never the text: nobody knows what a stranger puts
    into it. For the same reason only the first line of what Python itself logs is kept.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, JsonValue] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()).partition("\n")[0],
        }
        event: Mapping[str, object] = getattr(record, "nexiom", None) or {}  # as `logging_sink` leaves it
        for name in ("action", "job_id"):
            value: object = getattr(record, name, None) or event.get(name)
            if isinstance(value, str):
                fields[name] = value
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            fields["error"] = _told(error)
        return json_line(fields)


class _ToStandardError(logging.Handler):
    """Looks `sys.stderr` up each time, because the live line puts its own in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def _told(error: BaseException) -> dict[str, JsonValue]:
    fields: dict[str, JsonValue] = {"class": type(error).__name__}
    if isinstance(error, NexiomError):
        fields["message"] = redact(error.message)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None:
        code = trace.tb_frame.f_code
        fields["where"] = f"{trace.tb_frame.f_globals.get('__name__')}.{code.co_qualname}:{trace.tb_lineno}"
    if error.__cause__ is not None:
        fields["cause"] = type(error.__cause__).__name__
    return fields
