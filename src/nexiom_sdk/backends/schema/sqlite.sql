-- The table generation_jobs for SQLite: the columns and rules of the PostgreSQL form, first the thirteen that front ends know.
-- Times are UTC text of fixed width, which compares as time does; money is decimal text; JSON is text.
create table generation_jobs (
  id text primary key not null,
  type text not null default 'video',
  prompt text not null,
  model text,
  duration_seconds real,
  reference_media_path text,
  status text not null default 'pending',
  result_url text,
  error_message text,
  provider text,
  provider_job_id text,
  quality_tier text,
  provider_metadata text not null default '{}',
  -- what was asked, by whom, and the client's own key against a double tap
  request text not null default '{}',
  user_id text,
  client_key text,
  -- what the worker needs
  phase text not null default 'queued',
  run_at text not null,                 -- next step; webhook and cancel set it to now
  leased_until text,                    -- set by the claim; null or past: free
  fence integer not null default 0,     -- +1 with every claim; each worker write must match it
  order_no integer not null default 0,  -- +1 with failover and resubmit only; "{id}.{order_no}" goes to the provider
  attempts integer not null default 0,  -- failures in a row, in this phase
  submit_started_at text,               -- committed before the paid POST goes out
  cancel_requested_at text,
  -- what came of it
  result_path text,
  error_code text,
  progress real,                        -- 0 to 1
  estimated_cost_usd text,
  cost_usd text,
  created_at text not null,
  updated_at text not null,
  constraint generation_jobs_phase_values check (phase in ('queued', 'submitting', 'waiting', 'saving', 'unknown', 'done')),
  constraint generation_jobs_video_values check (type is not 'video' or (
    status in ('pending', 'processing', 'completed', 'failed')
    and (quality_tier is null or quality_tier in ('standard', 'cinematic', 'ultra_realistic'))
    and (duration_seconds is null or duration_seconds > 0 and duration_seconds < 9e999))),
  constraint generation_jobs_completed_has_result check (type is not 'video' or status <> 'completed' or result_url is not null),
  constraint generation_jobs_waiting_has_id check (type is not 'video' or phase <> 'waiting' or provider_job_id is not null),
  constraint generation_jobs_json check (json_valid(provider_metadata) and json_valid(request)),
  -- times that are compared; another form, such as that of datetime('now'), would compare wrongly
  constraint generation_jobs_time_form check (
    run_at glob '????-??-??T??:??:??.??????Z' and created_at glob '????-??-??T??:??:??.??????Z'
    and (leased_until is null or leased_until glob '????-??-??T??:??:??.??????Z'))
);
create index generation_jobs_due on generation_jobs (run_at)
  where type = 'video' and phase in ('queued', 'submitting', 'waiting', 'saving');
create index generation_jobs_durations on generation_jobs (json_extract(provider_metadata, '$.timing.key'), created_at)
  where status = 'completed';
create unique index generation_jobs_client_key on generation_jobs (coalesce(user_id, ''), client_key)
  where client_key is not null and type = 'video';
create unique index generation_jobs_paid_once on generation_jobs (provider, provider_job_id)
  where type = 'video' and provider_job_id is not null;
-- For sums: the first two have what those need, so that a sum over a day reads the index only.
create index generation_jobs_by_user on generation_jobs (user_id, created_at, type, cost_usd, estimated_cost_usd);
create index generation_jobs_by_time on generation_jobs (created_at, type, cost_usd, estimated_cost_usd);
create index generation_jobs_by_role on generation_jobs
  (json_extract(provider_metadata, '$.role'), created_at, cost_usd, estimated_cost_usd) where type = 'video';
create index generation_jobs_by_tier on generation_jobs
  (coalesce(case when json_extract(provider_metadata, '$.budget_tier') in ('standard', 'cinematic', 'ultra_realistic')
    then json_extract(provider_metadata, '$.budget_tier') end, quality_tier), created_at, cost_usd, estimated_cost_usd)
  where type = 'video';
create index generation_jobs_running on generation_jobs (user_id, phase, type, estimated_cost_usd)
  where type = 'video' and phase in ('queued', 'submitting', 'waiting', 'saving');
-- orders that were not the first one of their job are rare
create index generation_jobs_reordered on generation_jobs (created_at) where type = 'video' and order_no > 0;
create index generation_jobs_again on generation_jobs (json_extract(provider_metadata, '$.timing.ordered_at'))
  where type = 'video' and order_no > 0;
create index generation_jobs_earlier on generation_jobs (json_extract(provider_metadata, '$.earlier_at'))
  where type = 'video' and order_no > 0;
