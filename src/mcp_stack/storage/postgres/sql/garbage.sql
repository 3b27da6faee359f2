-- Any constant, other than those of the migrations and of the worker's lease.
-- name: lock
select pg_try_advisory_lock(4711003) as taken

-- name: unlock
select pg_advisory_unlock(4711003)

-- What a document takes on disk: its text, once more as passages, about 110 bytes for each word with its indexes, and
-- about 2,000 for each vector with its index.
-- name: unused
select
    document.id::text as id,
    document.number,
    document.title,
    document.origin,
    document.pinned,
    passages.chunks,
    2 * octet_length(document.content) + 2000 * (passages.chunks + 1)
        + 110 * (select count(*) from document_postings as posting where posting.document = document.number) as bytes
from imported_documents as document
cross join lateral (
    select count(*) as chunks from document_chunks as chunk where chunk.document_id = document.id
) as passages
where document.origin = %(origin)s
    and not document.pinned
    and document.updated_at < %(since)s
    and not exists (
        select from document_uses as use where use.document_id = document.id and use.last_used_at >= %(since)s
    )
    and document.number > %(after)s
order by document.number
limit %(limit)s

-- name: described
select
    document.id::text as id,
    document.number,
    document.title,
    document.origin,
    document.pinned,
    passages.chunks,
    2 * octet_length(document.content) + 2000 * (passages.chunks + 1)
        + 110 * (select count(*) from document_postings as posting where posting.document = document.number) as bytes
from imported_documents as document
cross join lateral (
    select count(*) as chunks from document_chunks as chunk where chunk.document_id = document.id
) as passages
where document.id = any(%(ids)s::uuid[])

-- name: embedded
select number, id::text as id
from imported_documents
where embedding_model = %(model)s and number > %(after)s
order by number
limit %(limit)s

-- name: models
select id::text as id, embedding_model from imported_documents where id = any(%(ids)s::uuid[])

-- In the order of the ids, so that two removals do not lock each other out.
-- name: remove_unused
with doomed as (
    select document.id
    from imported_documents as document
    where document.id = any(%(ids)s::uuid[])
        and document.origin = %(origin)s
        and not document.pinned
        and document.updated_at < %(since)s
        and not exists (
            select from document_uses as use where use.document_id = document.id and use.last_used_at >= %(since)s
        )
    order by document.id
    for update of document
)
delete from imported_documents as document using doomed where document.id = doomed.id returning document.id::text as id

-- The one that stays is locked too: it cannot be removed while the other one goes because of it.
-- name: remove_duplicates
with wanted as (
    select * from unnest(%(ids)s::uuid[], %(kept)s::uuid[]) as pair (id, kept)
), present as (
    select document.id
    from imported_documents as document
    where document.id in (select wanted.kept from wanted)
    order by document.id
    for key share
), doomed as (
    select document.id
    from imported_documents as document
    join wanted on wanted.id = document.id
    join present on present.id = wanted.kept
    where document.origin = %(origin)s and not document.pinned
    order by document.id
    for update of document
)
delete from imported_documents as document using doomed where document.id = doomed.id returning document.id::text as id

-- name: bump_revision
select nextval('knowledge_revision')

-- The words of documents that are gone: a job that indexes a document again may come after its removal. Steps from
-- document to document through the index.
-- name: count_orphan_postings
with recursive indexed as (
    (select document from document_postings order by document limit 1)
    union all
    select (
        select posting.document from document_postings as posting
        where posting.document > indexed.document
        order by posting.document
        limit 1
    )
    from indexed
    where indexed.document is not null
)
select count(*) as rows
from document_postings as posting
join indexed using (document)
where not exists (select from imported_documents as document where document.number = indexed.document)

-- name: sweep_orphan_postings
with recursive indexed as (
    (select document from document_postings order by document limit 1)
    union all
    select (
        select posting.document from document_postings as posting
        where posting.document > indexed.document
        order by posting.document
        limit 1
    )
    from indexed
    where indexed.document is not null
), doomed as (
    select posting.document, posting.term
    from document_postings as posting
    join indexed using (document)
    where not exists (select from imported_documents as document where document.number = indexed.document)
    limit %(limit)s
)
delete from document_postings as posting
using doomed
where posting.document = doomed.document and posting.term = doomed.term

-- name: count_expired_cache
select count(*) as rows from cache_entries where expires <= clock_timestamp()

-- name: sweep_expired_cache
delete from cache_entries
where ctid in (select ctid from cache_entries where expires <= clock_timestamp() limit %(limit)s for update skip locked)

-- name: count_expired_rate_limits
select count(*) as rows from rate_buckets where expires <= clock_timestamp()

-- name: sweep_expired_rate_limits
delete from rate_buckets
where ctid in (select ctid from rate_buckets where expires <= clock_timestamp() limit %(limit)s for update skip locked)

-- What its server stopped offering, and what is of a server that is not configured any more.
-- name: count_removed_tools
select count(*) as rows
from tool_registry
where missing_since < %(since)s or (last_seen < %(since)s and server <> all(%(servers)s::text[]))

-- name: sweep_removed_tools
delete from tool_registry
where (kind, server, tool) in (
    select kind, server, tool
    from tool_registry
    where missing_since < %(since)s or (last_seen < %(since)s and server <> all(%(servers)s::text[]))
    order by kind, server, tool
    limit %(limit)s
    for update skip locked
)

-- Whoever has read the registry learns from its revision that it has changed. A server of which nothing is left is
-- listed anew if it is configured again.
-- name: after_removed_tools
with forgotten as (
    delete from tool_servers
    where last_seen < %(since)s
        and name <> all(%(servers)s::text[])
        and not exists (select from tool_registry where tool_registry.server = tool_servers.name)
)
update tool_registry_state set revision = revision + 1

-- name: count_finished_imports
select count(*) as rows from imports where state <> 'running' and finished_at < %(since)s

-- name: sweep_finished_imports
delete from imports
where id in (
    select id from imports where state <> 'running' and finished_at < %(since)s order by id limit %(limit)s
    for update skip locked
)

-- The worker removes jobs that succeeded; those that failed for good or were cancelled stay.
-- name: count_finished_jobs
select count(*) as rows
from jobs.procrastinate_jobs as job
where job.status not in ('todo', 'doing')
    and not exists (select from jobs.procrastinate_events as event where event.job_id = job.id and event.at >= %(since)s)

-- name: sweep_finished_jobs
delete from jobs.procrastinate_jobs
where id in (
    select job.id
    from jobs.procrastinate_jobs as job
    where job.status not in ('todo', 'doing') and not exists (
        select from jobs.procrastinate_events as event where event.job_id = job.id and event.at >= %(since)s
    )
    order by job.id
    limit %(limit)s
    for update of job skip locked
)

-- name: keep_report
with kept as (
    insert into garbage_reports (report) values (%(report)s) returning id
)
delete from garbage_reports where id <= (select id from kept) - 30

-- name: last_report
select finished_at, report as content from garbage_reports order by id desc limit 1
