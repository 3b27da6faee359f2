-- name: get
select value from cache_entries where key = %(key)s and expires > clock_timestamp()

-- name: set
insert into cache_entries (key, value, expires)
values (%(key)s, %(value)s, clock_timestamp() + make_interval(secs => %(ttl_seconds)s))
on conflict (key) do update set value = excluded.value, expires = excluded.expires

-- name: delete
delete from cache_entries where key = %(key)s

-- name: delete_expired
with entries as (
    delete from cache_entries where expires <= clock_timestamp()
)
delete from rate_buckets where expires <= clock_timestamp()

-- Oldest first out, down to nine tenths of the bound. The table's size on disk is what counts towards it.
-- name: shrink
delete from cache_entries
where pg_table_size('cache_entries') > %(max_bytes)s
    and key in (
        select key from cache_entries order by expires
        limit (select count(*) / 10 from cache_entries)
    )

-- Token buckets in one statement: refill them by the time that went by, take one from each if it is there. Concurrent
-- callers queue at the owner's row.
-- name: take_token
insert into rate_buckets as known (owner, tokens, allowed, refilled, expires)
select
    %(owner)s, array_agg(capacity - 1 order by place), true, clock_timestamp(),
    clock_timestamp() + make_interval(secs => max(period))
from unnest(%(capacities)s::float8[], %(periods)s::float8[]) with ordinality as bucket (capacity, period, place)
on conflict (owner) do update
set (tokens, allowed, refilled, expires) = (
    select
        array_agg(case when every.allowed then level - 1 else level end order by place),
        every.allowed,
        clock_timestamp(),
        clock_timestamp() + make_interval(secs => max(period))
    from (
        select *, min(level) over () >= 1 as allowed
        from (
            select
                place,
                period,
                least(
                    capacity,
                    coalesce(known.tokens[place], capacity)
                        + greatest(extract(epoch from clock_timestamp() - known.refilled), 0)::float8 * capacity / period
                ) as level
            from unnest(%(capacities)s::float8[], %(periods)s::float8[])
                with ordinality as bucket (capacity, period, place)
        ) as refilled
    ) as every
    group by every.allowed
)
returning tokens, allowed
