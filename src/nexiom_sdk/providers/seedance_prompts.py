"""Settings that hide in a prompt: Seedance reads `--resolution 720p` and the like in the text, whoever wrote it there.

Such a flag would change what is made and what it costs behind the back of the request, and is hardly checked. BytePlus'
page about orders says that all models read them.
"""

from __future__ import annotations

import re

_NAMES = ("resolution", "ratio", "duration", "frames", "fps", "framespersecond", "seed", "camerafixed", "camera_fixed",
          "watermark", "rs", "rt", "dur", "wm", "cf")  # fmt: skip
_VALUE = r"(?:-?\d[\w:.]*|true\b|false\b|adaptive\b|keep_ratio\b)"
_FLAG = rf"--+({'|'.join(_NAMES)})(?![a-z_])(?:[\s=:]*{_VALUE})?"
_ONE = re.compile(_FLAG, re.IGNORECASE)
_RUN = re.compile(rf"(?:[ \t]*{_FLAG})+[ \t]*", re.IGNORECASE)


def without_flags(prompt: str) -> tuple[str, tuple[str, ...]]:
    """The prompt without what Seedance would read as a setting, and the names that were taken out.

    Example:
        >>> without_flags("a fox -- in snow --rs 1080p --wm true")
        ('a fox -- in snow', ('--rs', '--wm'))
        >>> without_flags("a fox")
        ('a fox', ())
    """
    taken = dict.fromkeys(f"--{found[1].lower()}" for found in _ONE.finditer(prompt))
    return (_RUN.sub(" ", prompt).strip() if taken else prompt), tuple(taken)
