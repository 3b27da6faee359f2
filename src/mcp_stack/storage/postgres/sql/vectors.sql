-- name: upsert
insert into document_embeddings (collection, model, id, document_id, ordinal, tags, embedding)
values (%(collection)s, %(model)s, %(id)s, %(document_id)s, %(ordinal)s, %(tags)s, %(embedding)s)
on conflict (collection, model, id) do update
set document_id = excluded.document_id,
    ordinal = excluded.ordinal,
    tags = excluded.tags,
    embedding = excluded.embedding

-- Through the index, which knows nothing of filters: it goes on until so many points fit, or until it has seen enough.
-- name: search
select id::text as id, document_id::text as document_id, ordinal, collection, 1 - distance as similarity
from (
    select id, document_id, ordinal, collection, embedding <=> %(vector)s as distance
    from document_embeddings
    where model = %(model)s
    order by embedding <=> %(vector)s
    limit %(points)s
) as near
order by distance, id

-- name: search_filtered
select id::text as id, document_id::text as document_id, ordinal, collection, 1 - distance as similarity
from (
    select id, document_id, ordinal, collection, embedding <=> %(vector)s as distance
    from document_embeddings
    where model = %(model)s
        and (%(collection)s = '' or collection = %(collection)s)
        and tags @> %(tags)s::text[]
    order by embedding <=> %(vector)s
    limit %(points)s
) as near
order by distance, id

-- Without the vector index, which the sum keeps out: a document has few points.
-- name: similarities
select near.id::text as id, near.document_id::text as document_id, near.ordinal, near.collection, 1 - distance as similarity
from unnest(%(ids)s::uuid[]) as wanted (id)
cross join lateral (
    select point.*, 0 + (point.embedding <=> %(vector)s) as distance
    from document_embeddings as point
    where point.document_id = wanted.id and point.model = %(model)s
    order by distance, point.id
    limit %(points)s
) as near

-- How many points a filter leaves, up to a limit.
-- name: matching
select count(*) as points
from (
    select
    from document_embeddings
    where model = %(model)s
        and (%(collection)s = '' or collection = %(collection)s)
        and tags @> %(tags)s::text[]
    limit %(points)s
) as matching

-- Each point that a filter leaves is compared.
-- name: search_exactly
with near as materialized (
    select id, document_id, ordinal, collection, embedding <=> %(vector)s as distance
    from document_embeddings
    where model = %(model)s
        and (%(collection)s = '' or collection = %(collection)s)
        and tags @> %(tags)s::text[]
), placed as (
    select
        *,
        row_number() over (partition by document_id order by distance, id) as place,
        min(distance) over (partition by document_id) as nearest
    from near
), ranked as (
    select *, dense_rank() over (order by nearest, document_id) as rank from placed where place <= %(points)s
)
select id::text as id, document_id::text as document_id, ordinal, collection, 1 - distance as similarity
from ranked
where rank <= %(limit)s
order by distance, id

-- name: count
select count(*) as points from document_embeddings where %(collection)s = '' or collection = %(collection)s

-- name: delete_documents
delete from document_embeddings
where document_id = any(%(ids)s::uuid[]) and %(model)s in ('', model)

-- The index gives the nearest points of any kind, as many as one pass of it finds; those that do not count are left out
-- afterwards. A filter inside would make the index search on and on where there is nothing to be found.
-- name: alike
select document.document_id::text as document_id, near.document_id::text as other_id, near.similarity
from document_embeddings as document
cross join lateral (
    select nearest.document_id, nearest.similarity
    from (
        select other.document_id, other.collection, other.model, other.ordinal,
            1 - (other.embedding <=> document.embedding) as similarity
        from document_embeddings as other
        order by other.embedding <=> document.embedding
        limit 64
    ) as nearest
    where nearest.ordinal = 0
        and nearest.document_id <> document.document_id
        and nearest.collection = document.collection
        and nearest.model = document.model
        and nearest.similarity >= %(least)s
    order by nearest.similarity desc, nearest.document_id
    limit %(limit)s
) as near
where document.document_id = any(%(ids)s::uuid[]) and document.model = %(model)s and document.ordinal = 0

-- name: passages_of
select document_id::text as document_id, embedding
from document_embeddings
where document_id = any(%(ids)s::uuid[]) and model = %(model)s and ordinal > 0
order by document_id, ordinal

-- name: stored
select document_id::text as document_id, model, count(*)::integer as points
from document_embeddings
where (document_id, model) > (%(after)s::uuid, %(after_model)s)
group by document_id, model
order by document_id, model
limit %(limit)s
