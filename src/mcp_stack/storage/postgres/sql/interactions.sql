-- name: add
insert into interactions (
    id, query, response, route, model, confidence, latency_ms, tokens_in, tokens_out, cost_usd, saved_usd,
    value_score, learned, session_id, sources, reasons, private, quality, answered_by,
    checked, checked_version
)
values (
    %(id)s, %(query)s, %(response)s, %(route)s, %(model)s, %(confidence)s, %(latency_ms)s, %(tokens_in)s,
    %(tokens_out)s, %(cost_usd)s, %(saved_usd)s, %(value_score)s, %(learned)s, %(session_id)s, %(sources)s,
    %(reasons)s, %(private)s, %(quality)s, nullif(%(answered_by)s, '')::uuid,
    %(checked)s::real[], %(checked_version)s
)

-- name: totals
select
    coalesce((
        select jsonb_object_agg(route, answered)
        from (
            select route, count(*) as answered
            from interactions
            where created_at >= %(since)s
            group by route
        ) as by_route
    ), '{}') as answered,
    coalesce(avg(latency_ms), 0)::float8 as average_latency_ms,
    coalesce(percentile_cont(0.95) within group (order by latency_ms), 0)::float8 as p95_latency_ms,
    coalesce(sum(cost_usd), 0)::float8 as cost_usd,
    coalesce(sum(saved_usd), 0)::float8 as saved_usd,
    (select count(*) from imported_documents where collection = 'skills-patterns') as patterns,
    (
        -- Expected calibration error in ten bins of equal width, over the local answers that somebody rated.
        select coalesce(sum(answers * abs(expected - good)) / nullif(sum(answers), 0), 0)::float8
        from (
            select count(*) as answers, avg(confidence) as expected, avg((rating > 0)::int) as good
            from interactions
            where created_at >= %(since)s and rating <> 0 and route = 'local'
            group by least(9, floor(confidence * 10))
        ) as bins
        having sum(answers) >= %(least_rated)s
    ) as calibration_error
from interactions
where created_at >= %(since)s

-- name: get
select
    id::text, query, response, route, model, confidence, tokens_out, value_score, quality, rating, correction, reused,
    coalesce(answered_by::text, '') as answered_by
from interactions
where id = %(id)s

-- name: rate
update interactions
set rating = %(rating)s, correction = %(correction)s, value_score = %(value_score)s
where id = %(id)s

-- Locked in the order of their ids: two processes that count the same answers must not wait for each other.
-- name: count_reuse
with locked as (
    select id from interactions where id = any(%(ids)s::uuid[]) order by id for update
)
update interactions as known
set reused = reused + served.times
from locked
join unnest(%(ids)s::uuid[], %(times)s::int[]) as served (id, times) using (id)
where known.id = locked.id
returning known.id::text, route, quality, tokens_out, rating, reused

-- name: revalue
update interactions set value_score = %(value_score)s where id = %(id)s

-- name: spent
select coalesce(sum(cost_usd), 0)::float8 as usd
from interactions
where created_at >= %(since)s and cost_usd > 0
