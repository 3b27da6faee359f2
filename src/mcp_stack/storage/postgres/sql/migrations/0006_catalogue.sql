-- Tidying up: which documents are in use, what was removed, and which questions found nothing good.

-- When a document was last found by a search. A table of its own: a row of imported_documents is wide and has many
-- indexes. Written now and then, many documents at once.
create table document_uses (
    document_id uuid primary key references imported_documents on delete cascade,
    last_used_at timestamptz not null
) with (fillfactor = 70);

-- Questions whose best passage was weak, as they stood when they were asked last.
create table query_gaps (
    -- SHA-256 of the collection and of the question's stems in alphabetical order: other wording of the same words.
    key bytea primary key,
    -- As it was asked first.
    question text not null,
    -- Where it was looked for; empty for everywhere.
    collection text not null,
    asked integer not null default 1,
    best_relevance double precision not null,
    best_source text not null,
    best_document text not null,
    first_asked timestamptz not null default now(),
    last_asked timestamptz not null default now()
) with (fillfactor = 70);
create index idx_query_gaps_asked on query_gaps (asked desc, last_asked desc);

-- What each collection of garbage removed; the last ones are kept.
create table garbage_reports (
    id bigint generated always as identity primary key,
    finished_at timestamptz not null default now(),
    report jsonb not null
);

-- Documents that may grow too old: the others are many more.
create index idx_documents_fed on imported_documents (updated_at) where origin = 'fed' and not pinned;
