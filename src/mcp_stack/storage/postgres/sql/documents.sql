-- Ordinal 0 is the title. One statement and so one transaction; counters that others update too are left to a job.
-- name: add
with words as materialized (
    select given.ordinal, hashtextextended(stem[1], 0) as term, sum(given.frequency) as frequency
    from unnest(%(word_ordinals)s::integer[], %(words)s::text[], %(frequencies)s::integer[])
        as given (ordinal, word, frequency)
    cross join lateral ts_lexize('english_stem', given.word) as stem
    where stem[1] is not null
    group by 1, 2
), corpus as (
    select coalesce(
        (select mean_length from corpus_statistics),
        -- Nothing was counted yet: the latest documents will do until the job has seen them all.
        (select avg(length) from (select length from imported_documents order by number desc limit 100) as latest),
        (select sum(frequency) from words),
        1
    ) as mean_length
), document as (
    insert into imported_documents
        (id, collection, title, source, tags, content, content_hash, origin, length, mean_length)
    select
        %(id)s, %(collection)s, %(title)s, %(source)s, %(tags)s, %(content)s, %(content_hash)s, %(origin)s,
        (select coalesce(sum(frequency), 0) from words), corpus.mean_length
    from corpus
    on conflict (collection, content_hash) do nothing
    returning number, length, mean_length
), chunks as (
    insert into document_chunks (document_id, ordinal, heading, content, terms)
    select %(id)s, given.ordinal, given.heading, given.content, coalesce(passage.terms, '{}')
    from document
    cross join unnest(%(ordinals)s::integer[], %(headings)s::text[], %(contents)s::text[])
        as given (ordinal, heading, content)
    left join (select ordinal, array_agg(term) as terms from words group by ordinal) as passage using (ordinal)
), postings as (
    insert into document_postings (document, term, impact, collection, frequency)
    select
        document.number, term, bm25_impact(sum(frequency)::bigint, document.length, document.mean_length),
        hashtext(%(collection)s), sum(frequency)
    from document
    cross join words
    group by document.number, document.length, document.mean_length, term
    order by term
)
select number, case when %(is_news)s then nextval('knowledge_revision') end from document

-- name: same_content
select id::text as id, embedding_model, title, source, tags
from imported_documents
where collection = %(collection)s and content_hash = %(content_hash)s

-- name: bump_revision
select nextval('knowledge_revision')

-- name: revision
select last_value as revision from knowledge_revision

-- name: count
select count(*) as documents from imported_documents

-- The passage that has most of the question's words and meaning; one whose similarity is not known counts as the least
-- similar one of its document.
-- name: excerpts
select
    document.id::text as document_id,
    document.title,
    document.source,
    document.collection,
    document.tags,
    coalesce(best.ordinal, 0) as ordinal,
    coalesce(best.heading, '') as heading,
    coalesce(best.content, '') as content
from unnest(%(ids)s::uuid[], %(least)s::float8[]) with ordinality as wanted (id, least, position)
join imported_documents as document on document.id = wanted.id
left join lateral (
    select chunk.ordinal, chunk.heading, chunk.content
    from document_chunks as chunk
    left join unnest(%(known_ids)s::uuid[], %(known_ordinals)s::integer[], %(similarities)s::float8[])
        as known (id, ordinal, similarity)
        on known.id = chunk.document_id and known.ordinal = chunk.ordinal
    where chunk.document_id = document.id
    order by
        (1 - %(words)s) * coalesce(known.similarity, wanted.least) + %(words)s * (
            select coalesce(sum(word.weight), 0)
            from unnest(%(terms)s::bigint[], %(weights)s::float8[]) as word (term, weight)
            where word.term = any(chunk.terms)
        ) desc,
        chunk.ordinal
    limit 1
) as best on true
order by wanted.position
