-- name: upsert
insert into document_embeddings (collection, model, id, document_id, ordinal, tags, embedding)
values (%(collection)s, %(model)s, %(id)s, %(document_id)s, %(ordinal)s, %(tags)s, %(embedding)s)
on conflict (collection, model, id) do update
set document_id = excluded.document_id,
    ordinal = excluded.ordinal,
    tags = excluded.tags,
    embedding = excluded.embedding

-- name: search
select
    id::text as id,
    document_id::text as document_id,
    ordinal,
    collection,
    1 - (embedding <=> %(vector)s) as similarity
from document_embeddings
where model = %(model)s
    and (%(collection)s = '' or collection = %(collection)s)
    and tags @> %(tags)s::text[]
order by embedding <=> %(vector)s
limit %(limit)s

-- name: delete_document
delete from document_embeddings where document_id = %(document_id)s

-- name: count
select count(*) as points from document_embeddings where %(collection)s = '' or collection = %(collection)s
