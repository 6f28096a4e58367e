"""The command `nexiom`: the same verbs as the library, for people and for scripts.

`app` declares the commands, `verbs` does them with a studio, `session` surrounds each with settings and signals, and
everything that is said goes through an `Output`: `Terminal` for people, `JsonLines` for scripts.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_USAGE = 2


def main() -> None:
    """Run the command with this process's arguments, and exit with its code."""
    if find_spec("typer") is None or find_spec("rich") is None:
        sys.stderr.write('The command needs two more packages: pip install "nexiom_sdk[cli,media]"\n')
        sys.exit(_USAGE)
    from nexiom_sdk.cli.app import run

    sys.exit(run(sys.argv[1:]))
