"""What `SqliteRepository` says to SQLite: values are bound by name, only words of our own are put into the text."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.backends.rows import CLAIMABLE_SQL, COLUMNS, SAVED

_CONDITIONS: Mapping[str, str] = {
    "before": "created_at < :before",
    "due_before": f"{CLAIMABLE_SQL} and run_at < :due_before and (leased_until is null or leased_until < :now)",
    "user_id": "user_id = :user_id",
    "provider": "provider = :provider",
    "provider_job_id": "provider_job_id = :provider_job_id",
    "status": "status = :status",
    "phases": "phase in (select value from json_each(:phases))",
}


def where(wanted: Mapping[str, object]) -> str:
    """The conditions for the values that are set; rows of another type are not ours.

    Example:
        >>> where({"user_id": "u1", "provider": None})
        "type = 'video' and user_id = :user_id"
    """
    set_ones = (_CONDITIONS[name] for name, value in wanted.items() if value is not None)
    return " and ".join(("type = 'video'", *set_ones))


def listed(wanted: Mapping[str, object]) -> str:
    """The rows for the values that are set: newest first, or longest due first where `due_before` is set."""
    order = "created_at desc, rowid desc" if wanted.get("due_before") is None else "run_at"
    return f"select * from generation_jobs where {where(wanted)} order by {order} limit :limit"


ADD = f"""
insert into generation_jobs ({", ".join(COLUMNS)}) values ({", ".join(f":{name}" for name in COLUMNS)})
"""

BY_ID = "select * from generation_jobs where id = :id"

BY_CLIENT_KEY = """
select * from generation_jobs
 where type = 'video' and coalesce(user_id, '') = coalesce(:user_id, '') and client_key = :client_key
"""

_CLAIM = f"""
update generation_jobs set leased_until = :leased_until, fence = fence + 1
 where id in (
   select id from generation_jobs
    where type = 'video' and {CLAIMABLE_SQL}
      and run_at <= :now and (leased_until is null or leased_until < :now) and {{which}}
    order by run_at limit :limit)
returning *
"""
CLAIM_ANY = _CLAIM.format(which="true")
CLAIM_ONE = _CLAIM.format(which="id = :id")

# A wake since the row was read is kept, and so is a cancel before an intent; what brings an uncertain job back moves
# the fence: see JobRepository.save.
_SAVE = """
update generation_jobs
   set {saved}, updated_at = :now{more},
       run_at = case when :run_at = :run_at_read then run_at
                     when run_at = :run_at_read then :run_at
                     else min(run_at, :run_at) end,
       leased_until = case when :leased_until is null then null else leased_until end,
       fence = fence + (phase = 'unknown' and fence > 0)
 where id = :id and type = 'video' and fence = :fence
   and not (phase = 'queued' and :phase = 'submitting' and cancel_requested_at is not null
            and :cancel_requested_at is null)
"""
SAVE = _SAVE.format(saved=", ".join(f"{name} = :{name}" for name in SAVED), more="")

# What becomes an order for the first time counts towards the budgets of now.
ADMIT = _SAVE.format(
    saved=", ".join(f"{name} = :{name}" for name in (*SAVED, "request")),
    more=", created_at = case when :order_no = 0 then :now else created_at end",
)

HELD = "select 1 from generation_jobs where id = :id and type = 'video' and fence = :fence"

EXTEND = """
update generation_jobs set leased_until = :leased_until
 where id = :id and type = 'video' and fence = :fence and leased_until is not null
"""

WAKE = f"""
update generation_jobs
   set run_at = :run_at, cancel_requested_at = coalesce(cancel_requested_at, case when :cancel then :now end)
 where id = :id and type = 'video' and {CLAIMABLE_SQL}
"""

# `or ignore`: an id that another job holds is not taken from it. An unknown row that nobody ever claimed is a video
# from before this library, which never ordered it.
ADOPT = """
update or ignore generation_jobs
   set provider = :provider, provider_job_id = :provider_job_id, phase = 'waiting', status = 'processing',
       error_code = null, error_message = null, run_at = :now, leased_until = null, fence = fence + 1, updated_at = :now
 where id = :id and type = 'video' and order_no = :order_no and provider_job_id is null
   and (phase in ('queued', 'submitting') or phase = 'unknown' and fence > 0)
"""

HOLDS = """
select 1 from generation_jobs
 where id = :id and type = 'video' and provider = :provider and provider_job_id = :provider_job_id
"""

DURATIONS = """
select json_extract(provider_metadata, '$.timing.took_seconds') from generation_jobs
 where type = 'video' and status = 'completed' and json_extract(provider_metadata, '$.timing.key') = :key
   and json_type(provider_metadata, '$.timing.took_seconds') in ('real', 'integer')
 order by created_at desc, rowid desc limit :limit
"""
