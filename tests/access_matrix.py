"""Who may do what on Supabase: tried out, statement by statement, and what it has to be."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TypeAlias

import psycopg
from psycopg import sql

from schema_rig import NOBODY, REFUSED, Somebody

Facts: TypeAlias = Mapping[str, object]

ALICE, BOB = str(uuid.UUID(int=0xA)), str(uuid.UUID(int=0xB))
WHO: Mapping[str, Somebody] = {
    "anon": Somebody("anon"),
    "alice": Somebody("authenticated", ALICE),
    "bob": Somebody("authenticated", BOB),
    "without id": Somebody("authenticated"),
    "worker": Somebody("service_role"),
    "nobody": Somebody(NOBODY),
}
HERS = "11111111-1111-4111-8111-111111111111"

_SETTING = f"""
insert into generation_jobs (id, type, prompt, user_id) values
  ('{HERS}', 'video', 'hers', '{ALICE}'), (gen_random_uuid(), 'video', 'his', '{BOB}'),
  (gen_random_uuid(), 'video', 'old', null);
insert into storage.buckets (id, name)
  select id, id from unnest(array['inputs', 'outputs', 'avatars', 'empty']) id on conflict do nothing;
insert into storage.objects (bucket_id, name) select bucket, owner || '/x'
  from unnest(array['inputs', 'outputs', 'avatars']) bucket, unnest(array['{ALICE}', '{BOB}']) owner;
"""

_SEEN = {
    "id", "type", "prompt", "model", "duration_seconds", "reference_media_path", "status", "result_url",
    "error_message", "provider", "quality_tier", "request", "user_id", "client_key", "result_path", "error_code",
    "progress", "created_at", "updated_at",
}  # fmt: skip
_FILED = {
    "type", "prompt", "model", "provider", "duration_seconds", "reference_media_path", "quality_tier", "client_key",
    "request",
}  # fmt: skip
_HIDDEN = {
    "provider_job_id", "provider_metadata", "phase", "run_at", "leased_until", "fence", "order_no", "attempts",
    "submit_started_at", "cancel_requested_at", "estimated_cost_usd", "cost_usd",
}  # fmt: skip
_ALL = _SEEN | _HIDDEN
_USERS = ("alice", "bob", "without id")


def _each(worker: object, users: object, others: object) -> dict[str, object]:
    """What the worker, the three kinds of users, and everybody else get."""
    return {"anon": others, "nobody": others, "worker": worker, **dict.fromkeys(_USERS, users)}


def _nothing(worker: object) -> dict[str, object]:
    return _each(worker, set[str](), set[str]())


def _of_alice(worker: object, alice: object, users: object, others: object) -> dict[str, object]:
    return _each(worker, users, others) | {"alice": alice}


_EVERY_PRIVILEGE = {"select", "insert", "update", "delete", "truncate", "references", "trigger"}
_FUNCTIONS = (
    "claim_generation_jobs(integer, double precision, uuid)",
    "get_generation_job(uuid)",
    "nexiom_schema_version()",
    "nexiom_tell_workers()",
)

# What every person may file, and what the policy refuses; the values of the columns prompt, request and the path.
_FILINGS: Mapping[str, tuple[str, str, str | None]] = {
    "a plain order": ("a fox", "{}", None),
    "the longest prompt": ("x" * 65_536, "{}", None),
    "a prompt that is too long": ("x" * 65_537, "{}", None),
    "a prompt too long in bytes only": ("é" * 32_769, "{}", None),
    "a blank prompt": (" \n", "{}", None),
    "a request": ("a fox", '{"prompt": "a fox", "audio": true}', None),
    "a request that is too long": ("a fox", '{"a": "' + "x" * 65_536 + '"}', None),
    "a request that is a list": ("a fox", "[]", None),
    "a request that is null": ("a fox", "null", None),
    "a reference of hers": ("a fox", "{}", f"{ALICE}/fox.png"),
    "a reference in a folder of hers": ("a fox", "{}", f"{ALICE}/deep/fox.v2.png"),
    "a reference of his": ("a fox", "{}", f"{BOB}/fox.png"),
    "a reference of nobody": ("a fox", "{}", "fox.png"),
    "a folder that begins like hers": ("a fox", "{}", f"{ALICE}x/fox.png"),
    "her folder itself": ("a fox", "{}", f"{ALICE}/"),
    "a way out of her folder": ("a fox", "{}", f"{ALICE}/../{BOB}/fox.png"),
    "a way out by backslashes": ("a fox", "{}", f"{ALICE}/a\\..\\b.png"),
    "an empty part": ("a fox", "{}", f"{ALICE}//fox.png"),
}
_FILED_BY_ALICE = {
    "a plain order", "the longest prompt", "a request", "a reference of hers", "a reference in a folder of hers",
}  # fmt: skip
_FILED_BY_BOB = {"a plain order", "the longest prompt", "a request", "a reference of his"}

_STORED = sorted(f"{bucket}/{owner}/x" for bucket in ("inputs", "outputs", "avatars") for owner in (ALICE, BOB))
_UPLOADS = (f"inputs/{ALICE}/y", f"inputs/{BOB}/y", "inputs/y", f"outputs/{ALICE}/y", f"avatars/{ALICE}/y")

EXPECTED: Facts = {
    "privileges": _nothing(_EVERY_PRIVILEGE),
    "columns selected": _each(_ALL, _SEEN, set[str]()),
    "columns inserted": _each(_ALL, _FILED, set[str]()) | {"without id": set[str]()},
    "columns updated": _nothing(_ALL),
    "rows selected": {"anon": REFUSED, "nobody": REFUSED, "without id": [], "alice": ["hers"], "bob": ["his"],
                      "worker": ["hers", "his", "old"]},
    "rows deleted": _each([(3,)], REFUSED, REFUSED),
    "truncate": _each([(-1,)], REFUSED, REFUSED),
    "filed": _nothing(set(_FILINGS)) | {"alice": _FILED_BY_ALICE, "bob": _FILED_BY_BOB},
    "a row as filed": {"alice": [(ALICE, "pending", "queued", 0)], "bob": [(BOB, "pending", "queued", 0)]},
    "executes": _each(set(_FUNCTIONS), {_FUNCTIONS[1]}, set[str]()),
    "polls hers": _of_alice([(HERS, "pending")], [(HERS, "pending")], [], REFUSED),
    "claims": _each([(3,)], REFUSED, REFUSED),
    "functions with the rights of their owner": [],
    "search path of the poll": [('search_path=""',)],
    "row security": [(True, False)],
    "policies": [
        ("public", "generation_jobs", "nexiom: file own jobs", "INSERT", ["authenticated"]),
        ("public", "generation_jobs", "nexiom: see own jobs", "SELECT", ["authenticated"]),
        ("storage", "objects", "nexiom: put own inputs", "INSERT", ["authenticated"]),
        ("storage", "objects", "nexiom: see own media", "SELECT", ["authenticated"]),
    ],
    "buckets": [("inputs", False), ("outputs", False)],
    "buckets selected": _each([("avatars",), ("empty",), ("inputs",), ("outputs",)], [], []) | {"nobody": REFUSED},
    "buckets inserted": _each([(1,)], REFUSED, REFUSED),
    "buckets updated": _each([(4,)], [(0,)], [(0,)]) | {"nobody": REFUSED},
    "buckets deleted": _each([(1,)], [(0,)], [(0,)]) | {"nobody": REFUSED},
    "objects selected": _each(_STORED, [], []) | {"nobody": REFUSED,
        "alice": [f"inputs/{ALICE}/x", f"outputs/{ALICE}/x"], "bob": [f"inputs/{BOB}/x", f"outputs/{BOB}/x"]},
    "objects inserted": _nothing(set(_UPLOADS)) | {"alice": {_UPLOADS[0]}, "bob": {_UPLOADS[1]}},
    "objects overwritten": _each([(1,)], REFUSED, REFUSED),
    "objects updated": _each([(6,)], [(0,)], [(0,)]) | {"nobody": REFUSED},
    "objects deleted": _each([(6,)], [(0,)], [(0,)]) | {"nobody": REFUSED},
}  # fmt: skip


def observed(db: psycopg.Connection, script: str) -> Facts:
    """Everything of `EXPECTED`, tried after the script was run; in the end all of it is taken back."""
    with db.transaction(force_rollback=True):
        db.execute(script.encode())
        buckets = db.execute("select id, public from storage.buckets order by id").fetchall()
        db.execute(_SETTING.encode())
        return {
            "buckets": buckets, **_table_facts(db), **_function_facts(db), **_storage_facts(db), **_policies(db),
        }  # fmt: skip


def _table_facts(db: psycopg.Connection) -> Facts:
    columns = [str(name) for (name,) in db.execute(
        "select attname from pg_attribute"
        " where attrelid = 'generation_jobs'::regclass and attnum > 0 and not attisdropped"
    )]  # fmt: skip

    def allowed(statement: Callable[[str], str]) -> dict[str, object]:
        tried = {column: statement(column) for column in columns}
        return {name: who.may(db, tried) for name, who in WHO.items()}

    def fileable(column: str) -> str:
        also = "" if column == "prompt" else f", {column}"
        return f"insert into generation_jobs (prompt{also}) values ('x'{also and ', default'})"

    filings = {what: _filing(db, values) for what, values in _FILINGS.items()}
    return {
        "privileges": {
            name: {one for one in _EVERY_PRIVILEGE if _may(db, who, "table", "generation_jobs", one)}
            for name, who in WHO.items()
        },
        "columns selected": allowed(lambda column: f"select {column} from generation_jobs"),
        "columns inserted": allowed(fileable),
        "columns updated": allowed(lambda column: f"update generation_jobs set {column} = {column}"),
        "rows selected": _listed(db, "select prompt from generation_jobs order by prompt"),
        "rows deleted": _tried(db, "delete from generation_jobs"),
        "truncate": _tried(db, "truncate generation_jobs"),
        "filed": {name: who.may(db, filings) for name, who in WHO.items()},
        "a row as filed": {name: _as_filed(db, WHO[name]) for name in ("alice", "bob")},
        "row security": db.execute(
            "select relrowsecurity, relforcerowsecurity from pg_class where oid = 'generation_jobs'::regclass"
        ).fetchall(),
    }


def _function_facts(db: psycopg.Connection) -> Facts:
    return {
        "executes": {
            name: {one for one in _FUNCTIONS if _may(db, who, "function", f"public.{one}", "execute")}
            for name, who in WHO.items()
        },
        "polls hers": _tried(db, f"select id::text, status from get_generation_job('{HERS}')"),
        "claims": _tried(db, "select count(*) from claim_generation_jobs(10, 60)"),
        "functions with the rights of their owner": db.execute(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef"
        ).fetchall(),
        "search path of the poll": db.execute(
            "select unnest(proconfig) from pg_proc where proname = 'get_generation_job'"
        ).fetchall(),
    }


def _storage_facts(db: psycopg.Connection) -> Facts:
    uploads = {at: _upload(at) for at in _UPLOADS}
    again = f"{_upload(f'inputs/{ALICE}/x')} on conflict (bucket_id, name) do update set name = excluded.name"
    return {
        "buckets selected": _tried(db, "select id from storage.buckets order by id"),
        "buckets inserted": _tried(db, "insert into storage.buckets (id, name) values ('mine', 'mine')"),
        "buckets updated": _tried(db, "update storage.buckets set public = true"),
        "buckets deleted": _tried(db, "delete from storage.buckets where id = 'empty'"),
        "objects selected": _listed(db, "select bucket_id || '/' || name as at from storage.objects order by at"),
        "objects inserted": {name: who.may(db, uploads) for name, who in WHO.items()},
        "objects overwritten": _tried(db, again),
        "objects updated": _tried(db, "update storage.objects set bucket_id = 'avatars', name = 'taken/' || id"),
        "objects deleted": _tried(db, "delete from storage.objects"),
    }


def _policies(db: psycopg.Connection) -> Facts:
    ours = "select schemaname, tablename, policyname, cmd, roles from pg_policies where policyname like 'nexiom: %'"
    return {"policies": db.execute(f"{ours} order by 1, 2, 3".encode()).fetchall()}


def _tried(db: psycopg.Connection, statement: str) -> dict[str, object]:
    return {name: who.tries(db, statement) for name, who in WHO.items()}


def _listed(db: psycopg.Connection, statement: str) -> dict[str, object]:
    """The only column of what each of them sees."""
    seen = _tried(db, statement)
    return {name: [row[0] for row in rows] if isinstance(rows, list) else rows for name, rows in seen.items()}


def _may(db: psycopg.Connection, who: Somebody, kind: str, name: str, what: str) -> bool:
    row = db.execute(f"select has_{kind}_privilege(%s, %s, %s)".encode(), (who.role, name, what)).fetchone()
    return row is not None and row[0] is True


def _as_filed(db: psycopg.Connection, who: Somebody) -> list[tuple[object, ...]] | str:
    """What stands in the row of an order of theirs, the hidden columns too."""
    with db.transaction(force_rollback=True):
        who.becomes(db)
        try:
            with db.transaction():
                db.execute("insert into generation_jobs (prompt) values ('filed')")
        except psycopg.errors.InsufficientPrivilege as error:
            return str(error.sqlstate)
        db.execute("reset role")
        return db.execute(
            "select user_id, status, phase, fence::int from generation_jobs where prompt = 'filed'"
        ).fetchall()


def _filing(db: psycopg.Connection, values: tuple[str, str, str | None]) -> str:
    return (
        sql.SQL("insert into generation_jobs (prompt, request, reference_media_path) values ({}, {}, {})")
        .format(*map(sql.Literal, values))
        .as_string(db)
    )


def _upload(at: str) -> str:
    bucket, _, name = at.partition("/")
    return f"insert into storage.objects (bucket_id, name) values ('{bucket}', '{name}')"
