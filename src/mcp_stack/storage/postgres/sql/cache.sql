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

-- A token bucket in one statement: refill by the time that went by, take one if it is there. Concurrent callers
-- queue at the row.
-- name: take_token
insert into rate_buckets as bucket (bucket, tokens, allowed, refilled, expires)
values (
    %(bucket)s, %(capacity)s::float8 - 1, true, clock_timestamp(),
    clock_timestamp() + make_interval(secs => %(period_seconds)s)
)
on conflict (bucket) do update
set (tokens, allowed, refilled, expires) = (
    select
        case when level >= 1 then level - 1 else level end,
        level >= 1,
        clock_timestamp(),
        clock_timestamp() + make_interval(secs => %(period_seconds)s)
    from (
        select least(
            %(capacity)s::float8,
            bucket.tokens + greatest(extract(epoch from clock_timestamp() - bucket.refilled), 0)
                * %(capacity)s::float8 / %(period_seconds)s::float8
        ) as level
    ) as refill
)
returning tokens, allowed
