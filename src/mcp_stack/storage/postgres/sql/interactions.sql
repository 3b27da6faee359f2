-- name: add
insert into interactions (
    id, query, response, route, model, confidence, latency_ms, tokens_in, tokens_out, cost_usd, saved_usd,
    value_score, learned, session_id, sources, reasons, private
)
values (
    %(id)s, %(query)s, %(response)s, %(route)s, %(model)s, %(confidence)s, %(latency_ms)s, %(tokens_in)s,
    %(tokens_out)s, %(cost_usd)s, %(saved_usd)s, %(value_score)s, %(learned)s, %(session_id)s, %(sources)s,
    %(reasons)s, %(private)s
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
    (select count(*) from imported_documents where collection = 'skills-patterns') as patterns
from interactions
where created_at >= %(since)s
