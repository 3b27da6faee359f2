-- Search: BM25 from stored impacts and refreshed statistics, the words of passages, and who brought a document.

alter table imported_documents
    -- A person, or a feeder that brings documents by itself.
    add column origin text not null default 'user' check (origin in ('user', 'fed')),
    -- Never collected as garbage.
    add column pinned boolean not null default false,
    -- The mean length that the impacts of its postings were computed with; 0 where the document was indexed by older
    -- rules. The job that refreshes the statistics indexes it again when the mean has moved away from this.
    add column mean_length real not null default 0;
create index idx_documents_mean_length on imported_documents (mean_length);

-- What a posting adds to the BM25 score of its document for a word of weight 1: k1 = 1.2, b = 0.75.
create function bm25_impact(frequency bigint, length bigint, mean_length float8) returns real
language sql immutable parallel safe
return (
    2.2::float8 * frequency
    / (frequency + 1.2::float8 * (0.25::float8 + 0.75::float8 * length / greatest(mean_length, 1)))
)::real;

-- The words of a passage as term ids, to choose the passage that fits a question.
alter table document_chunks add column terms bigint[] not null default '{}';
update document_chunks
set terms = array(
    select hashtextextended(lexeme, 0) from unnest(to_tsvector('english', heading || ' ' || content)) order by 1
);

-- In the order of the documents: a new one is written to the end of the table and of its key. There is no foreign key,
-- which would look up the same document for each of its words; a trigger does what it would cascade.
alter table document_postings rename to old_postings;
create table document_postings (
    document bigint not null,
    term bigint not null,
    impact real not null,
    -- hashtext(collection): a filter that the index answers.
    collection integer not null,
    frequency integer not null
);
insert into document_postings (document, term, impact, collection, frequency)
select posting.document, posting.term, bm25_impact(posting.frequency, document.length, corpus.mean_length),
    hashtext(document.collection), posting.frequency
from old_postings as posting
join imported_documents as document on document.number = posting.document
cross join (select coalesce(avg(length), 1)::float8 as mean_length from imported_documents) as corpus
order by posting.document, posting.term;
drop table old_postings;
alter table document_postings
    add constraint document_postings_pkey primary key (document, term) include (impact);
-- The best postings of a word come first, so that a search may stop early; the document makes the order of equals sure.
create index idx_postings_term on document_postings (term, impact desc, document) include (collection);
-- An index alone answers only for pages that were vacuumed since they were written.
alter table document_postings set (autovacuum_vacuum_insert_scale_factor = 0.05);

create function delete_postings() returns trigger
language plpgsql set search_path from current
as $$
declare
    number_of_one bigint;
begin
    -- One by one: a plan for many would be kept, and read the whole table for one.
    for number_of_one in select number from deleted loop
        delete from document_postings where document = number_of_one;
    end loop;
    return null;
end
$$;
create trigger delete_postings after delete on imported_documents
referencing old table as deleted
for each statement execute function delete_postings();

-- Counted by a job: counters that every writer updates make writers wait for each other, and deadlock.
create table corpus_statistics (
    only_row boolean primary key default true check (only_row),
    documents bigint not null,
    mean_length float8 not null,
    -- Greatest number of a document then.
    last_number bigint not null,
    refreshed_at timestamptz not null default now()
);
-- In how many documents a term is; terms of one document are left out.
create table term_statistics (
    term bigint primary key,
    documents integer not null
);

-- Points that carry a tag, where they are few.
create index idx_embeddings_tags on document_embeddings using gin (tags);

-- The planner takes it for as cheap as a comparison of two integers, and then reads a table rather than the index.
do $$
begin
    alter function cosine_distance(vector, vector) cost 50;
exception when insufficient_privilege then
    raise notice 'cosine_distance keeps its cost: it belongs to another role';
end
$$;
