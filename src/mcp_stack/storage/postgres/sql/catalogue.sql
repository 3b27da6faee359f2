-- name: page
select
    document.number,
    document.id::text as id,
    document.title,
    document.source,
    document.collection,
    document.tags,
    (select count(*) from document_chunks as chunk where chunk.document_id = document.id) as chunks,
    octet_length(document.content) as bytes,
    document.origin,
    document.pinned,
    document.created_at,
    document.updated_at
from imported_documents as document
where (%(before)s = 0 or document.number < %(before)s)
    and (%(collection)s = '' or document.collection = %(collection)s)
    and document.tags @> %(tags)s::text[]
    and starts_with(document.source, %(source)s)
    and strpos(lower(document.title), lower(%(title)s)) > 0
order by document.number desc
limit %(limit)s

-- name: total
select count(*) as total
from imported_documents as document
where (%(collection)s = '' or document.collection = %(collection)s)
    and document.tags @> %(tags)s::text[]
    and starts_with(document.source, %(source)s)
    and strpos(lower(document.title), lower(%(title)s)) > 0

-- name: part
select
    document.number,
    document.id::text as id,
    document.title,
    document.source,
    document.collection,
    document.tags,
    (select count(*) from document_chunks as chunk where chunk.document_id = document.id) as chunks,
    octet_length(document.content) as bytes,
    document.origin,
    document.pinned,
    document.created_at,
    document.updated_at,
    length(document.content) as characters,
    substr(document.content, %(offset)s + 1, %(length)s) as content
from imported_documents as document
where document.id = %(id)s

-- name: near_duplicates
select other.id::text as id, other.title, link.similarity
from document_links as link
join imported_documents as other on other.id = link.other_id
where link.document_id = %(id)s
order by link.similarity desc, other.id
limit 20

-- name: remove
delete from imported_documents as document
where document.id = %(id)s
returning
    document.number,
    document.id::text as id,
    document.title,
    document.source,
    document.collection,
    document.tags,
    (select count(*) from document_chunks as chunk where chunk.document_id = document.id) as chunks,
    octet_length(document.content) as bytes,
    document.origin,
    document.pinned,
    document.created_at,
    document.updated_at

-- name: bump_revision
select nextval('knowledge_revision')

-- name: pin
update imported_documents set pinned = %(pinned)s where id = %(id)s

-- Nothing is written for a document that was found within the hour. In the order of the ids, so that two processes do
-- not lock each other out; the lock keeps a document from being removed until its row here is written.
-- name: used
with stale as (
    select document.id
    from imported_documents as document
    left join document_uses as known on known.document_id = document.id
    where document.id = any(%(ids)s::uuid[])
        and (known.last_used_at is null or known.last_used_at < now() - interval '1 hour')
    order by document.id
    for key share of document
)
insert into document_uses (document_id, last_used_at)
select id, now() from stale
on conflict (document_id) do update set last_used_at = excluded.last_used_at

-- Steps from one collection to the next through the index: as many steps as there are collections.
-- name: collections
with recursive known as (
    (select collection from imported_documents order by collection limit 1)
    union all
    select (
        select following.collection
        from imported_documents as following
        where following.collection > known.collection
        order by following.collection
        limit 1
    )
    from known
    where known.collection is not null
)
select collection from known where collection is not null order by collection
