-- Indexes that are newer than the table: they are made in files that lack them too, and nothing but time depends on them.
-- The first two have what sums need, so that a sum over a day reads the index only.
drop index if exists generation_jobs_mine;
drop index if exists generation_jobs_recent;
create index if not exists generation_jobs_by_user on generation_jobs (user_id, created_at, type, cost_usd, estimated_cost_usd);
create index if not exists generation_jobs_by_time on generation_jobs (created_at, type, cost_usd, estimated_cost_usd);
create index if not exists generation_jobs_by_role on generation_jobs
  (json_extract(provider_metadata, '$.role'), created_at, cost_usd, estimated_cost_usd) where type = 'video';
create index if not exists generation_jobs_by_tier on generation_jobs
  (coalesce(case when json_extract(provider_metadata, '$.budget_tier') in ('standard', 'cinematic', 'ultra_realistic')
    then json_extract(provider_metadata, '$.budget_tier') end, quality_tier), created_at, cost_usd, estimated_cost_usd)
  where type = 'video';
create index if not exists generation_jobs_running on generation_jobs (user_id, phase, type, estimated_cost_usd)
  where type = 'video' and phase in ('queued', 'submitting', 'waiting', 'saving');
-- orders that were not the first one of their job are rare
create index if not exists generation_jobs_reordered on generation_jobs (created_at) where type = 'video' and order_no > 0;
create index if not exists generation_jobs_again on generation_jobs (json_extract(provider_metadata, '$.timing.ordered_at'))
  where type = 'video' and order_no > 0;
create index if not exists generation_jobs_earlier on generation_jobs (json_extract(provider_metadata, '$.earlier_at'))
  where type = 'video' and order_no > 0;
