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

from nexiom_sdk.cli import costs, jobs, models, providers
from nexiom_sdk.cli.exits import INTERRUPTED, MEANINGS, Interrupted, Problem
from nexiom_sdk.cli.options import (
    AspectRatio,
    Audio,
    Duration,
    Fit,
    Json,
    MaxCost,
    Model,
    Nearest,
    NegativePrompt,
    OutputFile,
    Prompt,
    Provider,
    Quiet,
    Reference,
    Resolution,
    Role,
    Seed,
    Tier,
    Timeout,
    User,
    as_written,
    asks_for_json,
    examples,
    local,
    output_for,
    request_of,
)
from nexiom_sdk.cli.usage import usage_problem
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.worker_defaults import DRAIN_SECONDS, STEPS_AT_ONCE

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
def generate(
    context: typer.Context,
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
    output: OutputFile = None,
    client_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Your own key: twice the same is one order.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Only order; say how to watch the job.")] = False,
    timeout: Timeout = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Make a video, and wait for it.

    Ctrl-C leaves the job alive. Without any provider's key, a preview is rendered on this machine.
    """
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import Session, run_in_session

    request = request_of(
        prompt,
        tier=tier,
        duration=duration,
        resolution=resolution,
        aspect_ratio=aspect_ratio,
        reference=reference,
        fit=fit,
        provider=provider,
        model=model,
        audio=audio,
        seed=seed,
        negative_prompt=negative_prompt,
        max_cost=max_cost,
        nearest=nearest,
    )
    following = verbs.Following(output=output, timeout_seconds=timeout)
    customer = verbs.Customer(user_id=user, role=role)

    async def verb(session: Session) -> None:
        await verbs.generate(session, request, following, customer=customer, client_key=client_key, detach=detach)

    run_in_session(verb, output=output_for(json=json, quiet=quiet), home=context.obj, reference=local(reference))


@app.command(
    epilog=examples(
        'nexiom estimate "a fox in snow" --tier cinematic --duration 8',
        'nexiom estimate "a fox in snow" --provider runway --json',
    )
)
def estimate(
    context: typer.Context,
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
    json: Json = False,
) -> None:
    """Say which model would make a video, why, and for how much.

    Asks nobody and spends nothing.
    """
    from nexiom_sdk.cli import estimating, verbs
    from nexiom_sdk.cli.session import Session, run_in_session

    request = request_of(
        prompt,
        tier=tier,
        duration=duration,
        resolution=resolution,
        aspect_ratio=aspect_ratio,
        reference=reference,
        fit=fit,
        provider=provider,
        model=model,
        audio=audio,
        seed=seed,
        negative_prompt=negative_prompt,
        max_cost=max_cost,
        nearest=nearest,
    )
    customer = verbs.Customer(user_id=user, role=role)

    async def verb(session: Session) -> None:
        await estimating.estimate(session, request, customer=customer)

    run_in_session(verb, output=output_for(json=json), home=context.obj, reference=local(reference))


@app.command(
    epilog=examples("nexiom worker --json --health-file /run/nexiom/health", "nexiom worker --once   (for cron)")
)
def worker(
    context: typer.Context,
    *,
    concurrency: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Most steps at once.")] = STEPS_AT_ONCE,
    drain_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Time that running steps get to end when it is stopped.")
    ] = DRAIN_SECONDS,
    health_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write this file anew after each look at the table.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End as soon as nothing is due.")] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Work through jobs until Ctrl-C or SIGTERM.

    Running steps are finished first. Start as many workers as you like, on as many machines.
    """
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import Session, run_in_session
    from nexiom_sdk.events import logging_sink
    from nexiom_sdk.health import HealthFile

    output = output_for(json=json, quiet=quiet)
    health = None if health_file is None else HealthFile(health_file)

    async def verb(session: Session) -> None:
        await verbs.work(session, concurrency=concurrency, drain_seconds=drain_seconds, once=once)
        if health is not None:
            await health.remove()

    run_in_session(
        verb,
        output=output,
        home=context.obj,
        log_by_default="warning",
        sinks=(logging_sink, verbs.told_to(output), *(() if health is None else (health,))),
    )


@app.command(epilog=examples("nexiom migrate --apply", "nexiom migrate --supabase --output supabase/migrations"))
def migrate(
    context: typer.Context,
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Make or upgrade the table, in one transaction.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="End with exit code 8 unless the schema is current, for scripts.")
    ] = False,
    supabase: Annotated[
        bool, typer.Option("--supabase", help="Print the SQL, for a migration of your own; asks no database.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="Write it into this folder, or file.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what the database has and what a migration would do.

    Nothing is changed without --apply. The database is the one of NEXIOM_DATABASE_URL.
    """
    if apply + check + supabase > 1:
        raise typer.BadParameter("--apply, --check and --supabase are three ways: take one.", ctx=context)
    if output is not None and not supabase:
        raise typer.BadParameter("--output is where --supabase writes: add it.", ctx=context)
    from nexiom_sdk.cli import migrating

    if supabase:
        migrating.print_for_supabase(output_for(json=json), target=output, json=json)
    else:
        migrating.migrate(output_for(json=json), home=context.obj, apply=apply, check=check)


app.command(
    epilog=examples("nexiom costs --month --by provider", "nexiom costs --by day,user --since 2026-11-01 --json")
)(costs.costs)


def _prepare_streams(*, json: bool) -> None:
    """A terminal that lacks a letter shows another one instead of failing; JSON is UTF-8 everywhere."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if json else None, errors="replace")
