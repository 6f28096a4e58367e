"""The commands of those who run the service: `nexiom worker` and `nexiom migrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nexiom_sdk.cli.options import Json, Quiet, examples, output_for
from nexiom_sdk.worker_defaults import DRAIN_SECONDS, STEPS_AT_ONCE

app: typer.Typer = typer.Typer(rich_markup_mode=None)


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
    from nexiom_sdk.cli.session import Session, run_in_session
    from nexiom_sdk.cli.working import Teller, work
    from nexiom_sdk.events import logging_sink
    from nexiom_sdk.health import HealthFile

    output = output_for(json=json, quiet=quiet)
    teller, health = Teller(output), None if health_file is None else HealthFile(health_file)

    async def verb(session: Session) -> None:
        await work(session, teller, health, concurrency=concurrency, drain_seconds=drain_seconds, once=once)

    run_in_session(
        verb,
        output=output,
        home=context.obj,
        log_by_default="warning",
        sinks=(logging_sink, teller, *(() if health is None else (health,))),
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
