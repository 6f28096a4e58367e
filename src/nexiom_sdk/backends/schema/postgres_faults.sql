-- What of generation_jobs is not as workers need it: one row for each fault, which `says` what it is. `mend` puts it right and
-- touches no value of the nine columns; where it is null only the user can, and `says` how. `takes`: it takes a choice of theirs away.
with t (id, owner) as (select c.oid, c.relowner from pg_class c where c.oid = to_regclass('public.generation_jobs')),
needed (name, kind, empty, standard) as (values  -- `empty`: may it be null; null: either way. `standard`: its default; null: any; '': none
  ('id', 'uuid', false, null),
  ('type', 'text', null, null),
  ('prompt', 'text', null, null),
  ('model', 'text', true, null),
  ('duration_seconds', 'numeric', true, null),
  ('reference_media_path', 'text', true, null),
  ('status', 'text', null, '''pending''::text'),
  ('result_url', 'text', true, null),
  ('error_message', 'text', true, null),
  ('provider', 'text', true, null),
  ('provider_job_id', 'text', true, ''),
  ('quality_tier', 'text', true, null),
  ('provider_metadata', 'jsonb', false, '''{}''::jsonb'),
  ('request', 'jsonb', false, '''{}''::jsonb'),
  ('user_id', 'text', true, null),
  ('client_key', 'text', true, null),
  ('phase', 'text', false, '''queued''::text'),
  ('run_at', 'timestamp with time zone', false, 'now()'),
  ('leased_until', 'timestamp with time zone', true, ''),
  ('fence', 'bigint', false, '0'),
  ('order_no', 'integer', false, '0'),
  ('attempts', 'integer', false, '0'),
  ('submit_started_at', 'timestamp with time zone', true, ''),
  ('cancel_requested_at', 'timestamp with time zone', true, ''),
  ('result_path', 'text', true, ''),
  ('error_code', 'text', true, ''),
  ('progress', 'real', true, ''),
  ('estimated_cost_usd', 'numeric', true, ''),
  ('cost_usd', 'numeric', true, ''),
  ('created_at', 'timestamp with time zone', false, 'now()'),
  ('updated_at', 'timestamp with time zone', false, 'now()')),
fits (kind, has, widens) as (values  -- what a kind may be instead, and what becomes it without losing anything
  ('text', 'character varying', false), ('numeric', 'numeric(12,6)', false), ('integer', 'bigint', false),
  ('real', 'double precision', false), ('real', 'numeric', false),
  ('numeric', 'smallint', true), ('numeric', 'integer', true), ('numeric', 'bigint', true),
  ('numeric', 'real', true), ('numeric', 'double precision', true),
  ('bigint', 'integer', true), ('bigint', 'smallint', true), ('integer', 'smallint', true),
  ('real', 'integer', true), ('real', 'smallint', true)),
columns as (
  select n.*, a.attnum, a.attnotnull, a.attgenerated <> '' as computed, format_type(a.atttypid, a.atttypmod) as has,
         pg_get_expr(d.adbin, d.adrelid) as preset,
         format('alter table public.generation_jobs alter column %I ', n.name) as change,
         format_type(a.atttypid, null) = n.kind and a.atttypmod = -1
           or exists (select from fits f where f.kind = n.kind and f.has = format_type(a.atttypid, a.atttypmod) and not f.widens) as fits,
         format_type(a.atttypid, null) = n.kind  -- the same with a limit, such as numeric(5,2)
           or n.kind = 'text' and a.atttypid = 'varchar'::regtype
           or exists (select from fits f where f.kind = n.kind and f.has = format_type(a.atttypid, null) and f.widens) as widens,
         exists (select from pg_index i where i.indrelid = t.id and i.indisprimary and a.attnum = any (i.indkey)) as in_key,
         (select string_agg(distinct replace(pg_describe_object(p.classid, p.objid, p.objsubid), 'rule _RETURN on ', ''), ', ')
            from pg_depend p
           where p.refclassid = 'pg_class'::regclass and p.refobjid = t.id and p.refobjsubid = a.attnum
             and (p.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_proc'::regclass,
                                'pg_publication_rel'::regclass)
                  or exists (select from pg_attrdef g where g.oid = p.objid and p.classid = 'pg_attrdef'::regclass
                                and g.adnum <> a.attnum))) as users
    from t join needed n on true
    join pg_attribute a on a.attrelid = t.id and a.attname = n.name and not a.attisdropped
    left join pg_attrdef d on d.adrelid = t.id and d.adnum = a.attnum),
found (at, says, mend, takes) as (
  select 0, format('It is somebody else''s, for it lacks %s.', string_agg(n.name, ', ')), null, false
    from t, needed n
   where n.name in ('id', 'type', 'prompt', 'model', 'duration_seconds', 'reference_media_path', 'status', 'result_url', 'error_message')
     and n.name not in (select name from columns) having count(*) > 0
  union all  -- one that was dropped from a table of ours comes back with the others
  select 0, format('The column %s is missing.', n.name), '-- is added below', false
    from t, needed n
   where n.name not in (select name from columns) and to_regprocedure('public.nexiom_schema_version()') is not null
  union all
  select 1, format('The column %s is %s, where %s is needed%s.', name, has, kind,
                   case when not widens then ': change it, or rename it if it is another thing'
                        when users is not null then format(', and this stands in the way: %s (drop it, migrate, make it again)', users) else '' end),
         case when widens and users is null
              then format('%stype %s using %s', change, kind,
                          case when has in ('real', 'double precision') then format('%I::text::numeric', name) else format('%I::%s', name, kind) end)
         end, false
    from columns where not fits
  union all
  select 1, format('The column %s is computed by the database, and workers write it: `%sdrop expression`.', name, change), null, false
    from columns where computed
  union all
  select 2, format('The column %s must not be empty, and workers write null into it%s.', name,
                   case when in_key then ': take it out of the primary key' else '' end),
         case when not in_key then change || 'drop not null' end, true
    from columns where empty and attnotnull
  union all
  select 2, format('The column %s can be empty, and workers need a value in it%s.', name,
                   case when users is not null then format('; this stands in the way: %s (drop it, migrate, make it again)', users) else '' end),
         case when users is null then  -- a USING clause fires no trigger, as an UPDATE would
           format('%stype %s using coalesce(%I, %s), alter column %3$I set not null', change, case when fits then has else kind end, name,
                  case name when 'phase' then '''unknown''' else standard end) end, false
    from columns where not empty and not attnotnull and standard is not null
  union all
  select 3, format('The column %s has %s as its default, where %s is needed.', name, coalesce(preset, 'nothing'),
                   case coalesce(standard, '?') when '' then 'nothing' when '?' then 'gen_random_uuid()' else standard end),
         change || case coalesce(standard, '?') when '' then 'drop default' when '?' then 'set default gen_random_uuid()'
                        else 'set default ' || standard end, preset is not null
    from columns where not computed
     and (standard is not null and coalesce(preset, '') <> standard or name = 'id' and preset is null)
  union all
  select 4, 'Nothing keeps two rows from having one id.', 'alter table public.generation_jobs add '
         || case when exists (select from pg_index i where i.indrelid = t.id and i.indisprimary) then 'unique (id)' else 'primary key (id)' end, false
    from t join columns c on c.name = 'id'
   where not exists (select from pg_index i where i.indrelid = t.id and i.indisunique and i.indisvalid and i.indimmediate
                        and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = c.attnum)
  union all  -- old rows would be queued
  select 4, 'It has a column phase that is not nexiom_sdk''s: rename it.', null, false
    from t join columns c on c.name = 'phase'
   where not exists (select from pg_constraint k where k.conrelid = t.id and k.conname = 'nexiom_phase_values')
     and to_regprocedure('public.nexiom_schema_version()') is null
  union all  -- workers could not write what came of a paid order
  select 4, format('The rule %I limits what workers write into %s: drop it, or let it hold for other columns only.', k.conname,
                   string_agg(c.name, ', ' order by c.name)), null, false
    from t join pg_constraint k on k.conrelid = t.id and k.contype in ('c', 'f') join columns c on c.attnum = any (k.conkey)
   where c.name not in ('id', 'type', 'prompt', 'duration_seconds', 'reference_media_path', 'quality_tier', 'user_id', 'client_key', 'request')
     and k.conname not like 'nexiom~_%' escape '~'
   group by k.conname
  union all
  select 5, case when i.indrelid = t.id then format('The index %s is broken, or not known to be ours.', c.relname)
                 else format('The name %s is taken by something else in the schema public: rename that.', c.relname) end,
         case when i.indrelid = t.id then format('drop index public.%I', c.relname) end, false
    from pg_class c left join pg_index i on i.indexrelid = c.oid left join t on true
   where c.relnamespace = to_regnamespace('public')
     and c.relname in ('generation_jobs_due', 'generation_jobs_mine', 'generation_jobs_recent', 'generation_jobs_durations',
                       'generation_jobs_running', 'generation_jobs_again', 'generation_jobs_earlier', 'generation_jobs_role',
                       'generation_jobs_tier', 'generation_jobs_client_key', 'generation_jobs_paid_once')
     and (t.id is null or i.indrelid is distinct from t.id or not i.indisvalid
          or strpos(coalesce(obj_description(to_regprocedure('public.nexiom_schema_version()'), 'pg_proc'), ''),
                    format('%s the index %s', md5(pg_get_indexdef(c.oid)), c.relname)) = 0)
  union all  -- its owner could put another body into it, which workers would then run
  select 6, format('The function %1$s belongs to %2$s, who does not own the table: `alter function %1$s owner to %3$s`, or drop it.',
                   p.oid::regprocedure, p.proowner::regrole, coalesce(t.owner, me.id)::regrole), null, false
    from pg_proc p join pg_roles o on o.oid = p.proowner join (select oid from pg_roles where rolname = current_user) me (id) on true
    left join t on true
   where p.oid in (to_regprocedure('public.claim_generation_jobs(integer, double precision, uuid)'), to_regprocedure('public.nexiom_tell_workers()'),
                   to_regprocedure('public.nexiom_schema_version()'), to_regprocedure('public.get_generation_job(uuid)'))
     and p.proowner is distinct from t.owner
     and (not o.rolsuper and (p.proowner <> me.id or t.id is not null and not pg_has_role(t.owner, 'usage'))
          or not pg_has_role(p.proowner, 'usage') and (t.id is null or pg_has_role(t.owner, 'usage')))  -- it could not be replaced
  union all
  select 6, 'There is another get_generation_job(uuid), and ours takes its place.', 'drop function public.get_generation_job(uuid)', true
    from pg_proc p
   where p.oid = to_regprocedure('public.get_generation_job(uuid)')
     and pg_get_function_result(p.oid) not like 'TABLE(id uuid, type text, status text, progress real, result_url text,%'
  union all  -- also of who owns the table, and workers would find no jobs
  select 6, 'Its row security holds for its owner as well, and hides rows from workers: `alter table public.generation_jobs no force row level security`.',
         null, false
    from t join pg_class c on c.oid = t.id and c.relforcerowsecurity
    join pg_roles o on o.oid = t.owner and not o.rolsuper and not o.rolbypassrls
   where c.relrowsecurity or to_regrole('authenticated') is not null and to_regnamespace('auth') is not null
  union all  -- the claim could not run beside one
  select 6, format('The rule %I does something else in place of what is asked of the table: drop it.', r.rulename), null, false
    from t join pg_rewrite r on r.ev_class = t.id)
select says, mend, takes from found order by at, says
