"""Databases for the tests of the SQL: bare, like Supabase's, with a table from before; and what can be seen in them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from postgres_rig import database, server_url, template

Catalogue: TypeAlias = Mapping[str, Sequence[tuple[object, ...]]]

DATA = Path(__file__).parent / "data"
STUB = (DATA / "supabase_stub.sql").read_text("utf-8")
NINE_COLUMNS = (DATA / "nine_columns.sql").read_text("utf-8")

OWNER, STRANGER, NOBODY = "nexiom_test_owner", "nexiom_test_stranger", "nexiom_test_nobody"
PASSWORD = "only-on-loopback"
_ROLES: Mapping[str, str] = {
    "anon": "nologin",
    "authenticated": "nologin",
    "service_role": "nologin bypassrls",
    OWNER: f"login password '{PASSWORD}'",
    STRANGER: f"login password '{PASSWORD}'",
    NOBODY: "nologin",
}

REFUSED = "42501"

TYPES = ("video", "image", "audio")
STATUSES = ("pending", "processing", "completed", "failed", "queued", "DONE", "", None)
_OLD_ROW = (
    "insert into generation_jobs (type, prompt, model, duration_seconds, status, result_url, error_message) values "
)
_ODD_ROWS = (
    "('video', '', null, 0, 'completed', null, null)",
    "('video', null, null, -3, 'failed', null, null)",
    "('video', 'no such tier', 'm', 2147483647, 'completed', 'https://x/1', 'and an error')",
    "(null, 'no type', null, null, 'pending', null, null)",
    "('Video', 'another case', null, null, 'pending', null, null)",
)
_NINE = "id, type, prompt, model, duration_seconds::text, reference_media_path, status, result_url, error_message"

_CATALOGUE: Mapping[str, str] = {
    "columns": """select attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(d.adbin, d.adrelid),
        (select array_agg(x::text order by x::text) from unnest(attacl) x)
        from pg_attribute a left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        where attrelid = 'public.generation_jobs'::regclass and attnum > 0 and not attisdropped order by 1""",
    "table": """select relrowsecurity, relforcerowsecurity,
        (select array_agg(x::text order by x::text) from unnest(relacl) x)
        from pg_class where oid = 'public.generation_jobs'::regclass""",
    "constraints": """select conname, pg_get_constraintdef(oid), convalidated from pg_constraint
        where conrelid = 'public.generation_jobs'::regclass and contype <> 'n' order by 1""",
    "indexes": "select indexdef from pg_indexes where schemaname = 'public' order by 1",
    "policies": "select * from pg_policies order by schemaname, tablename, policyname",
    "functions": """select p.oid::regprocedure::text, pg_get_functiondef(p.oid), prosecdef,
        (select array_agg(x::text order by x::text) from unnest(proacl) x) from pg_proc p
        where pronamespace = 'public'::regnamespace order by 1""",
    "triggers": """select pg_get_triggerdef(oid) from pg_trigger
        where tgrelid = 'public.generation_jobs'::regclass and not tgisinternal order by 1""",
}


# The same as `Somebody.tries`, for very many at once: what is raised takes everything back, the role as well.
_PASSED = "PASSD"
_TRIED = f"""
create function pg_temp.tried(who text, claims text, what text) returns text language plpgsql as $$
declare rule text;
begin
  perform set_config('request.jwt.claims', claims, true);
  execute format('set local role %I', who);
  execute what;
  raise exception using errcode = '{_PASSED}';
exception when others then
  get stacked diagnostics rule = constraint_name;
  return coalesce(nullif(rule, ''), sqlstate);
end $$
"""


@cache
def _roles() -> None:
    with psycopg.connect(server_url()) as admin:  # in one transaction, which keeps other processes of the run out
        admin.execute("select pg_advisory_xact_lock(74)")
        for role, options in _ROLES.items():
            there = admin.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
            if there is None:
                admin.execute(sql.SQL("create role {} " + options).format(sql.Identifier(role)))


def as_url(conninfo: str) -> str:
    """The same address in the form that settings take."""
    parts = conninfo_to_dict(conninfo)
    login = ":".join(quote(str(parts.pop(key)), safe="") for key in ("user", "password") if key in parts)
    return f"postgresql://{login}@/{parts.pop('dbname')}?{urlencode(parts)}"


def as_user(url: str, user: str) -> str:
    """The same database for one of the roles that may log in."""
    return make_conninfo(url, user=user, password=PASSWORD)


@contextlib.contextmanager
def roles_database() -> Iterator[str]:
    """An empty database on a server that has the roles."""
    _roles()
    with database() as url:
        yield url


@cache
def _supabase_template(before: str) -> str:
    _roles()
    return template(STUB, before)


@contextlib.contextmanager
def supabase_database(*, before: str = "") -> Iterator[str]:
    """A database like Supabase's, with what was there before the migration."""
    with database(template=_supabase_template(before)) as url:
        yield url


def fill_with_old_rows(url: str) -> None:
    """A row of every type in every status, and odd ones; the trigger's notes about that are thrown away."""
    rows = product(TYPES, STATUSES)
    with psycopg.connect(url) as db:
        for kind, status in rows:
            result = "https://old.example/1.mp4" if status == "completed" else None
            error = "it broke" if status == "failed" else None
            db.execute(_OLD_ROW + "(%s, 'a fox', 'm1', 8, %s, %s, %s)", (kind, status, result, error))
        for odd in _ODD_ROWS:
            db.execute((_OLD_ROW + odd).encode())
        db.execute("truncate noticed")


def nine_values(url: str) -> list[tuple[object, ...]]:
    """The nine columns of every row."""
    with psycopg.connect(url) as db:
        return db.execute(f"select {_NINE} from public.generation_jobs order by id".encode()).fetchall()


def catalogue(url: str) -> Catalogue:
    """Everything that the migration makes, without what differs from database to database."""
    with psycopg.connect(url) as db:
        found: dict[str, Sequence[tuple[object, ...]]] = {
            name: db.execute(query.encode()).fetchall() for name, query in _CATALOGUE.items()
        }
        if one(db, "select to_regclass('storage.buckets') is not null"):
            found["buckets"] = db.execute("select id, name, public from storage.buckets order by id").fetchall()
        return found


def one(db: psycopg.Connection, statement: str, *values: object) -> object:
    """The only value of the only row."""
    row = db.execute(statement.encode(), values).fetchone()
    assert row is not None
    return row[0]


@dataclass(frozen=True)
class Somebody:
    """Who asks: a role, and for one of the app's users, the id in the token."""

    role: str
    user_id: str | None = None

    @property
    def claims(self) -> str:
        """What stands in the token."""
        return json.dumps({} if self.user_id is None else {"sub": self.user_id, "role": self.role})

    def becomes(self, db: psycopg.Connection) -> None:
        """From here to the end of the transaction, the connection is theirs."""
        db.execute(
            sql.SQL("set local role {}; select set_config('request.jwt.claims', {}, true)").format(
                sql.Identifier(self.role), sql.Literal(self.claims)
            )
        )

    def tries(self, db: psycopg.Connection, statement: str, *values: object) -> list[tuple[object, ...]] | str:
        """The rows, or their number where there are none to read, or the code of the refusal; nothing is kept."""
        try:
            with db.transaction(force_rollback=True):
                self.becomes(db)
                cursor = db.execute(statement.encode(), values or None)
                return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]
        except psycopg.Error as error:
            return error.sqlstate or type(error).__name__

    def outcomes(self, db: psycopg.Connection, statements: Mapping[str, str], *, done: str) -> Mapping[str, str]:
        """What came of each of these, by name: done, the code of the refusal, or the rule that was broken."""
        if one(db, "select to_regproc('pg_temp.tried') is null"):
            db.execute(_TRIED.encode())
        outcomes = db.execute(
            "select name, pg_temp.tried(%s, %s, what) from unnest(%s::text[], %s::text[]) t (name, what)",
            (self.role, self.claims, list(statements), list(statements.values())),
        ).fetchall()
        return {str(name): done if outcome == _PASSED else str(outcome) for name, outcome in outcomes}

    def may(self, db: psycopg.Connection, statements: Mapping[str, str]) -> set[str]:
        """Which of these, by name, are not refused to them; nothing is kept.

        Anything but done and refused fails: a statement that is wrong proves nothing.
        """
        outcomes = self.outcomes(db, statements, done=_PASSED)
        assert set(outcomes.values()) <= {_PASSED, REFUSED}, outcomes
        return {name for name, outcome in outcomes.items() if outcome == _PASSED}
