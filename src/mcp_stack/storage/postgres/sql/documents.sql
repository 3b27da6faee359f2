-- name: add_document
insert into imported_documents (id, collection, title, source, tags, content, content_hash, length, origin)
values (%(id)s, %(collection)s, %(title)s, %(source)s, %(tags)s, %(content)s, %(content_hash)s, 0, %(origin)s)
on conflict (collection, content_hash) do nothing
returning number

-- name: same_content
select id::text as id, embedding_model from imported_documents where collection = %(collection)s and content_hash = %(content_hash)s

-- name: add_chunks
insert into document_chunks (document_id, ordinal, heading, content)
select %(id)s, *
from unnest(%(ordinals)s::integer[], %(headings)s::text[], %(contents)s::text[])

-- Words of the title count twice: it says what the document is about. Chunk by chunk, because one tsvector holds
-- 16,383 positions at most.
-- name: add_postings
with words as (
    select lexeme, 2 * cardinality(positions) as frequency
    from unnest(to_tsvector('english', %(title)s::text))
    union all
    select word.lexeme, cardinality(word.positions)
    from document_chunks as chunk
    cross join unnest(to_tsvector('english', chunk.heading || ' ' || chunk.content)) as word
    where chunk.document_id = %(id)s
), postings as (
    insert into document_postings (term, document, frequency, impact, collection)
    select hashtextextended(lexeme, 0), %(number)s, sum(frequency), 0, 0
    from words
    group by 1
    returning frequency
)
update imported_documents
set length = (select coalesce(sum(frequency), 0) from postings)
where number = %(number)s

-- name: bump_revision
select nextval('knowledge_revision')

-- name: revision
select last_value as revision from knowledge_revision

-- name: count
select count(*) as documents from imported_documents

-- name: mark_embedded
update imported_documents set embedding_model = %(model)s where id = %(id)s

-- BM25 as in Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with k1 = 1.2 and
-- b = 0.75; the 1 inside the logarithm keeps the weight of a word in more than half of the documents positive.
-- name: lexical_search
with terms as (
    select hashtextextended(lexeme, 0) as term
    from unnest(to_tsvector('english', %(query)s::text))
), corpus as (
    select count(*)::float8 as documents, greatest(avg(length), 1)::float8 as mean_length
    from imported_documents
), weights as (
    select term, ln(1 + (corpus.documents - count(*) + 0.5) / (count(*) + 0.5)) as weight
    from document_postings
    join terms using (term)
    cross join corpus
    group by term, corpus.documents
)
select
    document.id::text as document_id,
    sum(
        weights.weight * posting.frequency * 2.2
        / (posting.frequency + 1.2 * (0.25 + 0.75 * document.length / corpus.mean_length))
    ) as score
from weights
join document_postings as posting using (term)
join imported_documents as document on document.number = posting.document
cross join corpus
where (%(collection)s = '' or document.collection = %(collection)s)
    and document.tags @> %(tags)s::text[]
group by document.id
order by score desc, document.id
limit %(limit)s

-- The passage asked for, else the one that shares most with the query.
-- name: excerpts
with query as (
    -- plainto_tsquery joins the words by AND, which nearly nothing satisfies.
    select replace(plainto_tsquery('english', %(query)s)::text, '&', '|')::tsquery as words
)
select
    document.id::text as document_id,
    document.title,
    document.source,
    document.collection,
    document.tags,
    coalesce(chunk.ordinal, 0) as ordinal,
    coalesce(chunk.heading, '') as heading,
    coalesce(chunk.content, '') as content
from unnest(%(ids)s::uuid[], %(ordinals)s::integer[]) with ordinality as wanted (id, ordinal, position)
join imported_documents as document on document.id = wanted.id
cross join query
left join lateral (
    select candidate.ordinal, candidate.heading, candidate.content
    from document_chunks as candidate
    where candidate.document_id = document.id and (wanted.ordinal = 0 or candidate.ordinal = wanted.ordinal)
    order by
        ts_rank(to_tsvector('english', candidate.heading || ' ' || candidate.content), query.words) desc,
        candidate.ordinal
    limit 1
) as chunk on true
order by wanted.position
