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
    from nexiom_sdk.types import VideoRequest


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


Prompt: TypeAlias = Annotated[str, typer.Argument(metavar="PROMPT", help="What the video shows.")]
JobId: TypeAlias = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
Tier: TypeAlias = Annotated[str | None, typer.Option(metavar="TIER", help="standard, cinematic or ultra_realistic.")]
Duration: TypeAlias = Annotated[
    float | None, typer.Option(parser=length, metavar="SECONDS", help="Length of the clip.")
]
Resolution: TypeAlias = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Short side of the picture, such as 720p.")
]
AspectRatio: TypeAlias = Annotated[str | None, typer.Option(metavar="W:H", help="Width to height, such as 16:9.")]
Reference: TypeAlias = Annotated[
    str | None, typer.Option(metavar="FILE", help="A picture to begin with: a file, an https or a gs:// address.")
]
Fit: TypeAlias = Annotated[
    bool, typer.Option("--fit", help="Crop, scale and convert the reference picture if the model needs that.")
]
Provider: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="Use this provider and no other.")]
Model: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="Use this model and no other.")]
Audio: TypeAlias = Annotated[bool | None, typer.Option("--audio/--no-audio", help="With sound, or silent.")]
Seed: TypeAlias = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="For models that repeat themselves on demand.")
]
NegativePrompt: TypeAlias = Annotated[str | None, typer.Option(metavar="TEXT", help="What must not appear.")]
MaxCost: TypeAlias = Annotated[
    Decimal | None, typer.Option(parser=dollars, metavar="USD", help="Refuse if it would cost more.")
]
Nearest: TypeAlias = Annotated[
    bool, typer.Option("--nearest", help="Take the nearest value a model offers instead of refusing.")
]
User: TypeAlias = Annotated[str | None, typer.Option(metavar="USER", help="Whose job it is, for roles and budgets.")]
Role: TypeAlias = Annotated[
    str | None, typer.Option(metavar="ROLE", help="The user's role, instead of the one that the policy gives.")
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


def request_of(
    prompt: str,
    *,
    tier: str | None,
    duration: float | None,
    resolution: str | None,
    aspect_ratio: str | None,
    reference: str | None,
    fit: bool,
    provider: str | None,
    model: str | None,
    audio: bool | None,
    seed: int | None,
    negative_prompt: str | None,
    max_cost: Decimal | None,
    nearest: bool,
) -> VideoRequest:
    """The request that the options of `generate` and `estimate` make.

    Raises:
        InvalidInput: A value is impossible; the message has the nearest one.
    """
    from nexiom_sdk.errors import InvalidInput
    from nexiom_sdk.types import Media, VideoRequest

    words: dict[str, object] = {"quality_tier": tier, "resolution": resolution, "aspect_ratio": aspect_ratio}
    media: tuple[Media, ...] = ()
    if fit and reference is None:
        raise InvalidInput("--fit is about a picture to begin with: name one with --reference.")
    if reference is not None:
        file = local(reference)
        media = (Media.from_url(reference, fit=fit) if file is None else Media.from_file(lexical(file), fit=fit),)
    return VideoRequest(
        prompt=prompt,
        duration_seconds=duration,
        provider=provider,
        model=model,
        audio=audio,
        seed=seed,
        negative_prompt=negative_prompt,
        media=media,
        max_cost_usd=max_cost,
        strict=not nearest,
        **words,  # type: ignore[arg-type]  # the request checks its words, and knows the nearest ones
    )


def local(reference: str | None) -> Path | None:
    """The file that a reference names; None where it is an address, or nothing."""
    return None if reference is None or "://" in reference else Path(reference)


def lexical(path: Path) -> Path:
    """The absolute path as it is written: `..` is taken out, links are not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`, Path.resolve follows links
