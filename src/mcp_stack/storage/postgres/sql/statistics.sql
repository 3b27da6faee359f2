-- One refreshes; the others have nothing to do.
-- name: try_lock
select pg_try_advisory_xact_lock(%(lock)s) as yes

-- A change of one document in a hundred, or any after ten minutes, is worth the time.
-- name: is_due
select coalesce(
    (
        select (present.documents, present.last_number) <> (known.documents, known.last_number) and (
            known.refreshed_at < now() - interval '10 minutes'
            or abs(present.documents - known.documents) * 100 >= known.documents
            or present.last_number - known.last_number >= known.documents / 100
        )
        from corpus_statistics as known
    ),
    true
) as yes
from (
    select count(*) as documents, coalesce(max(number), 0) as last_number from imported_documents
) as present

-- name: count_corpus
insert into corpus_statistics as known (documents, mean_length, last_number)
select count(*), coalesce(avg(length), 1)::float8, coalesce(max(number), 0)
from imported_documents
on conflict (only_row) do update
set documents = excluded.documents,
    mean_length = excluded.mean_length,
    last_number = excluded.last_number,
    refreshed_at = now()

-- Only what has changed is written: most words are in as many documents as before.
-- name: count_terms
with counted as materialized (
    select term, count(*)::integer as documents from document_postings group by term having count(*) > 1
), gone as (
    delete from term_statistics as known where not exists (select from counted where counted.term = known.term)
)
insert into term_statistics as known (term, documents)
select term, documents from counted
on conflict (term) do update set documents = excluded.documents
where known.documents <> excluded.documents

-- An index does not answer for pages that were written since the last vacuum: until then searches take five times as long,
-- and so would the count.
-- name: vacuum
vacuum (analyze, skip_locked) document_postings, imported_documents, document_embeddings

-- Documents whose impacts are off: the mean length has moved by a tenth since, or they were indexed by older rules.
-- name: outdated
select document.id::text as id, document.number, document.title, document.collection
from imported_documents as document
cross join corpus_statistics as corpus
where document.mean_length < 0.9 * corpus.mean_length or document.mean_length > 1.1 * corpus.mean_length
limit %(limit)s
for no key update of document skip locked

-- name: chunks
select ordinal, heading, content from document_chunks where document_id = %(id)s order by ordinal

-- name: unindex
delete from document_postings where document = %(number)s

-- name: index
with words as materialized (
    select given.ordinal, hashtextextended(stem[1], 0) as term, sum(given.frequency) as frequency
    from unnest(%(word_ordinals)s::integer[], %(words)s::text[], %(frequencies)s::integer[])
        as given (ordinal, word, frequency)
    cross join lateral ts_lexize('english_stem', given.word) as stem
    where stem[1] is not null
    group by 1, 2
), document as (
    update imported_documents
    set length = (select coalesce(sum(frequency), 0) from words), mean_length = corpus_statistics.mean_length
    from corpus_statistics
    where number = %(number)s
    returning number, length, imported_documents.mean_length
), chunks as (
    update document_chunks as chunk
    set terms = passage.terms
    from (select ordinal, array_agg(term) as terms from words group by ordinal) as passage
    where chunk.document_id = %(id)s and chunk.ordinal = passage.ordinal and chunk.terms <> passage.terms
)
insert into document_postings (document, term, impact, collection, frequency)
select
    document.number, term, bm25_impact(sum(frequency)::bigint, document.length, document.mean_length),
    hashtext(%(collection)s), sum(frequency)
from document
cross join words
group by document.number, document.length, document.mean_length, term
order by term
