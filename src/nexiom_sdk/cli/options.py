"""The options that commands share, as annotations; values are judged by the library, which knows the nearest match."""

from __future__ import annotations

import os
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from nexiom_sdk.cli.output import Output


def examples(*commands: str) -> str:
    """Commands as the last lines of a help page."""
    return "\n\n".join(("Examples:", *(f"  {command}" for command in commands)))


def _dollars(text: str) -> Decimal:
    try:
        return Decimal(text.removeprefix("$"))
    except InvalidOperation:
        msg = f"'{text}' is not an amount in dollars."
        raise typer.BadParameter(msg) from None


Prompt: TypeAlias = Annotated[str, typer.Argument(help="What the video shows.", show_default=False)]
JobId: TypeAlias = Annotated[str, typer.Argument(help="The job's id.", metavar="JOB", show_default=False)]
Tier: TypeAlias = Annotated[str | None, typer.Option(help="standard, cinematic or ultra_realistic.")]
Duration: TypeAlias = Annotated[float | None, typer.Option(metavar="SECONDS", help="Length of the clip.")]
Resolution: TypeAlias = Annotated[str | None, typer.Option(help="Short side of the picture, such as 720p.")]
AspectRatio: TypeAlias = Annotated[str | None, typer.Option(help="Width to height, such as 16:9.")]
Reference: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help="A picture to begin with.")]
Provider: TypeAlias = Annotated[str | None, typer.Option(help="Use this provider and no other.")]
Model: TypeAlias = Annotated[str | None, typer.Option(help="Use this model and no other.")]
Audio: TypeAlias = Annotated[bool | None, typer.Option("--audio/--no-audio", help="With sound, or silent.")]
Seed: TypeAlias = Annotated[int | None, typer.Option(help="For models that repeat themselves on demand.")]
NegativePrompt: TypeAlias = Annotated[str | None, typer.Option(help="What must not appear.")]
MaxCost: TypeAlias = Annotated[
    Decimal | None, typer.Option(parser=_dollars, metavar="USD", help="Refuse if it would cost more.")
]
Nearest: TypeAlias = Annotated[
    bool, typer.Option("--nearest", help="Take the nearest value a model offers instead of refusing.")
]
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


def roots_of(reference: Path | None) -> dict[str, object]:
    """Settings by which the reference may be read: files of the folder it is named in, not what its links lead to."""
    return {} if reference is None else {"media_roots": (Path(os.path.abspath(reference)).parent,)}  # noqa: PTH100
