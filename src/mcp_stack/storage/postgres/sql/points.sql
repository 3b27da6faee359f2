-- name: put
insert into points_of_interest (id, title, url, category, description)
values (%(id)s, %(title)s, %(url)s, %(category)s, %(description)s)
on conflict (url) do update
set title = excluded.title,
    category = excluded.category,
    description = excluded.description,
    updated_at = now()
returning id::text as id, title, url, category, description, created_at, updated_at, xmax = 0 as is_new

-- position() rather than a pattern: what people look for may hold its wildcards.
-- name: list
select id::text as id, title, url, category, description, created_at, updated_at, count(*) over () as total
from points_of_interest
where (%(category)s = '' or category = %(category)s)
    and not exists (
        select
        from unnest(%(words)s::text[]) as wanted (word)
        where position(lower(word) in lower(concat_ws(E'\n', title, url, category, description))) = 0
    )
order by category, title, id
limit %(limit)s
offset %(offset)s
