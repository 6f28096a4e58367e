"""What PostgreSQL and its driver complain about, in our words: never a password, never the values of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg
from psycopg_pool import PoolTimeout

from nexiom_sdk.errors import StorageError, StorageUnavailable
from nexiom_sdk.wording import printable

_MIGRATE = "Run `nexiom migrate` to see what the database lacks, and `nexiom migrate --apply` to bring it about."
_SERVER_STOPS = ("is being restarted or is not ready yet", "Nothing is lost: jobs go on when it is back.")
_SLOW = (
    "cut a statement short, because it took too long or waited too long for a lock",
    "Look for an open transaction on generation_jobs, or raise statement_timeout and lock_timeout for this role.",
)

# By SQLSTATE, or the first two letters of it.
_WORDS: Mapping[str, tuple[str, str]] = {
    "08": ("lost the connection", "Look at the network and the server; jobs stay as they are and go on by themselves."),
    "25006": (
        "can only be read: it is a replica, or set to read-only",
        "Name the primary server in NEXIOM_DATABASE_URL.",
    ),
    "28": ("refuses this user", "Correct user and password in NEXIOM_DATABASE_URL."),
    "3D000": ("does not exist", "Correct the name of the database in NEXIOM_DATABASE_URL, or create it."),
    "42501": (
        "does not let this user do that",
        "Workers need select, insert and update on generation_jobs, and execute on its functions: grant them that.",
    ),
    "42P01": ("has no table generation_jobs", _MIGRATE),
    "42703": ("lacks a column of generation_jobs", _MIGRATE),
    "42883": ("lacks a function of nexiom_sdk", _MIGRATE),
    "53100": ("has no room left on its disk", "Make room; jobs stay as they are and go on then."),
    "53200": ("is out of memory", "Look at the server; jobs stay as they are and go on by themselves."),
    "53300": (
        "has no connection left",
        "Lower the number of workers, raise max_connections, or go through a pooler; jobs go on by themselves.",
    ),
    "55P03": _SLOW,
    "57014": _SLOW,
    "57P": _SERVER_STOPS,
}
_REFUSED = {
    r"password authentication failed|role \"[^\"]*\" does not exist|no pg_hba": (
        "Correct user and password in NEXIOM_DATABASE_URL, or what the server's pg_hba.conf lets in."
    ),
    r"database \"[^\"]*\" does not exist": "Create the database, or correct its name in NEXIOM_DATABASE_URL.",
}
_MAY_NOT = "42501"
# Something of the user's own hangs on what would be changed, is of another kind, or breaks a rule that would be made.
_STANDS_IN_THE_WAY = ("0A", "22", "23", "2B", "42", "P0")
_REFUSES_ROW = ("22", "23")  # data that no column takes, and rules of the table


def in_our_words(error: Exception, place: str) -> StorageError:
    """The error to raise for one of the driver's.

    Args:
        error: What psycopg or its pool raised.
        place: How the database is called in messages, without user and password.
    """
    if isinstance(error, PoolTimeout):
        hint = "Look at the network and the server; with many workers, look at max_connections and at the pooler."
        return StorageUnavailable(f"The database {place} gave no connection in time.", next_step=hint)
    if not isinstance(error, psycopg.Error):
        return StorageUnavailable(f"The database {place} cannot be used: {type(error).__name__}.")
    state, said = error.sqlstate or "", printable(error.diag.message_primary or "", 200)
    if state.startswith(_REFUSES_ROW):
        return StorageError(f"The table does not take this row: {said}.")
    if isinstance(error, psycopg.DataError):
        return StorageError(f"The table cannot hold this value: {printable(str(error), 200)}.")
    starts = (state, state[:3], state[:2])
    happened, next_step = next((_WORDS[start] for start in starts if start in _WORDS), _other(error, state))
    return StorageUnavailable(f"The database {place} {happened}{f' ({said})' if said else ''}.", next_step=next_step)


def migration_words(error: psycopg.Error, place: str) -> StorageError:
    """The error to raise for one that came while the migration was applied; what the server refused changed nothing."""
    state = error.sqlstate or ""
    if not state:
        return in_our_words(error, place)
    said = printable("; ".join(filter(None, (error.diag.message_primary, error.diag.message_detail))), 400)
    if state == _MAY_NOT:
        message = f"The database {place} does not let this user change all that the migration changes ({said})."
        hint = "Name the owner of generation_jobs in NEXIOM_DATABASE_URL; on Supabase that is postgres."
    elif state[:2] in _STANDS_IN_THE_WAY:
        message = f"What is in the database {place} stands in the way of the migration ({said})."
        hint = "Take that out of the way, for instance a view on the table, and try again."
    else:
        known = in_our_words(error, place)
        message, hint = known.message, known.next_step
    return StorageUnavailable(f"{message} Nothing was changed.", next_step=hint)


def _other(error: psycopg.Error, state: str) -> tuple[str, str]:
    if state:
        return f"answered {state}", StorageUnavailable.default_next_step
    # The last line says what was wrong; those before it say the same of every address that was tried. Of a server that
    # refuses while a connection is made, the driver tells the words and not the SQLSTATE.
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.strip().endswith("?")]
    trouble = printable(lines[-1] if lines else type(error).__name__, 300).rstrip(".")
    hint = "Look at NEXIOM_DATABASE_URL, the network and the server; jobs stay as they are and go on by themselves."
    refused = next((hint for words, hint in _REFUSED.items() if re.search(words, trouble)), None)
    return (f"refuses: {trouble}", refused) if refused else (f"cannot be reached: {trouble}", hint)
