"""The options that say what a video shall be and for whom, for every command that takes a request."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from nexiom_sdk.cli.options import dollars, length, lexical

if TYPE_CHECKING:
    from nexiom_sdk.types import VideoRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """For whom a video is made.

    Args:
        user_id: Whose job it is; None: nobody's.
        role: The user's role; None: as the policy says.
    """

    user_id: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the options of a request ask for.

    Args:
        request: The request.
        customer: For whom.
        reference: The file of this machine that it names; None where it names an address, or nothing.
    """

    request: VideoRequest
    customer: Customer
    reference: Path | None


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `asked_by` instead of its argument `asked`, which they make."""

    @functools.wraps(command)
    def with_options(context: typer.Context, **options: object) -> None:
        asked = asked_by(**{name: options.pop(name) for name in wanted})  # type: ignore[arg-type]  # typer checks them
        command(context, asked=asked, **options)

    wanted = inspect.signature(asked_by, eval_str=True).parameters
    context, _asked, *own = inspect.signature(command, eval_str=True).parameters.values()
    shown = (context, *wanted.values(), *own)
    with_options.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what typer reads
    with_options.__annotations__ = {one.name: one.annotation for one in shown}
    return with_options


Prompt: TypeAlias = Annotated[str, typer.Argument(metavar="PROMPT", help="What the video shows.")]
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


def asked_by(
    *,
    prompt: Prompt,
    tier: Tier = None,
    duration: Duration = None,
    resolution: Resolution = None,
    aspect_ratio: AspectRatio = None,
    reference: Reference = None,
    fit: Fit = False,
    provider: Provider = None,
    model: Model = None,
    audio: Audio = None,
    seed: Seed = None,
    negative_prompt: NegativePrompt = None,
    max_cost: MaxCost = None,
    nearest: Nearest = False,
    user: User = None,
    role: Role = None,
) -> Asked:
    """What the options ask for.

    Raises:
        InvalidInput: A value is impossible; the message has the nearest one.
    """
    from nexiom_sdk.errors import InvalidInput
    from nexiom_sdk.types import Media, VideoRequest

    words: dict[str, object] = {"quality_tier": tier, "resolution": resolution, "aspect_ratio": aspect_ratio}
    media: tuple[Media, ...] = ()
    file = None if reference is None or "://" in reference else Path(reference)
    if fit and reference is None:
        raise InvalidInput("--fit is about a picture to begin with: name one with --reference.")
    if reference is not None:
        media = (Media.from_url(reference, fit=fit) if file is None else Media.from_file(lexical(file), fit=fit),)
    request = VideoRequest(
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
    return Asked(request=request, customer=Customer(user_id=user, role=role), reference=file)
