-- A document that was removed in the meantime gets no key; the others stay until the transaction ends.
-- name: hold
select id::text as id from imported_documents where id = any(%(ids)s::uuid[]) order by id for key share

-- name: add_keys
with alive as (
    select id from imported_documents where id = any(%(ids)s::uuid[]) order by id for key share
)
insert into document_keys (collection, key, document_id)
select given.collection, given.key, given.document_id
from unnest(%(collections)s::text[], %(keys)s::bytea[], %(ids)s::uuid[]) as given (collection, key, document_id)
join alive on alive.id = given.document_id
order by 1, 2
on conflict (collection, key) do nothing

-- name: count_settled
select count(*) as keys
from document_keys as known
join unnest(%(collections)s::text[], %(keys)s::bytea[], %(ids)s::uuid[]) as given (collection, key, document_id)
    using (collection, key, document_id)

-- name: lock_keys
select known.collection, known.key, known.document_id::text as document_id
from document_keys as known
join unnest(%(collections)s::text[], %(keys)s::bytea[]) as given (collection, key)
    on known.collection = given.collection and known.key = given.key
order by 1, 2
for update of known

-- name: move_keys
update document_keys as known
set document_id = given.document_id
from unnest(%(collections)s::text[], %(keys)s::bytea[], %(ids)s::uuid[]) as given (collection, key, document_id)
where known.collection = given.collection and known.key = given.key

-- What somebody pinned stays pinned in its new version.
-- name: carry_pins
update imported_documents as document
set pinned = true
from unnest(%(before)s::uuid[], %(after)s::uuid[]) as moved (before, after)
join imported_documents as old on old.id = moved.before
where document.id = moved.after and old.pinned and not document.pinned

-- Whoever holds one is about to give it a key: not waited for, for they may wait for us.
-- name: claim_unheld
select id from imported_documents where id = any(%(ids)s::uuid[]) order by id for update skip locked

-- name: claim
select id from imported_documents where id = any(%(ids)s::uuid[]) order by id for update

-- Only after a claim, in a statement of its own: it sees the keys that were recorded before the claim was given.
-- name: remove_unnamed
delete from imported_documents as document
where id = any(%(ids)s::uuid[])
    and not exists (select from document_keys where document_id = document.id)
returning id::text as id

-- name: remove_vectors
delete from document_embeddings where document_id = any(%(ids)s::uuid[])

-- name: bump_revision
select nextval('knowledge_revision')

-- name: link
insert into document_links (document_id, other_id, similarity)
select pair.document_id, pair.other_id, pair.similarity
from (
    select distinct on (document_id, other_id) *
    from (
        select document_id, other_id, similarity
        from unnest(%(ids)s::uuid[], %(others)s::uuid[], %(similarities)s::float8[])
            as found (document_id, other_id, similarity)
        union all
        select other_id, document_id, similarity
        from unnest(%(ids)s::uuid[], %(others)s::uuid[], %(similarities)s::float8[])
            as found (document_id, other_id, similarity)
    ) as both_ways
    order by document_id, other_id
) as pair
where exists (select from imported_documents where id = pair.document_id)
    and exists (select from imported_documents where id = pair.other_id)
order by 1, 2
on conflict (document_id, other_id) do update set similarity = excluded.similarity

-- name: mark_embedded
update imported_documents set embedding_model = %(model)s
where id in (
    select id from imported_documents
    where id = any(%(ids)s::uuid[]) and embedding_model <> %(model)s
    order by id
    for no key update
)

-- Two ranges of the index instead of everything that is not equal; the passages are bounded, not only the documents.
-- name: unembedded
with candidates as (
    select * from (
        (
            select id, number, title, left(content, %(characters)s) as content, collection, tags, embedding_model
            from imported_documents
            where embedding_model < %(model)s
            order by embedding_model, number
            limit %(limit)s
        )
        union all
        (
            select id, number, title, left(content, %(characters)s) as content, collection, tags, embedding_model
            from imported_documents
            where embedding_model > %(model)s
            order by embedding_model, number
            limit %(limit)s
        )
    ) as found
    limit %(limit)s
), bounded as (
    select *, sum(passages) over (order by embedding_model, number) - passages as before
    from candidates
    cross join lateral (
        select count(*) as passages from document_chunks where document_id = candidates.id
    ) as counted
)
select
    bounded.id::text as id, bounded.title, bounded.content, bounded.collection, bounded.tags,
    bounded.embedding_model as model,
    coalesce(array_agg(chunk.ordinal order by chunk.ordinal) filter (where chunk.ordinal is not null), '{}')
        as ordinals,
    coalesce(array_agg(chunk.heading order by chunk.ordinal) filter (where chunk.ordinal is not null), '{}')
        as headings,
    coalesce(array_agg(chunk.content order by chunk.ordinal) filter (where chunk.ordinal is not null), '{}')
        as contents
from bounded
left join document_chunks as chunk on chunk.document_id = bounded.id
where before < %(passages)s
group by bounded.id, bounded.number, bounded.title, bounded.content, bounded.collection, bounded.tags,
    bounded.embedding_model
order by bounded.embedding_model, bounded.number

-- name: has_unembedded
select exists (select from imported_documents where embedding_model < %(model)s)
    or exists (select from imported_documents where embedding_model > %(model)s) as found

-- name: made_below
select source, id::text as id
from imported_documents
where origin = 'user' and starts_with(source, %(folder)s) and source > %(after)s
order by source, id
limit %(limit)s
