-- Imports: what a document came from, which documents are nearly alike, and imports that outlive their caller.

-- What each document was made from: a file, a text, an entry of a feeder. A key that comes with other content gets
-- another document; a document goes with its last key. The key is a SHA-256: paths are too long for an index.
create table document_keys (
    collection text not null,
    key bytea not null,
    document_id uuid not null references imported_documents on delete cascade,
    primary key (collection, key)
);
create index idx_document_keys_document on document_keys (document_id);

-- Files that were imported before there were keys: their source is their path.
insert into document_keys (collection, key, document_id)
select distinct on (collection, source)
    collection, sha256(convert_to('file:' || source, 'UTF8')), id
from imported_documents
where source like '/%'
order by collection, source, created_at desc;

-- Documents whose vectors are more than 0.95 alike, in both directions.
create table document_links (
    document_id uuid not null references imported_documents on delete cascade,
    other_id uuid not null references imported_documents on delete cascade,
    similarity double precision not null,
    primary key (document_id, other_id)
);
create index idx_document_links_other on document_links (other_id);

create table imports (
    id uuid primary key,
    -- SHA-256 of all that was asked for: the same call joins the import that runs.
    fingerprint bytea not null,
    path text not null,
    -- Empty: code goes to one collection, prose to another.
    collection text not null,
    tags text[] not null,
    source text not null,
    -- Of the jobs; named after the machine that has the files.
    queue text not null,
    state text not null default 'running' check (state in ('running', 'done', 'failed')),
    -- The path of the last file that is done, as bytes; files are done in the order of their paths.
    position bytea not null default '',
    total integer not null default 0,
    done integer not null default 0,
    added integer not null default 0,
    replaced integer not null default 0,
    duplicates integer not null default 0,
    chunks integer not null default 0,
    -- Files of a kind that is not imported, and those that could not be: the first of them, and how many.
    passed_over text[] not null default '{}',
    passed_over_count integer not null default 0,
    skipped text[] not null default '{}',
    skipped_count integer not null default 0,
    near_duplicates uuid[] not null default '{}',
    notes text[] not null default '{}',
    -- Starts since the last file that was done.
    attempts integer not null default 0,
    -- The caller has seen the result.
    told boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz
);
create unique index idx_imports_running on imports (fingerprint) where state = 'running';
create index idx_imports_finished on imports (fingerprint, finished_at desc);

-- Finds the documents that another model embedded, or none, without reading the rest.
create index idx_documents_embedding_model on imported_documents (embedding_model, number);

-- How far a feeder has read.
create table feeds (
    name text primary key,
    position timestamptz not null,
    last_id uuid not null
);

-- The answer may hold facts of the caller's own context: it never becomes common knowledge.
alter table interactions add column private boolean not null default false;
