"""Where an error came from that nobody expected, in words that can be reported: it gives no text and no value of it."""

from __future__ import annotations

import traceback
from pathlib import Path

from nexiom_sdk import plugins
from nexiom_sdk.errors import PluginError

REPORT = "Report it to the authors of nexiom_sdk, with the place named; jobs of other providers go on."
_OURS = "nexiom_sdk"


def place_of(error: BaseException) -> str:
    """The file and the line in which an error was raised, to be put behind a word; empty where that is unknown.

    Example:
        >>> place_of(ValueError("never raised"))
        ''
    """
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    # Python's own import machinery is in no file, and says less than who imports.
    at = next((frame for frame in reversed(frames) if not frame.filename.startswith("<")), None)
    return f" ({Path(at.filename).name}, line {at.lineno})" if at else ""


def next_step(provider: str) -> str:
    """Who is to be told of a defect: a provider that comes with this library is no plug-in of somebody else.

    Args:
        provider: Its name.

    Example:
        >>> next_step("local") == REPORT, next_step("acme") == PluginError.default_next_step
        (True, True)
    """
    brought = plugins.discover("nexiom_sdk.providers").get(provider, ())
    ours = brought and all(one.distribution == _OURS for one in brought)
    return REPORT if ours else PluginError.default_next_step
