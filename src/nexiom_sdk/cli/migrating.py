"""What `nexiom migrate` does: look, apply, print. Only `--apply` changes a database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer
from pydantic import JsonValue, SecretStr

from nexiom_sdk.backends.postgres_migration import (
    SCHEMA_VERSION,
    Has,
    SchemaFound,
    file_name,
    migration,
    supabase_migration,
)
from nexiom_sdk.backends.urls import scheme_of
from nexiom_sdk.cli.exits import NOT_CURRENT
from nexiom_sdk.cli.output import Output
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.config import Settings
from nexiom_sdk.errors import ConfigurationError, StorageError
from nexiom_sdk.wording import printable

_POSTGRES = ("postgres", "postgresql")
_NEED_NONE = {
    "sqlite": "SQLite makes and upgrades its own file when it is first used",
    "memory": "memory needs no table",
}


def migrate(output: Output, *, home: Path | None, apply: bool, check: bool) -> None:
    """Say what the database has and what the migration would do to it, or do it.

    Args:
        output: Where it is said.
        home: The home folder, if it is not the usual one.
        apply: Whether to do it.
        check: Whether to end with a code of its own where there would be something to do.

    Raises:
        Exit: The schema is not current, and `check` is set.
        ConfigurationError: The address is none of PostgreSQL's, or the driver is missing.
        StorageUnavailable: The database cannot be reached, or refuses; nothing was changed.
    """
    settings = Settings.from_env(None, **({"home": home} if home else {}))
    kind = scheme_of(SecretStr(settings.database))
    if kind in _NEED_NONE:
        text = f"There is nothing to migrate: {_NEED_NONE[kind]}. NEXIOM_DATABASE_URL can name a PostgreSQL instead."
        output.answer("migration", text, {"database": kind, "has": None, "version": None, "applied": False})
    elif kind not in _POSTGRES:
        msg = f"No migration is known for addresses that begin with '{printable(kind, 60)}:'."
        raise ConfigurationError(msg, next_step="Set NEXIOM_DATABASE_URL to postgresql://user:password@host:5432/name.")
    else:
        has = _postgres(output, SecretStr(settings.database), apply=apply)
        if check and has is not Has.CURRENT:
            raise typer.Exit(NOT_CURRENT)


def print_for_supabase(output: Output, *, target: Path | None, json: bool) -> None:
    """Print the migration for a project of Supabase, or write it where its migrations are.

    Raises:
        StorageError: The file cannot be written, or is there and says something else.
    """
    now = SystemClock().now()
    name, text = file_name(now), supabase_migration(now)
    fields: dict[str, JsonValue] = {"name": name, "version": SCHEMA_VERSION}
    if target is None:
        output.answer("migration", text.rstrip("\n"), fields | ({"sql": text} if json else {}))
        return
    file = target if target.suffix == ".sql" else target / name
    there = _same_beside(file, explicit=file == target)
    if there is not None:
        output.notice("The same migration is there already; nothing was written.")
        output.answer("migration", str(there), {**fields, "name": there.name, "file": str(there)})
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except FileExistsError:
        msg = f"There is a file {file} that says something else."
        raise StorageError(msg, next_step="Name another file, or remove this one.") from None
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}."
        raise StorageError(msg, next_step="Name a folder that can be written, such as supabase/migrations.") from error
    output.notice("`supabase db push` applies it; the library applies nothing by itself.")
    output.answer("migration", str(file), {**fields, "name": file.name, "file": str(file)})


def _same_beside(file: Path, *, explicit: bool) -> Path | None:
    """A file with the same migration, whatever time is in its first line."""
    beside = [file] if explicit else sorted(file.parent.glob("*_generation_jobs.sql"))
    for one in beside:
        try:
            if one.read_text("utf-8").partition("\n")[2] == migration():
                return one
        except (OSError, UnicodeDecodeError):
            continue
    return None


def _postgres(output: Output, address: SecretStr, *, apply: bool) -> Has:
    """What the database had when it was looked at."""
    try:
        from nexiom_sdk.backends import postgres_upgrade as upgrade
    except ImportError as error:
        hint = "pip install 'nexiom_sdk[postgres]'"
        raise ConfigurationError("PostgreSQL needs the driver psycopg.", next_step=hint) from error
    if not apply:
        found = asyncio.run(upgrade.look(address))
        lines = (
            found.state,
            *found.differs,
            found.plan,
            *(f"It could not yet: {why}" for why in found.obstacles if found.has is not Has.CURRENT),
            *(f"Warning: {warning}" for warning in found.warnings),
        )
        output.answer("migration", "\n".join(lines), _fields(found) | {"applied": False})
        return found.has
    applied = asyncio.run(upgrade.apply(address))
    for warning in applied.warnings:
        output.notice(f"warning: {warning}")
    text = f"The database {applied.before.place} has version {SCHEMA_VERSION} of the schema now."
    after: dict[str, JsonValue] = {"applied": True, "version": SCHEMA_VERSION, "warnings": list(applied.warnings)}
    output.answer("migration", text, _fields(applied.before) | after)
    return applied.before.has


def _fields(found: SchemaFound) -> dict[str, JsonValue]:
    return {
        "database": "postgresql",
        "has": found.has.value,
        "version": found.version,
        "supabase": found.supabase,
        "obstacles": list(found.obstacles),
        "differs": list(found.differs),
        "warnings": list(found.warnings),
    }
