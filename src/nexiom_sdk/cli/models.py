"""The commands `nexiom models ...`: which models there are, what they offer and cost, and which can be used here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from nexiom_sdk.cli.options import Json, dollars, examples, length, output_for

if TYPE_CHECKING:
    from nexiom_sdk.catalogue_view import ListedModel
    from nexiom_sdk.cli.session import Session

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_MOST_PLACES = 5


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "nexiom models --tier cinematic --duration 10 --max-price 2", "nexiom models --input last_frame --usable --json"
    ),
)
def models(
    context: typer.Context,
    *,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Only this provider's.")] = None,
    tier: Annotated[str | None, typer.Option(metavar="TIER", help="Only those that the policy names for it.")] = None,
    duration: Annotated[
        float | None,
        typer.Option(parser=length, metavar="SECONDS", help="Only those that make clips of this length."),
    ] = None,
    takes: Annotated[
        str | None,
        typer.Option("--input", metavar="WHAT", help="Only with text, image, video or audio, or with a role's."),
    ] = None,
    max_price: Annotated[
        Decimal | None,
        typer.Option(
            parser=dollars, metavar="USD", help="At most this per second at its cheapest; with --duration, per clip."
        ),
    ] = None,
    usable: Annotated[bool, typer.Option("--usable", help="Only those that can be used as things are set up.")] = False,
    retired: Annotated[bool, typer.Option("--retired", help="Only those that are no longer offered.")] = False,
    json: Json = False,
) -> None:
    """List the models of all providers, set up or not.

    Asks nobody and spends nothing. `nexiom models show MODEL` says everything about one.
    """
    if context.invoked_subcommand is not None:
        return
    if usable and retired:
        raise typer.BadParameter("What is retired is not usable: take one of --usable and --retired.", ctx=context)
    if max_price is not None and not (max_price.is_finite() and max_price >= 0):
        raise typer.BadParameter(f"--max-price is an amount of 0 or more, not {max_price}.", ctx=context)
    from nexiom_sdk.cli.session import run_in_session

    def found(session: Session, *without: str) -> Sequence[ListedModel]:
        dropped = set(without)
        listed = session.studio.models(
            None if "--provider" in dropped else provider,
            tier=None if "--tier" in dropped else tier,  # type: ignore[arg-type]  # the studio knows the nearest ones
            duration_seconds=None if "--duration" in dropped else duration,
            takes=None if "--input" in dropped else takes,  # type: ignore[arg-type]
            max_usd=None if "--max-price" in dropped else max_price,
            usable=usable and "--usable" not in dropped,
            include_retired=retired,
        )
        return [one for one in listed if one.state == "retired"] if retired else listed

    filters = {
        "--provider": provider,
        "--tier": tier,
        "--duration": duration,
        "--input": takes,
        "--max-price": max_price,
        "--usable": usable or None,
    }
    given = [name for name, value in filters.items() if value is not None]

    async def verb(session: Session) -> None:
        listed = found(session)
        advice = "" if listed else _what_to_leave_out({name: len(found(session, name)) for name in given})
        if retired:
            _say_what_is_gone(session, listed, advice)
        else:
            _say(session, listed, takes, advice)

    run_in_session(verb, output=output_for(json=json), home=context.obj)


@app.command(epilog=examples("nexiom models show kling/kling-3.0", "nexiom models show wan3 --json"))
def show(
    context: typer.Context,
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="PROVIDER/MODEL, or the model alone.")],
    json: Json = False,
) -> None:
    """Show everything that is known about one model."""
    from nexiom_sdk.cli.listing import Listing
    from nexiom_sdk.cli.model_words import HEADERS, details, fields_of, row_of
    from nexiom_sdk.cli.session import run_in_session

    async def verb(session: Session) -> None:
        one = _meant(session.studio.models(include_retired=True), model)
        if json:
            session.output.listing(Listing(name="model", headers=HEADERS, rows=[row_of(one, None)]))
        else:
            session.output.answer("model", details(one), fields_of(one))

    run_in_session(verb, output=output_for(json=json), home=context.obj)


def _what_to_leave_out(counts: Mapping[str, int]) -> str:
    """Which option to drop where no model has all that was asked for.

    Example:
        >>> _what_to_leave_out({"--tier": 0, "--duration": 3})
        ' Without --duration there are 3.'
    """
    helps = [f"{name} there {'is 1' if count == 1 else f'are {count}'}" for name, count in counts.items() if count]
    if helps:
        return f" Without {', and without '.join(helps)}."
    return f" Leave out more than one of {', '.join(counts)}." if len(counts) > 1 else ""


def _say(session: Session, listed: Sequence[ListedModel], takes: str | None, advice: str) -> None:
    from nexiom_sdk.cli.listing import Listing
    from nexiom_sdk.cli.model_words import HEADERS, LEGEND, row_of

    states = [one.state for one in listed]
    count = "1 model" if len(listed) == 1 else f"{len(listed)} models"
    unset = " nexiom models show MODEL says what is not set up." if "not_set_up" in states else ""
    session.output.listing(
        Listing(
            name="model",
            headers=HEADERS,
            rows=[row_of(one, takes) for one in listed],  # type: ignore[arg-type]  # a word that the studio took
            wide=frozenset({"model", "state", "sizes", "sound", "takes", "tiers"}),
            numbers=frozenset({"length", "sizes", "$ per s"}),
            legend=LEGEND,
            empty=f"No model is like that.{advice}",
            footer=f"{count}, {states.count('usable')} usable.{unset}" if listed else "",
        )
    )


def _say_what_is_gone(session: Session, listed: Sequence[ListedModel], advice: str) -> None:
    from nexiom_sdk.cli.listing import Listing
    from nexiom_sdk.cli.model_words import GONE_HEADERS, gone_row_of

    session.output.listing(
        Listing(
            name="model",
            headers=GONE_HEADERS,
            rows=[gone_row_of(one) for one in listed],
            wide=frozenset({"known from"}),
            empty=f"No model like that is gone.{advice}",
        )
    )


def _meant(listed: Sequence[ListedModel], word: str) -> ListedModel:
    """The model that somebody named, by its whole name or by its id at its only provider.

    Raises:
        InvalidInput: There is none, or more than one.
    """
    from nexiom_sdk.errors import InvalidInput
    from nexiom_sdk.wording import nearest, printable

    found = [one for one in listed if one.target == word] or [one for one in listed if one.card.model == word]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(one.target for one in found[:_MOST_PLACES])
        raise InvalidInput(
            f"More than one provider has '{word}': {places}.", charged=None, next_step="Name one of them."
        )
    names = {name: one.target for one in listed for name in (one.card.model, one.target)}
    guess = nearest(word, names)
    hint = "" if guess is None else f" Did you mean '{names[guess]}'?"
    msg = f"There is no model '{printable(word, 60)}'.{hint}"
    raise InvalidInput(msg, charged=None, next_step="nexiom models")
