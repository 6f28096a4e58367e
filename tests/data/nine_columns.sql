-- A generation_jobs as an app had it before: nine columns, no defaults but the id's, a trigger that minds every change, a
-- policy, and grants that are far too wide.
create table public.generation_jobs (
  id uuid primary key default gen_random_uuid(),
  type text,
  prompt text,
  model text,
  duration_seconds integer,
  reference_media_path text,
  status text,
  result_url text,
  error_message text
);
create table public.noticed (what text);
create function public.notice_change() returns trigger language plpgsql as $$
begin
  insert into noticed values (tg_op);  -- named plainly: whoever changes a row must leave the search path alone
  return new;
end $$;
create trigger notice_change before insert or update on public.generation_jobs
  for each row execute function public.notice_change();
create policy "everybody reads" on public.generation_jobs for select using (result_url is not null);
grant all on public.generation_jobs to public;
