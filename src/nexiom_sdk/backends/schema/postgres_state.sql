-- What the migration made, and how the database writes it down; null where it is missing, or leaves open what it should close.
with t (id) as (select to_regclass('public.generation_jobs')::oid),
supabase (is_it) as (
  select exists (select from pg_proc where proname = 'uid' and pronamespace = to_regnamespace('auth')) and to_regrole('authenticated') is not null),
apps (id, name) as (select 0, 'public' union all select oid, rolname from pg_roles where rolname in ('anon', 'authenticated')),
functions (id, signature) as (
  select to_regprocedure('public.' || signature), signature
    from unnest(array['claim_generation_jobs(integer, double precision, uuid)', 'get_generation_job(uuid)', 'nexiom_tell_workers()',
                      'nexiom_schema_version()']) signature),
policies (on_table, name, how) as (
  select n.nspname || '.' || c.relname, p.polname, concat_ws(' ', p.polcmd, p.polpermissive,
         (select string_agg(coalesce(r.rolname, 'public'), ',' order by r.rolname) from unnest(p.polroles) given left join pg_roles r on r.oid = given),
         pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace)
select 'the rule nexiom_' || name as what,
       (select regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') from pg_constraint where conrelid = t.id and conname = 'nexiom_' || name) as how
  from t, supabase, unnest(array['phase_values', 'status_values', 'quality_tier_values', 'duration_is_positive', 'completed_has_result', 'waiting_has_id']
       || case when is_it then array['prompt_not_blank', 'prompt_at_most_64_kib', 'request_is_object', 'request_at_most_64_kib',
                                     'duration_at_most_3600_s', 'names_at_most_1000_bytes', 'reference_in_own_folder'] end) name
union all
select 'the index generation_jobs_' || name,
       (select pg_get_indexdef(c.oid) from pg_index i join pg_class c on c.oid = i.indexrelid
         where i.indrelid = t.id and i.indisvalid and c.relname = 'generation_jobs_' || name)
  from t, unnest(array['due', 'mine', 'recent', 'durations', 'running', 'again', 'earlier', 'role', 'tier', 'client_key', 'paid_once']) name
union all
select 'the function ' || signature, (select pg_get_functiondef(p.oid) from pg_proc p where p.oid = functions.id) from functions
union all
select 'the trigger nexiom_tell_workers',
       (select concat(pg_get_triggerdef(oid), tgenabled) from pg_trigger where tgrelid = t.id and tgname = 'nexiom_tell_workers') from t
union all
select 'row security', (select 'on' from pg_class where oid = t.id and relrowsecurity) from t, supabase where is_it
union all
select 'the default of user_id', (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
         join pg_attribute a on (a.attrelid, a.attnum) = (d.adrelid, d.adnum) where d.adrelid = t.id and a.attname = 'user_id')
  from t, supabase where is_it
union all
select 'what users may do with the table',
       (select string_agg(concat_ws(' ', apps.name, given.privilege_type, given.attname), ', ' order by apps.name, given.privilege_type, given.attname)
          from apps join (select g.grantee, g.privilege_type, null as attname from pg_class c, aclexplode(c.relacl) g where c.oid = t.id
                          union all select g.grantee, g.privilege_type, a.attname from pg_attribute a, aclexplode(a.attacl) g
                           where a.attrelid = t.id) given on given.grantee = apps.id)
  from t, supabase where is_it
union all
select 'who may call ' || signature,
       (select coalesce(string_agg(apps.name, ', ' order by apps.name), 'workers')
          from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g join apps on apps.id = g.grantee
         where p.oid = functions.id)
  from functions, supabase where is_it
union all
select format('the policy "%s" of %s', name, on_table),
       (select how from policies p where (p.on_table, p.name) = (ours.on_table, ours.name))
  from supabase, (values ('public.generation_jobs', 'nexiom: see own jobs'), ('public.generation_jobs', 'nexiom: file own jobs'),
                         ('storage.objects', 'nexiom: put own inputs'), ('storage.objects', 'nexiom: see own media')) ours (on_table, name)
 where is_it and (on_table like 'public.%' or exists (select from pg_class where relname = 'objects' and relnamespace = to_regnamespace('storage')))
