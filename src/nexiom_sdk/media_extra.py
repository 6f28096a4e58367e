"""The extra `media`, which is PyAV and Pillow: whether it is there, and how it is loaded.

The modules of PyAV import each other in a circle. Python's own locks do not hold for a circle: threads that import it
for the first time at the same moment get halves of it. So it is loaded here, once and under one lock.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading

from nexiom_sdk.errors import ConfigurationError

INSTALL = 'Run pip install "nexiom_sdk[media]"'

_PYAV = ("av", "av.error", "av.filter", "av.subtitles.stream")  # the last one is imported by the first container
_PILLOW = (
    "PIL.Image",
    "PIL.ImageChops",
    "PIL.ImageDraw",
    "PIL.ImageFont",
    "PIL.ImageOps",
    "PIL.features",
)
_one_at_a_time = threading.Lock()


def installed() -> bool:
    """Whether both are there; nothing is imported, so they may still be broken."""
    return all(importlib.util.find_spec(name) is not None for name in ("av", "PIL"))


def load() -> None:
    """Load both whole; every thread calls this before it imports a name of them.

    Raises:
        ImportError: One of them is not there, or broken.
    """
    with _one_at_a_time:
        _import(*_PYAV)
        _load_pillow()


def load_pillow() -> None:
    """Load Pillow whole, for those who need no video.

    Raises:
        ImportError: It is not there, or broken.
    """
    with _one_at_a_time:
        _load_pillow()


def missing() -> ConfigurationError:
    """What to say to whoever wants a preview and has no extra."""
    msg = 'A preview needs PyAV and Pillow, and they cannot be loaded: pip install "nexiom_sdk[media]" brings them.'
    return ConfigurationError(msg, next_step=f"{INSTALL}.")


def _load_pillow() -> None:
    _import(*_PILLOW)
    from PIL import Image

    Image.init()  # its list of kinds of files grows by imports, too


def _import(*names: str) -> None:
    for name in names:
        importlib.import_module(name)
