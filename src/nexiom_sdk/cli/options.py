"""The options that commands share, as annotations; values are judged by the library, which knows the nearest match."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from nexiom_sdk.cli.output import Output


def examples(*commands: str) -> str:
    """Commands as the last lines of a help page."""
    return as_written("Examples:", *(f"  {command}" for command in commands))


def as_written(*lines: str) -> str:
    """Lines of a help page that are not to be wrapped."""
    return "\n".join(("\b", *lines))


def dollars(text: str) -> Decimal:
    """An amount in dollars, as an option has it.

    Raises:
        BadParameter: It is none.
    """
    try:
        return Decimal(text.removeprefix("$"))
    except InvalidOperation:
        msg = f"'{text}' is not an amount in dollars."
        raise typer.BadParameter(msg) from None


def length(text: str) -> float:
    """A length in seconds, as an option has it.

    Raises:
        BadParameter: It is none; a unit after the number is named.
    """
    try:
        return float(text)
    except ValueError:
        number = re.match(r"\s*(\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?\.?\s*$", text, re.IGNORECASE)
        hint = f": write {number[1]}." if number else ", such as 8."
        raise typer.BadParameter(f"'{text}' is not a number of seconds{hint}") from None


JobId: TypeAlias = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
OutputFile: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Copy the finished video here.")
]
Timeout: TypeAlias = Annotated[
    float | None, typer.Option(metavar="SECONDS", min=0, help="Wait no longer; the job goes on.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="JSON Lines on standard output, and nothing else.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Say only results and problems.")]


def output_for(*, json: bool, quiet: bool = False) -> Output:
    """Where a command speaks."""
    if json:
        from nexiom_sdk.cli.output import JsonLines

        return JsonLines()
    from nexiom_sdk.cli.terminal import Terminal

    return Terminal(quiet=quiet)


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether a command line wants JSON, even one that cannot be understood otherwise."""
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else None]


def lexical(path: Path) -> Path:
    """The absolute path as it is written: `..` is taken out, links are not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`, Path.resolve follows links
