"""What PostgreSQL and its driver complain about, in our words: never a password, never the values of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg

from nexiom_sdk.errors import StorageError, StorageUnavailable
from nexiom_sdk.wording import printable

_MIGRATE = "Run `nexiom migrate` to see what the database lacks, and `nexiom migrate --apply` to bring it about."
_SERVER_STOPS = ("is being restarted or is not ready yet", "Nothing is lost: jobs go on when it is back.")
_SLOW = (
    "cut a statement short, because it took too long or waited too long for a lock",
    "Look for an open transaction on generation_jobs, or raise statement_timeout and lock_timeout for this role.",
)

# By SQLSTATE, or the first letters of it.
_WORDS: Mapping[str, tuple[str, str]] = {
    "08": ("lost the connection", "Look at the network and the server; jobs stay as they are and go on by themselves."),
    "25006": (
        "can only be read: it is a replica, or set to read-only",
        "Name the primary server in NEXIOM_DATABASE_URL.",
    ),
    "28": (
        "refuses this user",
        "Correct user and password in NEXIOM_DATABASE_URL, or what the server's pg_hba.conf lets in.",
    ),
    "3D000": ("does not exist", "Correct the name of the database in NEXIOM_DATABASE_URL, or create it."),
    "40": (
        "was changed by others at the same rows again and again",
        "Try again; where it comes often, set default_transaction_isolation to 'read committed' for this role.",
    ),
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
# Of a server that refuses while a connection is made, the driver tells the words and not the SQLSTATE.
_REFUSED: Mapping[str, tuple[str, str]] = {
    r"authentication failed|role \"[^\"]*\" does not exist|no pg_hba": _WORDS["28"],
    r"is not permitted to log in": ("refuses this user", "Let the role log in: `alter role ... login`."),
    r"permission denied for database": ("does not let this user in", "Grant connect on the database to this user."),
    r"database \"[^\"]*\" does not exist": _WORDS["3D000"],
    r"too many clients|connection slots are reserved|too many connections for|max_client_conn|(?i:max client)": _WORDS[
        "53300"
    ],
    r"database system is (starting up|shutting down|in recovery)|not yet accepting connections": _SERVER_STOPS,
}
_REFUSES_ROW = ("22", "23", "54")  # data that no column takes, rules of the table, and what is too long or too deep
_ASIDE = re.compile(r"\s|DETAIL:|HINT:")
_NOBODY_KNOWS = ("08", "40003", "57P")  # whether what was asked for was done before this came
_MAY_NOT = "42501"
# Something of the user's own hangs on what would be changed, is of another kind, or breaks a rule that would be made.
_STANDS_IN_THE_WAY = ("0A", "22", "23", "2B", "42", "P0")
_IN_THE_WAY: Mapping[str, str] = {
    "23502": "Give every row an id: `update generation_jobs set id = gen_random_uuid() where id is null`; try again.",
    "23505": "Two rows are the same where each needs its own: give one another id, or remove it, and try again.",
}
# The migration sets its own limit, so that a longer one of the role would change nothing.
_WAITED = "55P03"
_LET_GO = (
    "End the transaction or query that holds it (`select * from pg_stat_activity where state <> 'idle'` shows it), "
    "or stop what uses the table for that time, and try again."
)


def in_our_words(error: psycopg.Error, place: str) -> StorageError:
    """The error to raise for one of the driver's; its SQLSTATE is in a note.

    The driver's own must not be the cause of it: what that says of a row holds the row's values.

    Args:
        error: What psycopg raised.
        place: How the database is called in messages, without user and password.
    """
    told = _told(error, place)
    if error.sqlstate:
        told.add_note(f"SQLSTATE {error.sqlstate}")
    return told


def all_in_use(place: str, connections: int, seconds: float) -> StorageUnavailable:
    """The error for a call that found no connection free, where the server would give more."""
    msg = f"All {connections} connections of this process to the database {place} were in use for {seconds:g} s."
    hint = "Look for an open transaction on generation_jobs that calls wait for, or let this process do less at once."
    return StorageUnavailable(msg, next_step=hint)


def nothing_was_written(error: psycopg.Error) -> bool:
    """Whether the server refused, so that nothing of what was asked for happened.

    Example:
        >>> nothing_was_written(psycopg.errors.DiskFull()), nothing_was_written(psycopg.errors.AdminShutdown())
        (True, False)
    """
    return isinstance(error, psycopg.DataError) or not (error.sqlstate or "08").startswith(_NOBODY_KNOWS)


def _told(error: psycopg.Error, place: str) -> StorageError:
    state, said = error.sqlstate or "", printable(error.diag.message_primary or "", 200)
    if state.startswith(_REFUSES_ROW):
        return StorageError(f"The table does not take this row: {said}.")
    if isinstance(error, psycopg.DataError):
        return StorageError(f"The table cannot hold this value: {printable(str(error), 200)}.")
    starts = (state, state[:3], state[:2])
    happened, next_step = next((_WORDS[start] for start in starts if start in _WORDS), None) or _other(error, state)
    return StorageUnavailable(f"The database {place} {happened}{f' ({said})' if said else ''}.", next_step=next_step)


def migration_words(error: psycopg.Error, place: str) -> StorageError:
    """The error to raise for one that came while the migration was applied; what the server refused changed nothing."""
    state = error.sqlstate or ""
    if not state:
        return in_our_words(error, place)
    if state == _WAITED:
        message = f"The database {place} waited too long for a lock: something else holds generation_jobs."
        return StorageUnavailable(f"{message} Nothing was changed.", next_step=_LET_GO)
    said = printable("; ".join(filter(None, (error.diag.message_primary, error.diag.message_detail))), 400)
    if state == _MAY_NOT:
        message = f"The database {place} does not let this user change all that the migration changes ({said})."
        hint = "Name the owner of generation_jobs in NEXIOM_DATABASE_URL; on Supabase that is postgres."
    elif state[:2] in _STANDS_IN_THE_WAY:
        message = f"What is in the database {place} stands in the way of the migration ({said})."
        hint = _IN_THE_WAY.get(state, "Take that out of the way, for instance a view on the table, and try again.")
    else:
        known = in_our_words(error, place)
        message, hint = known.message, known.next_step
    return StorageUnavailable(f"{message} Nothing was changed.", next_step=hint)


def _other(error: psycopg.Error, state: str) -> tuple[str, str]:
    if state:
        return f"answered {state}", StorageUnavailable.default_next_step
    # The last line says what was wrong; those before it say the same of every address that was tried. Lines of
    # explanation that follow one are set in, or have a name.
    lines = [line for line in str(error).splitlines() if line.strip() and not _ASIDE.match(line)]
    trouble = printable(lines[-1].strip() if lines else type(error).__name__, 300).rstrip(".")
    for words, (happened, hint) in _REFUSED.items():
        if re.search(words, trouble):
            return f"{happened} ({trouble.rpartition('FATAL:')[2].strip()})", hint
    hint = "Look at NEXIOM_DATABASE_URL, the network and the server; jobs stay as they are and go on by themselves."
    return f"cannot be reached: {trouble}", hint
