"""The commands `nexiom jobs ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from nexiom_sdk.cli.options import JobId, Json, OutputFile, Quiet, Timeout, examples, output_for

app: typer.Typer = typer.Typer(
    help="See jobs, watch them, and decide what only a person can.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list", epilog=examples("nexiom jobs list --status uncertain", "nexiom jobs list --limit 5 --json"))
def list_jobs(
    context: typer.Context,
    *,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="pending, processing, completed, failed or uncertain.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Only this user's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="NUMBER", help="At most this many.")] = 50,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import run_in_session
    from nexiom_sdk.phases import JobStatus
    from nexiom_sdk.wording import unknown

    known = [*(one.value for one in JobStatus), verbs.UNCERTAIN]
    if status is not None and status not in known:
        raise typer.BadParameter(unknown("status", status, known), ctx=context, param_hint="--status")
    run_in_session(
        lambda session: verbs.list_jobs(session, user_id=user, status=status, limit=limit),
        output=output_for(json=json),
        home=context.obj,
    )


@app.command(epilog=examples("nexiom jobs count", "nexiom jobs count --json"))
def count(context: typer.Context, *, json: Json = False) -> None:
    """Count jobs that are not over by phase, and those that are due and not taken."""
    from nexiom_sdk.cli.counting import count
    from nexiom_sdk.cli.session import run_in_session

    run_in_session(count, output=output_for(json=json), home=context.obj)


@app.command(epilog=examples("nexiom jobs show JOB", "nexiom jobs show JOB --json"))
def show(context: typer.Context, *, job: JobId, json: Json = False) -> None:
    """Show every column of a job, and why its model was chosen."""
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import run_in_session

    run_in_session(lambda session: verbs.show(session, job), output=output_for(json=json), home=context.obj)


@app.command(epilog=examples("nexiom jobs watch JOB --output fox.mp4", "nexiom jobs watch JOB --timeout 60 --json"))
def watch(
    context: typer.Context,
    *,
    job: JobId,
    output: OutputFile = None,
    timeout: Timeout = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Follow a job to its end, and drive it if no worker does.

    Ctrl-C leaves the job alive.
    """
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import run_in_session

    following = verbs.Following(output=output, timeout_seconds=timeout)
    run_in_session(
        lambda session: verbs.watch(session, job, following),
        output=output_for(json=json, quiet=quiet),
        home=context.obj,
    )


@app.command(epilog=examples("nexiom jobs cancel JOB", "nexiom jobs cancel JOB --json"))
def cancel(context: typer.Context, *, job: JobId, json: Json = False) -> None:
    """Stop a job.

    One that was not sent costs nothing; another one is stopped where its provider can do that.
    """
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import run_in_session

    run_in_session(lambda session: verbs.cancel(session, job), output=output_for(json=json), home=context.obj)


@app.command(
    epilog=examples(
        "nexiom jobs resolve JOB --provider-job-id gen_123", "nexiom jobs resolve JOB --provider-job-id gen_123 --json"
    )
)
def resolve(
    context: typer.Context,
    *,
    job: JobId,
    provider_job_id: Annotated[str, typer.Option(metavar="ID", help="The provider's id of the order.")],
    json: Json = False,
) -> None:
    """Go on with an uncertain order that you found at the provider."""
    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import run_in_session

    run_in_session(
        lambda session: verbs.resolve(session, job, provider_job_id=provider_job_id),
        output=output_for(json=json),
        home=context.obj,
    )


@app.command(epilog=examples("nexiom jobs resubmit JOB", "nexiom jobs resubmit JOB --yes --json"))
def resubmit(
    context: typer.Context,
    *,
    job: JobId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Order again what failed or is uncertain.

    This may cost again, so it asks first.
    """
    import sys

    from nexiom_sdk.cli import verbs
    from nexiom_sdk.cli.session import run_in_session

    if not yes and (json or not sys.stdin.isatty()):
        msg = "This may cost again, and nobody can be asked here: add --yes."
        raise typer.BadParameter(msg, param_hint="--yes")
    if not yes:
        typer.confirm("This may cost again. Order it again?", abort=True, err=True)
    run_in_session(lambda session: verbs.resubmit(session, job), output=output_for(json=json), home=context.obj)


@app.command(epilog=examples("nexiom jobs sweep", "nexiom jobs sweep --delete --json"))
def sweep(
    context: typer.Context,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove them.")] = False,
    json: Json = False,
) -> None:
    """List stored files that no job names, a day after they were put there.

    They are left by orders that ended otherwise than they began. Nothing is removed without --delete.
    """
    from nexiom_sdk.cli.orphans import listing_of
    from nexiom_sdk.cli.session import Session, run_in_session

    async def verb(session: Session) -> None:
        session.output.listing(listing_of(await session.studio.sweep(delete=delete), deleted=delete))

    run_in_session(verb, output=output_for(json=json), home=context.obj)
