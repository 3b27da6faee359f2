-- BM25 as in Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond".

-- In how many documents each word of a question is. While there are few documents, everything is counted now (`few`);
-- so are the words when more than half of the documents came since a job counted. Otherwise the job's figures serve, and
-- a word that it has not seen is in one document.
-- name: terms
with counted as (
    select coalesce(max(documents), 0) as documents, coalesce(max(mean_length), 1) as mean_length,
        greatest(coalesce((select max(number) from imported_documents), 0) - coalesce(max(last_number), 0), 0) as since
    from corpus_statistics
), decided as (
    select *, documents + since <= %(few)s as few, documents < since as uncounted from counted
), corpus as materialized (
    select
        few,
        few or uncounted as live,
        case when few or uncounted then (select count(*) from imported_documents) else documents end as documents,
        case when few then (select coalesce(avg(length), 1)::float8 from imported_documents) else mean_length end
            as mean_length
    from decided
), terms as (
    select distinct hashtextextended(stem[1], 0) as term
    from unnest(%(words)s::text[]) as given (word)
    cross join lateral ts_lexize('english_stem', given.word) as stem
    where stem[1] is not null
)
select
    terms.term,
    case
        when corpus.live then (select count(*) from document_postings as posting where posting.term = terms.term)
        when known.documents is not null then known.documents
        else (select count(*) from (select from document_postings as posting where posting.term = terms.term limit 1) as one)
    end as found_in,
    corpus.few, corpus.documents, corpus.mean_length
from terms
cross join corpus
left join term_statistics as known on known.term = terms.term

-- Few documents: the score as it is defined, from frequencies and lengths.
-- name: rank_few_documents
select
    document.id::text as document_id,
    sum(wanted.weight * bm25_impact(posting.frequency, document.length, %(mean_length)s))::real as score,
    sum(wanted.weight) as covered
from unnest(%(terms)s::bigint[], %(weights)s::float8[]) as wanted (term, weight)
join document_postings as posting on posting.term = wanted.term
join imported_documents as document on document.number = posting.document
where (cardinality(%(ids)s::uuid[]) = 0 or document.id = any(%(ids)s::uuid[]))
    and (%(collection)s = '' or document.collection = %(collection)s)
    and document.tags @> %(tags)s::text[]
group by document.id, document.number
order by score desc, document.number
limit %(limit)s

-- Every posting of every word.
-- name: rank_all
with ranked as (
    select
        posting.document,
        sum(wanted.weight * posting.impact)::real as score,
        sum(wanted.weight) as covered
    from unnest(%(terms)s::bigint[], %(weights)s::float8[]) as wanted (term, weight)
    join document_postings as posting on posting.term = wanted.term
    group by posting.document
    order by score desc, posting.document
    limit %(limit)s
)
select document.id::text as document_id, ranked.score, ranked.covered
from ranked
join imported_documents as document on document.number = ranked.document
order by ranked.score desc, ranked.document

-- The best postings of each word find the documents, which are then scored by all their words. What a filter excludes
-- is no posting, so that there are as many as without one.
-- name: rank_best
with wanted as materialized (
    select * from unnest(%(terms)s::bigint[], %(weights)s::float8[]) as given (term, weight)
), tagged as materialized (
    select number from imported_documents where tags @> %(tags)s::text[]
), found as (
    select best.document
    from wanted
    cross join lateral (
        select posting.document, posting.impact
        from document_postings as posting
        where posting.term = wanted.term
            and (%(collection)s = '' or posting.collection = hashtext(%(collection)s))
            and (%(tags)s::text[] = '{}' or posting.document in (select number from tagged))
        order by posting.impact desc, posting.document
        limit %(postings)s
    ) as best
    group by best.document
    order by sum(wanted.weight * best.impact) desc, best.document
    limit %(rescored)s
), ranked as (
    select
        found.document,
        sum(wanted.weight * posting.impact)::real as score,
        sum(wanted.weight) as covered
    from found
    -- One walk for all words of a document: its postings are next to each other.
    cross join lateral (
        select term, impact
        from document_postings
        where document = found.document and term = any(%(terms)s::bigint[])
        offset 0
    ) as posting
    join wanted using (term)
    group by found.document
)
select document.id::text as document_id, ranked.score, ranked.covered
from ranked
join imported_documents as document on document.number = ranked.document
-- Collections of another name may have the same hash.
where %(collection)s in ('', document.collection)
order by ranked.score desc, ranked.document
limit %(limit)s

-- The documents that a filter leaves, if they are few.
-- name: matching
select array_agg(number) as numbers
from (
    select number
    from imported_documents
    where (%(collection)s = '' or collection = %(collection)s) and tags @> %(tags)s::text[]
    limit %(limit)s
) as matching

-- name: rank_matching
with ranked as (
    select
        given.document,
        sum(wanted.weight * posting.impact)::real as score,
        sum(wanted.weight) as covered
    from unnest(%(numbers)s::bigint[]) as given (document)
    cross join lateral (
        select term, impact
        from document_postings
        where document = given.document and term = any(%(terms)s::bigint[])
        offset 0
    ) as posting
    join unnest(%(terms)s::bigint[], %(weights)s::float8[]) as wanted (term, weight) using (term)
    group by given.document
    order by score desc, given.document
    limit %(limit)s
)
select document.id::text as document_id, ranked.score, ranked.covered
from ranked
join imported_documents as document on document.number = ranked.document
order by ranked.score desc, ranked.document

-- name: scores
select
    document.id::text as document_id,
    sum(wanted.weight * posting.impact)::real as score,
    sum(wanted.weight) as covered
from imported_documents as document
cross join lateral (
    select term, impact
    from document_postings
    where document_postings.document = document.number and term = any(%(terms)s::bigint[])
    offset 0
) as posting
join unnest(%(terms)s::bigint[], %(weights)s::float8[]) as wanted (term, weight) using (term)
where document.id = any(%(ids)s::uuid[])
group by document.id
