"""The commands and their options, and the one place where endings become exit codes.

Nothing heavy is imported before a command runs, so that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from nexiom_sdk.cli import costs, jobs, models, operating, providers
from nexiom_sdk.cli.asking import Asked, asking
from nexiom_sdk.cli.exits import INTERRUPTED, MEANINGS, Interrupted, Problem
from nexiom_sdk.cli.options import Json, OutputFile, Quiet, Timeout, as_written, asks_for_json, examples, output_for
from nexiom_sdk.cli.usage import usage_problem
from nexiom_sdk.errors import NexiomError

_log = logging.getLogger(__name__)

app: typer.Typer = typer.Typer(
    name="nexiom",
    rich_markup_mode=None,
    help="Dependable AI video generation.",
    epilog=as_written("Exit codes:", *(f"  {code:<3}  {meaning}" for code, meaning in MEANINGS.items())),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(jobs.app, name="jobs")
app.add_typer(providers.app)
app.add_typer(models.app, name="models")


def run(arguments: Sequence[str]) -> int:
    """Run the command.

    Args:
        arguments: What follows `nexiom` on the command line.

    Returns:
        The exit code; `exits.MEANINGS` says what it means.
    """
    json = asks_for_json(arguments)
    _prepare_streams(json=json)
    try:
        code: object = app(list(arguments), prog_name="nexiom", standalone_mode=False)
    except typer.TyperException as error:
        problem = usage_problem(error, arguments, app)
    except typer.Abort:
        problem = Problem(code="declined", message="Nothing was done.", exit_code=INTERRUPTED)
    except Interrupted as interruption:
        problem = interruption.problem
    except NexiomError as error:
        _log.debug("where it came from", exc_info=error)
        problem = Problem.of(error)
    else:
        return code if isinstance(code, int) else 0
    if problem.message:  # there is none when help was shown to somebody who said nothing
        with contextlib.suppress(typer.Exit, NexiomError):  # nobody listens: the exit code is all that is left
            output_for(json=json).problem(problem)
    return problem.exit_code


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"nexiom {version('nexiom_sdk')}\n")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    home: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where jobs and videos are, instead of NEXIOM_HOME.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", help="Say the version and end.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Dependable AI video generation."""
    context.obj = home


@app.command(
    epilog=examples(
        'nexiom generate "a fox in snow" --tier cinematic --duration 8 --output fox.mp4',
        'nexiom generate "she turns around" --reference portrait.jpg --max-cost 2 --json',
    )
)
@asking
def generate(
    context: typer.Context,
    *,
    asked: Asked,
    output: OutputFile = None,
    client_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Your own key: twice the same is one order.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Only order; say how to watch the job.")] = False,
    defer: Annotated[bool, typer.Option("--defer", help="Only write the job down; a worker orders it.")] = False,
    timeout: Timeout = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Make a video, and wait for it.

    Ctrl-C leaves the job alive. Without any provider's key, a preview is rendered on this machine.
    """
    if detach and defer:
        raise typer.BadParameter("--detach and --defer are two ways: take one.", ctx=context)
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import Session, run_in_session

    following = verbs.Following(output=output, timeout_seconds=timeout)

    async def verb(session: Session) -> None:
        await verbs.generate(session, asked, following, client_key=client_key, detach=detach, defer=defer)

    run_in_session(verb, output=output_for(json=json, quiet=quiet), home=context.obj, reference=asked.reference)


@app.command(
    epilog=examples(
        'nexiom estimate "a fox in snow" --tier cinematic --duration 8',
        'nexiom estimate "a fox in snow" --provider runway --json',
    )
)
@asking
def estimate(context: typer.Context, *, asked: Asked, json: Json = False) -> None:
    """Say which model would make a video, why, and for how much.

    Asks nobody and spends nothing.
    """
    from nexiom_sdk.cli import estimating
    from nexiom_sdk.cli.session import Session, run_in_session

    async def verb(session: Session) -> None:
        await estimating.estimate(session, asked.request, customer=asked.customer)

    run_in_session(verb, output=output_for(json=json), home=context.obj, reference=asked.reference)


app.add_typer(operating.app)
app.command(
    epilog=examples("nexiom costs --month --by provider", "nexiom costs --by day,user --since 2026-11-01 --json")
)(costs.costs)


def _prepare_streams(*, json: bool) -> None:
    """A terminal that lacks a letter shows another one instead of failing; JSON is UTF-8 everywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if json else None, errors="replace")
