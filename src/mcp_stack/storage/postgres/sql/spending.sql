-- What is gone in the windows that are bounded. A call that runs counts in all of them: nobody knows when it will end.
-- name: used
with windows as (
    select
        date_trunc('day', clock_timestamp() at time zone 'utc') at time zone 'utc' as day,
        clock_timestamp() - interval '1 hour' as hour,
        clock_timestamp() - interval '15 minutes' as quarter
),
gone as (
    select cost_usd::float8 as usd, created_at as at
    from interactions
    where created_at >= (select least(day, hour) from windows) and cost_usd > 0
    union all
    select usd, coalesce(settled, clock_timestamp())
    from spending
    where expires > clock_timestamp()
)
select
    coalesce(sum(usd) filter (where at >= day), 0)::float8 as day_usd,
    coalesce(sum(usd) filter (where at >= hour), 0)::float8 as hour_usd,
    coalesce(sum(usd) filter (where at >= quarter), 0)::float8 as quarter_usd
from gone, windows

-- Held until the transaction ends: one process after the other looks at what is left and takes of it.
-- name: queue
select pg_advisory_xact_lock(%(key)s)

-- name: set_aside
insert into spending (usd, expires)
values (%(usd)s, clock_timestamp() + make_interval(secs => %(seconds)s))
returning id::text, usd

-- name: settle
update spending
set usd = %(usd)s, settled = clock_timestamp(), expires = clock_timestamp() + interval '2 days'
where id = %(id)s

-- name: release
delete from spending where id = any(%(ids)s::uuid[]) or expires <= clock_timestamp()
