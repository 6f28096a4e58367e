"""A command line that cannot be understood, as a problem that points to the help of its own command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import typer

from nexiom_sdk.cli.exits import USAGE, Problem


def usage_problem(error: typer.TyperException, arguments: Sequence[str], app: typer.Typer) -> Problem:
    """The problem.

    Args:
        error: What is wrong.
        arguments: The command line.
        app: The commands; an option without its value does not know whose it is, so they are looked up.
    """
    context: object = getattr(error, "ctx", None)
    known: object = getattr(context, "command_path", None)
    command = known if isinstance(known, str) else " ".join(("nexiom", *_named(arguments, app)))
    return Problem(code="usage", message=error.format_message(), next_step=f"{command} --help", exit_code=USAGE)


def _named(arguments: Sequence[str], app: typer.Typer) -> Iterator[str]:
    """The words of a command line that name a command."""
    commands = _commands(typer.main.get_command(app))
    for word in arguments:
        if word in commands:
            yield word
            commands = _commands(commands[word])
        elif not word.startswith("-"):
            return


def _commands(command: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", getattr(command, "commands", {}))
