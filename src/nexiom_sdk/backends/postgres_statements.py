"""What `PostgresRepository` says to PostgreSQL: values are bound by name, only words of our own are put into the text.

`now()` is the database's clock, so that workers on machines whose clocks differ agree on leases.
"""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.backends.rows import CLAIMABLE_SQL, COLUMNS, SAVED, TIMES

CHANNEL = "nexiom_jobs"  # a hint that rows may be due; nothing depends on its arrival

_CONDITIONS: Mapping[str, str] = {
    "before": "created_at < %(before)s",
    "due_before": (f"{CLAIMABLE_SQL} and run_at < %(due_before)s and (leased_until is null or leased_until < now())"),
    "user_id": "user_id = %(user_id)s",
    "provider": "provider = %(provider)s",
    "provider_job_id": "provider_job_id = %(provider_job_id)s",
    "status": "status = %(status)s",
    "phases": "phase = any(%(phases)s)",
}
_JSON = ("provider_metadata", "request")


def where(wanted: Mapping[str, object]) -> str:
    """The conditions for the values that are set; rows of another type are not ours.

    Example:
        >>> where({"user_id": "u1", "provider": None})
        "type = 'video' and user_id = %(user_id)s"
    """
    set_ones = (_CONDITIONS[name] for name, value in wanted.items() if value is not None)
    return " and ".join(("type = 'video'", *set_ones))


def listed(wanted: Mapping[str, object]) -> bytes:
    """The rows for the values that are set: newest first, or longest due first where `due_before` is set."""
    # Of the table, because without its name the order would be that of the texts that are read.
    order = "created_at desc, generation_jobs.id desc" if wanted.get("due_before") is None else "run_at"
    return f"""
select {_COLUMNS} from public.generation_jobs where {where(wanted)} order by generation_jobs.{order} limit %(limit)s
""".encode()


def _bound(name: str) -> str:
    return f"%({name})s::jsonb" if name in _JSON else f"%({name})s"


def _read(name: str) -> str:
    # A float4 written out in digits would not be the number it holds. Times come in UTC and in one form, whatever zone
    # and DateStyle the session has; as text, because a time that Python has none for must not spoil the other rows.
    if name in TIMES:
        return f"to_jsonb({name} at time zone 'UTC') #>> '{{}}' as {name}"
    return "progress::float8" if name == "progress" else name


_COLUMNS = ", ".join(map(_read, COLUMNS))

# A row that has this id, or this key of the client, is left alone; the statements below tell which.
ADD = f"""
insert into public.generation_jobs ({", ".join(COLUMNS)}) values ({", ".join(map(_bound, COLUMNS))})
on conflict do nothing
""".encode()

ADD_IF = f"""
insert into public.generation_jobs ({", ".join(COLUMNS)}) select {", ".join(map(_bound, COLUMNS))}
 where {{room}} on conflict do nothing
"""

BY_ID = f"select {_COLUMNS} from public.generation_jobs where id = %(id)s".encode()

# Whether it is the same request is asked of what the column makes of one: it has no NUL and no NaN.
BY_CLIENT_KEY = f"""
select {_COLUMNS}, request = %(request)s::jsonb as same_request from public.generation_jobs
 where type = 'video' and coalesce(user_id, '') = coalesce(%(user_id)s, '') and client_key = %(client_key)s
""".encode()

CLAIM = f"select {_COLUMNS} from public.claim_generation_jobs(%(limit)s, %(lease_seconds)s, %(id)s)".encode()

# A wake since the row was read is kept, and so is a cancel before an intent; what brings an uncertain job back moves
# the fence: see JobRepository.save.
_STEP = """
       run_at = case when %(run_at)s = %(run_at_read)s then run_at
                     when run_at = %(run_at_read)s then %(run_at)s
                     else least(run_at, %(run_at)s) end,
       leased_until = case when %(leased_until)s::timestamptz is null then null else leased_until end,
       fence = fence + (phase = 'unknown' and fence > 0)::int
 where id = %(id)s and type = 'video' and fence = %(fence)s
   and not (phase = 'queued' and %(phase)s = 'submitting' and cancel_requested_at is not null
            and %(cancel_requested_at)s::timestamptz is null)
"""
SAVE = f"""
update public.generation_jobs
   set {", ".join(f"{name} = {_bound(name)}" for name in SAVED)}, updated_at = now(),{_STEP}
""".encode()

# What becomes an order for the first time counts towards the budgets of now.
_ADMIT = f"""
update public.generation_jobs
   set {", ".join(f"{name} = {_bound(name)}" for name in (*SAVED, "request"))}, updated_at = now(),
       created_at = case when %(order_no)s = 0 then now() else created_at end,{_STEP}
"""
ADMIT = _ADMIT.encode()
ADMIT_IF = f"{_ADMIT} and {{room}}"

FENCE = b"select fence from public.generation_jobs where id = %(id)s and type = 'video'"

NOW = b"select now() as now"

EXTEND = b"""
update public.generation_jobs set leased_until = now() + make_interval(secs => %(seconds)s)
 where id = %(id)s and type = 'video' and fence = %(fence)s and leased_until is not null
"""

WAKE = f"""
update public.generation_jobs
   set run_at = now() + make_interval(secs => %(after_seconds)s),
       cancel_requested_at = coalesce(cancel_requested_at, case when %(cancel)s then now() end)
 where id = %(id)s and type = 'video' and {CLAIMABLE_SQL}
returning pg_notify('{CHANNEL}', '')
""".encode()

# An unknown row that nobody ever claimed is a video from before this library, which never ordered it.
ADOPT = f"""
update public.generation_jobs
   set provider = %(provider)s, provider_job_id = %(provider_job_id)s, phase = 'waiting', status = 'processing',
       error_code = null, error_message = null, run_at = now(), leased_until = null, fence = fence + 1,
       updated_at = now()
 where id = %(id)s and type = 'video' and order_no = %(order_no)s and provider_job_id is null
   and (phase in ('queued', 'submitting') or phase = 'unknown' and fence > 0)
returning pg_notify('{CHANNEL}', '')
""".encode()

HOLDS = b"""
select 1 from public.generation_jobs
 where id = %(id)s and type = 'video' and provider = %(provider)s and provider_job_id = %(provider_job_id)s
"""

# What is no sane length of time is left out: `case`, because conditions may be asked in any order.
DURATIONS = b"""
select took::float8 as took_seconds
  from (select created_at, case when jsonb_typeof(provider_metadata #> '{timing,took_seconds}') = 'number'
                                then (provider_metadata #>> '{timing,took_seconds}')::numeric end as took
          from public.generation_jobs
         where type = 'video' and status = 'completed'
           and provider_metadata #>> '{timing,key}' = %(key)s) finished
 where took = 0 or took between 1e-9 and 1e9
 order by created_at desc limit %(limit)s
"""
