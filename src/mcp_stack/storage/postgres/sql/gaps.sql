-- A question's key: its stems in alphabetical order, without words such as `the`; its own text if it has only those.
-- name: note_weak
with stems as (
    select coalesce(
        (select string_agg(lexeme, ' ' order by lexeme) from unnest(to_tsvector('english', %(question)s::text))),
        lower(%(question)s::text)
    ) as text
)
insert into query_gaps as gap (key, question, collection, best_relevance, best_source, best_document)
select
    sha256(convert_to(%(collection)s::text || chr(31) || stems.text, 'UTF8')),
    left(%(question)s::text, 1000), %(collection)s, %(relevance)s, %(source)s, %(document)s
from stems
on conflict (key) do update
set asked = gap.asked + 1,
    best_relevance = excluded.best_relevance,
    best_source = excluded.best_source,
    best_document = excluded.best_document,
    last_asked = now()

-- What is found in a collection is found everywhere too.
-- name: forget
with stems as (
    select coalesce(
        (select string_agg(lexeme, ' ' order by lexeme) from unnest(to_tsvector('english', %(question)s::text))),
        lower(%(question)s::text)
    ) as text
)
delete from query_gaps
where key = any(
    select sha256(convert_to(place || chr(31) || stems.text, 'UTF8'))
    from stems
    cross join unnest(array['', %(found_in)s::text]) as place
)

-- name: shrink
delete from query_gaps
where key in (select key from query_gaps order by asked desc, last_asked desc, key offset %(most)s)

-- name: most_asked
select question, collection, asked, best_relevance, best_source, best_document, last_asked
from query_gaps
order by asked desc, last_asked desc, key
limit %(limit)s
