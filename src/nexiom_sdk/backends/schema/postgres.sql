-- The table generation_jobs of nexiom_sdk, schema version 1, for PostgreSQL 15 and later and for Supabase.
--
-- It runs over nothing, over a generation_jobs of nine columns from before, or over itself: a second run changes nothing. No
-- old row is lost, none is ever claimed, and its nine values stay as they are. Run it in one transaction (`psql -1`), as the
-- table's owner: what stops it, stops it before anything is changed. Where Supabase's schema `auth` is missing, roles, policies
-- and buckets are left out.
do $$
declare path constant text = current_setting('search_path'); fault record; one text;
  hindrances text[]; taken text[] = '{}'; mends text[] = '{}';
begin
  if current_setting('server_version_num')::int < 150000 then
    raise exception 'generation_jobs needs PostgreSQL 15 or later';
  end if;
  if (select substring(prosrc from '[0-9]{1,9}')::int > 1 from pg_proc where oid = to_regprocedure('public.nexiom_schema_version()')) then
    raise exception 'generation_jobs has a newer schema than version 1: install the nexiom_sdk that made it, or a later one';
  end if;
  if (select relkind <> 'r' from pg_class where oid = to_regclass('public.generation_jobs')) then
    raise exception 'generation_jobs is no plain table';
  end if;
  if to_regclass('public.generation_jobs') is not null then
    lock table public.generation_jobs in access exclusive mode;  -- what is seen below stays so
  end if;
  perform set_config('search_path', '', true), set_config('quote_all_identifiers', 'off', true);  -- definitions read the same whoever asks
  for fault in /* postgres_faults.sql */ loop
    if fault.mend is null then
      hindrances := hindrances || fault.says;
    else
      mends := mends || fault.mend;
    end if;
    if fault.takes then
      taken := taken || fault.says;
    end if;
  end loop;
  perform set_config('search_path', path, true);
  if hindrances is not null then
    raise exception 'generation_jobs cannot be used as it is. %', array_to_string(hindrances, ' ');
  end if;
  foreach one in array mends loop
    execute one;
  end loop;
  foreach one in array taken loop
    raise warning 'this was put right: %', one;
  end loop;
end $$;

create table if not exists public.generation_jobs (  -- the user's nine columns
  id uuid primary key default gen_random_uuid(),
  type text not null default 'video',
  prompt text not null,
  model text,
  duration_seconds numeric,
  reference_media_path text,
  status text not null default 'pending',
  result_url text,
  error_message text
);
alter table public.generation_jobs
  -- the user's four more
  add column if not exists provider text,
  add column if not exists provider_job_id text,
  add column if not exists quality_tier text,
  add column if not exists provider_metadata jsonb not null default '{}',
  -- what was asked, by whom, and the client's own key against a double tap
  add column if not exists request jsonb not null default '{}',
  add column if not exists user_id text,
  add column if not exists client_key text,
  -- what the worker needs
  add column if not exists run_at timestamptz not null default now(),   -- next step; webhook and cancel set it to now()
  add column if not exists leased_until timestamptz,                    -- set by the claim; null or past: free
  add column if not exists fence bigint not null default 0,             -- +1 with every claim, late id and step out of unknown; each worker write must match it
  add column if not exists order_no integer not null default 0,         -- +1 with failover and resubmit only; "{id}.{order_no}" goes to the provider
  add column if not exists attempts integer not null default 0,         -- failures in a row, in this phase
  add column if not exists submit_started_at timestamptz,               -- committed before the paid POST goes out
  add column if not exists cancel_requested_at timestamptz,
  -- what came of it
  add column if not exists result_path text,
  add column if not exists error_code text,
  add column if not exists progress real,                               -- 0 to 1
  add column if not exists estimated_cost_usd numeric(12, 6),
  add column if not exists cost_usd numeric(12, 6),
  add column if not exists created_at timestamptz not null default now(),
  add column if not exists updated_at timestamptz not null default now();

do $$
declare t constant regclass := 'public.generation_jobs';
begin
  -- Rows that were here before are never claimed: done if ended, else unknown, status as it was. A USING clause fires no trigger, as an UPDATE would.
  if not exists (select from pg_attribute where attrelid = t and attname = 'phase' and not attisdropped) then
    alter table public.generation_jobs add column phase text not null default 'unknown';
    alter table public.generation_jobs alter column phase type text using case when status in ('completed', 'failed') then 'done' else phase end;
    alter table public.generation_jobs alter column phase set default 'queued';
  end if;
  -- For video rows written from now on. NOT VALID spares the old ones, and so does `fence = 0`, which no row keeps that a worker
  -- had: their owner may fill user_id, or end them. Rows of another type are not our business. No `between`, and a cast before a
  -- list: else a dump that is restored would hold the rule in other words, and it would count as changed.
  alter table public.generation_jobs
    drop constraint if exists nexiom_phase_values,
    drop constraint if exists nexiom_status_values,
    drop constraint if exists nexiom_quality_tier_values,
    drop constraint if exists nexiom_duration_is_positive,
    drop constraint if exists nexiom_completed_has_result,
    drop constraint if exists nexiom_waiting_has_id,
    add constraint nexiom_phase_values check (phase in ('queued', 'submitting', 'waiting', 'saving', 'unknown', 'done')) not valid,
    add constraint nexiom_status_values check (type is distinct from 'video' or phase in ('unknown', 'done') and fence = 0
      or status is not null and status::text in ('pending', 'processing', 'completed', 'failed')) not valid,
    add constraint nexiom_quality_tier_values check (type is distinct from 'video' or phase in ('unknown', 'done') and fence = 0
      or quality_tier is null or quality_tier::text in ('standard', 'cinematic', 'ultra_realistic')) not valid,
    add constraint nexiom_duration_is_positive check (type is distinct from 'video' or phase in ('unknown', 'done') and fence = 0
      or duration_seconds is null or duration_seconds > 0 and duration_seconds < 'infinity') not valid,
    add constraint nexiom_completed_has_result check (type is distinct from 'video' or phase in ('unknown', 'done') and fence = 0
      or status <> 'completed' or result_url is not null) not valid,
    add constraint nexiom_waiting_has_id check (type is distinct from 'video' or phase <> 'waiting' or provider_job_id is not null) not valid;
end $$;

create index if not exists generation_jobs_due on public.generation_jobs (run_at)
  where type = 'video' and phase in ('queued', 'submitting', 'waiting', 'saving');
create index if not exists generation_jobs_mine on public.generation_jobs (user_id, created_at desc);
create index if not exists generation_jobs_recent on public.generation_jobs (created_at);  -- budgets and quotas count over all users
create index if not exists generation_jobs_durations on public.generation_jobs ((provider_metadata #>> '{timing,key}'), created_at desc)
  where status = 'completed';                                              -- how long jobs of one setting took
-- For sums: of a user's jobs that are running, of orders that were not the first one of their job, of a role, of a tier.
create index if not exists generation_jobs_running on public.generation_jobs (user_id)
  where type = 'video' and phase in ('queued', 'submitting', 'waiting', 'saving');
create index if not exists generation_jobs_again on public.generation_jobs (((provider_metadata #>> '{timing,ordered_at}') collate "C"))
  where type = 'video' and order_no > 0;
create index if not exists generation_jobs_earlier on public.generation_jobs (((provider_metadata ->> 'earlier_at') collate "C"))
  where type = 'video' and order_no > 0;
create index if not exists generation_jobs_role on public.generation_jobs ((provider_metadata ->> 'role'), created_at) where type = 'video';
create index if not exists generation_jobs_tier on public.generation_jobs ((coalesce(case when provider_metadata ->> 'budget_tier'
    in ('standard', 'cinematic', 'ultra_realistic') then provider_metadata ->> 'budget_tier' end, quality_tier)), created_at)
  where type = 'video';
create unique index if not exists generation_jobs_client_key on public.generation_jobs (coalesce(user_id, ''), client_key) where client_key is not null and type = 'video';
create unique index if not exists generation_jobs_paid_once on public.generation_jobs (provider, provider_job_id) where type = 'video' and provider_job_id is not null;

-- The claim, for every worker. `job` narrows it to one row and never widens it. No search_path of its own: the user's triggers run inside.
create or replace function public.claim_generation_jobs(batch integer, lease_seconds double precision, job uuid default null)
returns setof public.generation_jobs language sql volatile security invoker as $$
  with due as (
    select j.id from public.generation_jobs j
     where j.type = 'video' and j.phase in ('queued', 'submitting', 'waiting', 'saving')
       and j.run_at <= now() and (j.leased_until is null or j.leased_until < now())
       and (job is null or j.id = job)
     order by j.run_at limit batch for update skip locked)
  update public.generation_jobs j
     set leased_until = now() + make_interval(secs => lease_seconds), fence = j.fence + 1
    from due where j.id = due.id
  returning j.*
$$;

-- Idle workers hear of new jobs a moment earlier; nothing depends on it.
create or replace function public.nexiom_tell_workers() returns trigger language plpgsql set search_path = '' as $$
begin
  perform pg_catalog.pg_notify('nexiom_jobs', '');
  return null;
end $$;
create or replace trigger nexiom_tell_workers after insert on public.generation_jobs
  for each statement execute function public.nexiom_tell_workers();

-- What the front end polls. INVOKER: the owner's policy below does the filtering.
create or replace function public.get_generation_job(job_id uuid)
returns table (id uuid, type text, status text, progress real, result_url text, result_path text, error_code text, error_message text,
               provider text, quality_tier text, created_at timestamptz, updated_at timestamptz)
language sql stable security invoker set search_path = '' as $$
  select j.id, j.type, j.status, j.progress, j.result_url, j.result_path, j.error_code, j.error_message,
         j.provider, j.quality_tier, j.created_at, j.updated_at
    from public.generation_jobs j where j.id = job_id
$$;

-- Supabase only.
do $$
begin
  if to_regprocedure('auth.uid()') is null or to_regrole('authenticated') is null then return; end if;

  alter table public.generation_jobs alter column user_id set default (auth.uid())::text;
  alter table public.generation_jobs enable row level security;
  revoke all on public.generation_jobs from public, anon, authenticated;
  grant all on public.generation_jobs to service_role;  -- workers; bypasses the policies
  grant select (id, type, prompt, model, duration_seconds, reference_media_path, status, result_url, error_message, provider, quality_tier,
                request, user_id, client_key, result_path, error_code, progress, created_at, updated_at)
     on public.generation_jobs to authenticated;
  grant insert (type, prompt, model, provider, duration_seconds, reference_media_path, quality_tier, client_key, request)
     on public.generation_jobs to authenticated;

  drop policy if exists "nexiom: see own jobs" on public.generation_jobs;
  create policy "nexiom: see own jobs" on public.generation_jobs for select to authenticated
    using ((select auth.uid())::text = user_id);
  drop policy if exists "nexiom: file own jobs" on public.generation_jobs;
  create policy "nexiom: file own jobs" on public.generation_jobs for insert to authenticated
    with check ((select auth.uid())::text = user_id);

  -- What a signed-in user may file, of any type. These are rules and not part of the policy because a rule has a name, which
  -- the app gets to know, and because no other policy switches it off. Workers and servers are not held to them.
  alter table public.generation_jobs
    drop constraint if exists nexiom_prompt_not_blank,
    drop constraint if exists nexiom_prompt_at_most_64_kib,
    drop constraint if exists nexiom_request_is_object,
    drop constraint if exists nexiom_request_at_most_64_kib,
    drop constraint if exists nexiom_duration_at_most_3600_s,
    drop constraint if exists nexiom_names_at_most_1000_bytes,
    drop constraint if exists nexiom_reference_in_own_folder,
    add constraint nexiom_prompt_not_blank check (current_user <> 'authenticated' or coalesce(prompt, '') ~ '[^[:space:]]') not valid,
    add constraint nexiom_prompt_at_most_64_kib check (current_user <> 'authenticated' or octet_length(prompt) <= 65536) not valid,
    add constraint nexiom_request_is_object check (current_user <> 'authenticated' or jsonb_typeof(request) = 'object') not valid,
    add constraint nexiom_request_at_most_64_kib check (current_user <> 'authenticated' or octet_length(request::text) <= 65536) not valid,
    add constraint nexiom_duration_at_most_3600_s check (current_user <> 'authenticated' or duration_seconds is null
      or duration_seconds >= 0.001 and duration_seconds <= 3600 and scale(duration_seconds) <= 20) not valid,
    add constraint nexiom_names_at_most_1000_bytes check (current_user <> 'authenticated'
      or octet_length(concat(type, model, provider, quality_tier, client_key)) <= 1000) not valid,
    add constraint nexiom_reference_in_own_folder check (current_user <> 'authenticated' or reference_media_path is null
      or octet_length(reference_media_path) <= 1024 and starts_with(reference_media_path, coalesce(user_id, '') || '/')
         and translate(reference_media_path, chr(92), '/') !~ '(^|/)[.]{0,2}(/|$)') not valid;  -- chr(92): a backslash

  revoke execute on function public.get_generation_job(uuid) from public, anon;
  grant execute on function public.get_generation_job(uuid) to authenticated, service_role;
  revoke execute on function public.claim_generation_jobs(integer, double precision, uuid) from public, anon, authenticated;
  grant execute on function public.claim_generation_jobs(integer, double precision, uuid) to service_role;
  revoke execute on function public.nexiom_tell_workers() from public, anon, authenticated;

  -- Users put into inputs/<uid>/ and read inputs/<uid>/ and outputs/<uid>/; only workers write results. Jobs do without the
  -- storage of the project, so whoever may not change that gets all the rest.
  begin
    if to_regclass('storage.objects') is null then return; end if;
    insert into storage.buckets (id, name, public) values ('inputs', 'inputs', false), ('outputs', 'outputs', false) on conflict do nothing;
    if (select count(*) < 2 from storage.buckets where id in ('inputs', 'outputs')) then
      raise warning 'another bucket has the name inputs or outputs, so there is none with that id: rename it and migrate again';
    end if;
    if exists (select from storage.buckets where id in ('inputs', 'outputs') and public) then
      raise warning 'the bucket inputs or outputs was there before and is public: everybody who knows an address can read what is in it';
    end if;
    drop policy if exists "nexiom: put own inputs" on storage.objects;
    create policy "nexiom: put own inputs" on storage.objects for insert to authenticated
      with check (bucket_id = 'inputs' and (storage.foldername(name))[1] = (select auth.uid())::text);
    drop policy if exists "nexiom: see own media" on storage.objects;
    create policy "nexiom: see own media" on storage.objects for select to authenticated
      using (bucket_id in ('inputs', 'outputs') and (storage.foldername(name))[1] = (select auth.uid())::text);
  exception when insufficient_privilege then
    raise warning 'the buckets inputs and outputs and their policies could not be made (%): apply the migration as a user who may change the storage, or make them on the dashboard as the SQL of `nexiom migrate --supabase` says', sqlerrm;
  end;
end $$;

-- Workers refuse a schema that they do not know, so its version comes last, and only if all of the above is there. Its comment
-- holds a sum of everything, by which `nexiom migrate` finds what was changed by hand.
do $$
declare path constant text = current_setting('search_path'); made record; told record; lacking text[]; sums text = '';
begin
  create or replace function public.nexiom_schema_version() returns integer language sql immutable security invoker set search_path = ''
    as 'select 1';
  if to_regprocedure('auth.uid()') is not null and to_regrole('authenticated') is not null then
    revoke execute on function public.nexiom_schema_version() from public, anon, authenticated;
    grant execute on function public.nexiom_schema_version() to service_role;
  end if;
  perform set_config('search_path', '', true), set_config('quote_all_identifiers', 'off', true);
  for made in /* postgres_state.sql */ loop
    if made.how is not null then
      sums := sums || format('%s %s', md5(made.how), made.what) || chr(10);
    elsif made.what not like '%storage.objects' then
      lacking := lacking || made.what;
    end if;
  end loop;
  if lacking is not null then
    raise exception 'an earlier statement of this migration failed, so these are missing: %', array_to_string(lacking, ', ');
  end if;
  execute format('comment on function public.nexiom_schema_version() is %L', sums);
  for told in /* postgres_warnings.sql */ loop
    raise warning '%', told.warning;
  end loop;
  perform set_config('search_path', path, true);
end $$;
