-- Ways around our rules that were there before: they stay, and whoever migrates is told.
with recursive t (id) as (select to_regclass('public.generation_jobs')::oid),
apps (id) as (select oid from pg_roles where rolname in ('anon', 'authenticated')),
held (id) as (  -- policies that hold for somebody: no policy binds a role with bypassrls, such as service_role
  select p.oid from pg_policy p
   where exists (select from unnest(p.polroles) given left join pg_roles r on r.oid = given
                  where given = 0 or not (r.rolsuper or r.rolbypassrls))),
views (id) as (
  select id from t
  union
  select r.ev_class from views v join pg_depend d on (d.refclassid, d.refobjid) = ('pg_class'::regclass, v.id)
    join pg_rewrite r on (d.classid, d.objid) = ('pg_rewrite'::regclass, r.oid))
select format('generation_jobs also has the policy %I, which %s', p.polname,
              case when not p.polpermissive then 'takes away from ours: users may see or file less than they should'
                   when p.polcmd = 'r' then 'adds to ours: drop it if it lets users see more than their own rows'
                   when p.polcmd = 'a' then 'adds to ours: drop it if it lets anybody file rows who has no user id, or for others'
                   else 'adds to ours: drop it if it lets users see, file or change more than their own rows' end) as warning
  from t join pg_policy p on p.polrelid = t.id and p.polname not like 'nexiom: %' join held on held.id = p.oid
 where to_regrole('authenticated') is not null and exists (select from pg_proc where proname = 'uid' and pronamespace = to_regnamespace('auth'))
union all
select format('%s shows rows of generation_jobs past its policies: %s it from anon and authenticated', c.oid::regclass,
              case c.relkind when 'm' then 'revoke' else format('`alter view %s set (security_invoker = true)`, or revoke', c.oid::regclass) end)
  from views v join pg_class c on c.oid = v.id and c.relkind in ('v', 'm')
 where coalesce(array_to_string(c.reloptions, ','), '') !~ 'security_invoker=(true|on|1)'
   and exists (select from apps where has_any_column_privilege(apps.id, c.oid, 'select, insert, update') or has_table_privilege(apps.id, c.oid, 'delete'))
union all
select format('%s and generation_jobs inherit from each other: policies and claims of the one do not hold for the other, so keep rows apart, or revoke it from anon and authenticated', other::regclass)
  from t join lateral (select inhrelid from pg_inherits where inhparent = t.id union all select inhparent from pg_inherits where inhrelid = t.id) kin (other) on true
union all
select format('there is another function %s%s: drop or rename it, for calls by name may mean it', p.oid::regprocedure,
              case when p.prosecdef then ', which runs with the rights of its owner' else '' end)
  from pg_proc p
 where p.pronamespace = to_regnamespace('public')
   and p.proname in ('claim_generation_jobs', 'get_generation_job', 'nexiom_tell_workers', 'nexiom_schema_version')
   and p.oid is distinct from to_regprocedure('public.claim_generation_jobs(integer, double precision, uuid)')
   and p.oid is distinct from to_regprocedure('public.get_generation_job(uuid)')
   and p.oid is distinct from to_regprocedure('public.nexiom_tell_workers()')
   and p.oid is distinct from to_regprocedure('public.nexiom_schema_version()')
union all
select format('the rule %I of generation_jobs holds for new jobs, too: the app cannot file what it does not allow', k.conname)
  from t join pg_constraint k on k.conrelid = t.id and k.contype in ('c', 'f')
   and k.conname not like 'nexiom~_%' escape '~'
union all  -- an app that files with a key of its own may do so all the same
select format('the column %I must not be empty and has no default: unless a trigger fills it, neither the library nor a user of an app can file a job. Give it a default, or `alter table public.generation_jobs alter column %1$I drop not null`', a.attname)
  from t join pg_attribute a on a.attrelid = t.id and a.attnum > 0 and not a.attisdropped and a.attnotnull
    and not a.atthasdef and a.attidentity = '' and not exists (select from pg_type y where y.oid = a.atttypid and y.typdefault is not null)
   and a.attname not in ('id', 'type', 'prompt', 'model', 'duration_seconds', 'reference_media_path', 'status', 'result_url', 'error_message',
                         'provider', 'provider_job_id', 'quality_tier', 'provider_metadata', 'request', 'user_id', 'client_key', 'phase',
                         'run_at', 'leased_until', 'fence', 'order_no', 'attempts', 'submit_started_at', 'cancel_requested_at',
                         'result_path', 'error_code', 'progress', 'estimated_cost_usd', 'cost_usd', 'created_at', 'updated_at')
union all  -- one that names another bucket and nothing else is not our business
select format('storage.objects has the policy %I, which %s', p.polname,
              case when p.polpermissive then 'may open the buckets inputs and outputs: let it name its own bucket'
                   else 'takes away from ours: let it name its own bucket' end)
  from pg_policy p join pg_class c on c.oid = p.polrelid and c.relname = 'objects' and c.relnamespace = to_regnamespace('storage')
  join held on held.id = p.oid
 where p.polname not like 'nexiom: %'
   and exists (select from unnest(array[pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)]) says
                where says !~ 'bucket_id = (''[^'']+''|ANY [(]ARRAY[[])' or says ~ '''(inputs|outputs)''' or says ~ ' OR |[(]NOT ')
order by 1
