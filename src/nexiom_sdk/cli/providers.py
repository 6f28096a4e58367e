"""The command `nexiom providers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from nexiom_sdk.cli.options import Json, examples, output_for

if TYPE_CHECKING:
    from nexiom_sdk.cli.listing import Listing
    from nexiom_sdk.provider_states import ProviderState

app: typer.Typer = typer.Typer()

_STYLES: Mapping[str, str] = {
    "ready": "green",
    "failing": "red",
    "broken": "red",
    "not_installed": "red",
    "not_set_up": "dim",
    "left_out": "dim",
}


@app.command(epilog=examples("nexiom providers --check", "nexiom providers --json"))
def providers(
    context: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Ask each one that has a call which costs nothing, all at once.")
    ] = False,
    json: Json = False,
) -> None:
    """Say which providers there are, which can be used, and what the others lack.

    One that is failing is told with the time at which the next order may try it.
    """
    from nexiom_sdk.cli.session import Session, run_in_session

    async def verb(session: Session) -> None:
        states = await session.studio.providers(check=check)
        session.output.listing(listing_of(states, checked=check))

    run_in_session(verb, output=output_for(json=json), home=context.obj)


def listing_of(states: Sequence[ProviderState], *, checked: bool) -> Listing:
    """The list as it is shown.

    Args:
        states: How each provider stands.
        checked: Whether the free calls were made.
    """
    from nexiom_sdk.cli.listing import Listing, Row

    headers = ("provider", "state", *(("check",) if checked else ()), "models", "tiers", "package")
    return Listing(
        name="provider",
        headers=headers,
        rows=[
            Row(
                cells=(
                    one.name,
                    _state(one),
                    *((_check(one),) if checked else ()),
                    "-" if one.models is None else str(one.models),
                    ", ".join(one.tiers) or "-",
                    " ".join(filter(None, (one.distribution, one.version))) or "-",
                ),
                short=(
                    one.name,
                    one.state.replace("_", " "),
                    *(((one.check or "-").replace("unsupported", "no free call"),) if checked else ()),
                    "-" if one.models is None else str(one.models),
                    "".join(tier[0].upper() for tier in one.tiers) or "-",
                    " ".join(filter(None, (one.distribution, one.version))) or "-",
                ),
                notes=_notes(one),
                fields=one.model_dump(mode="json"),
                style=_STYLES["failing" if one.check == "failed" else one.state],
            )
            for one in states
        ],
        numbers=frozenset({"models"}),
        wide=frozenset({"state", "check", "tiers"}),
        legend="tiers: S standard, C cinematic, U ultra_realistic.",
        empty="There is no provider.",
    )


def _state(one: ProviderState) -> str:
    words = one.state.replace("_", " ")
    if one.failing_until is not None:
        words = f"failing {_until(one)}"
    reason = _reason(one)
    return f"{words}: {reason}" if reason else words


def _until(one: ProviderState) -> str:
    return f"until {one.failing_until:%H:%M:%S} UTC"


def _reason(one: ProviderState) -> str:
    """Why it is as it is, without the state itself, which is said before it."""
    _, said, rest = one.reason.partition(" is not set up: ")
    return rest if said and one.state == "not_set_up" else one.reason


def _notes(one: ProviderState) -> tuple[str, ...]:
    why = _reason(one)
    if one.failing_until is not None:
        why = f"{_until(one)}: {why}"
    return tuple(filter(None, (why, f"check: {one.check_reason}" if one.check_reason else "")))


def _check(one: ProviderState) -> str:
    match one.check:
        case None:
            return "-"
        case "unsupported":
            return "has no free call"
        case "failed":
            return f"failed: {one.check_reason}"
        case "passed":
            return "passed"
