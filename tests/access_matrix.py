"""Who may do what on Supabase: tried out, statement by statement, and what it has to be."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
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
FILED = "filed"
_NOT_HERS = "nexiom_reference_in_own_folder"
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

# What anybody may try to file, and what comes of it for Alice: the name of the rule that it breaks, for her app to see.
_WISH: Mapping[str, object] = {"type": "image", "prompt": "a fox"}
_LONG = 1001
_FILINGS: Mapping[str, tuple[Mapping[str, object], str]] = {
    "a plain order": ({}, FILED),
    "the longest prompt": ({"prompt": "x" * 65_536}, FILED),
    "a prompt that is too long": ({"prompt": "x" * 65_537}, "nexiom_prompt_at_most_64_kib"),
    "a prompt too long in bytes only": ({"prompt": "é" * 32_769}, "nexiom_prompt_at_most_64_kib"),
    "a blank prompt": ({"prompt": " \n"}, "nexiom_prompt_not_blank"),
    "a request": ({"request": '{"prompt": "a fox", "audio": true}'}, FILED),
    "a request that is too long": ({"request": f'{{"a": "{"x" * 65_536}"}}'}, "nexiom_request_at_most_64_kib"),
    "a request that is a list": ({"request": "[]"}, "nexiom_request_is_object"),
    "a request that is null": ({"request": "null"}, "nexiom_request_is_object"),
    "the longest clip": ({"duration_seconds": 3600}, FILED),
    "a clip that is too long": ({"duration_seconds": Decimal("3600.1")}, "nexiom_duration_at_most_3600_s"),
    "a clip of no length": ({"duration_seconds": 0}, "nexiom_duration_at_most_3600_s"),
    "a length that is no number": ({"duration_seconds": Decimal("NaN")}, "nexiom_duration_at_most_3600_s"),
    "a length of many digits": ({"duration_seconds": Decimal(f"1.{'1' * 21}")}, "nexiom_duration_at_most_3600_s"),
    "the longest names": ({"type": "t" * 200, "model": "m" * 300, "provider": "p" * 500}, FILED),
    "a long type": ({"type": "t" * _LONG}, "nexiom_names_at_most_1000_bytes"),
    "a long model": ({"model": "m" * _LONG}, "nexiom_names_at_most_1000_bytes"),
    "a long provider": ({"provider": "p" * _LONG}, "nexiom_names_at_most_1000_bytes"),
    "a long tier": ({"quality_tier": "q" * _LONG}, "nexiom_names_at_most_1000_bytes"),
    "a long key": ({"client_key": "k" * _LONG}, "nexiom_names_at_most_1000_bytes"),
    **{what: ({"reference_media_path": path}, outcome) for what, (path, outcome) in {
        "a reference of hers": (f"{ALICE}/fox.png", FILED),
        "a reference in a folder of hers": (f"{ALICE}/deep/fox.v2.png", FILED),
        "a reference of his": (f"{BOB}/fox.png", _NOT_HERS),
        "a reference of nobody": ("fox.png", _NOT_HERS),
        "a folder that begins like hers": (f"{ALICE}x/fox.png", _NOT_HERS),
        "her folder itself": (f"{ALICE}/", _NOT_HERS),
        "a way out of her folder": (f"{ALICE}/../{BOB}/fox.png", _NOT_HERS),
        "a way out by backslashes": (f"{ALICE}/a\\..\\b.png", _NOT_HERS),
        "an empty part": (f"{ALICE}//fox.png", _NOT_HERS),
        "a long path": (f"{ALICE}/{'x' * 1024}", _NOT_HERS),
    }.items()},
}  # fmt: skip
_FILED_BY_ALICE = {what: outcome for what, (_, outcome) in _FILINGS.items()}
_FILED_BY_BOB = _FILED_BY_ALICE | {
    what: _NOT_HERS for what, (columns, _) in _FILINGS.items() if "reference_media_path" in columns
} | {"a reference of his": FILED}  # fmt: skip

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
    "filed": _each(dict.fromkeys(_FILINGS, FILED), dict.fromkeys(_FILINGS, REFUSED), dict.fromkeys(_FILINGS, REFUSED))
        | {"alice": _FILED_BY_ALICE, "bob": _FILED_BY_BOB},
    "a row as filed": {"alice": [(ALICE, "pending", "queued", 0)], "bob": [(BOB, "pending", "queued", 0)]},
    "executes": _each(set(_FUNCTIONS), {_FUNCTIONS[1]}, set[str]()),
    "polls hers": _of_alice([(HERS, "pending")], [(HERS, "pending")], [], REFUSED),
    "claims": _each([(3,)], REFUSED, REFUSED),
    "functions with the rights of their owner": [],
    "search paths": [
        (name, 'search_path=""') for name in ("get_generation_job", "nexiom_schema_version", "nexiom_tell_workers")
    ],
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

    filings = {what: _filing(db, {**_WISH, **columns}) for what, (columns, _) in _FILINGS.items()}
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
        "filed": {name: who.outcomes(db, filings, done=FILED) for name, who in WHO.items()},
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
        "search paths": db.execute(
            "select proname, unnest(proconfig) from pg_proc where pronamespace = 'public'::regnamespace order by 1"
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


def _filing(db: psycopg.Connection, columns: Mapping[str, object]) -> str:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    values = sql.SQL(", ").join(map(sql.Literal, columns.values()))
    return sql.SQL("insert into generation_jobs ({}) values ({})").format(names, values).as_string(db)


def _upload(at: str) -> str:
    bucket, _, name = at.partition("/")
    return f"insert into storage.objects (bucket_id, name) values ('{bucket}', '{name}')"
