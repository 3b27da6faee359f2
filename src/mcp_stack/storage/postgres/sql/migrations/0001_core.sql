-- The tables that every server shares. Searched through `search_path = app, jobs, public`.

create table imported_documents (
    id uuid primary key,
    -- Postings name documents by this number: half the size of the id.
    number bigint generated always as identity unique,
    collection text not null,
    title text not null,
    source text not null,
    tags text[] not null default '{}',
    content text not null,
    content_hash bytea not null,
    -- Number of indexed terms, title included; the length in BM25.
    length integer not null,
    -- Which model embedded it; empty while it is found by its words alone.
    embedding_model text not null default '',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (collection, content_hash)
);
create index idx_documents_tags on imported_documents using gin (tags);
create index idx_documents_unembedded on imported_documents (number) where embedding_model = '';

create table document_chunks (
    document_id uuid not null references imported_documents on delete cascade,
    ordinal integer not null,
    heading text not null,
    content text not null,
    primary key (document_id, ordinal)
);

-- The BM25 posting lists. `term` is hashtextextended(lexeme, 0): no dictionary to contend on.
create table document_postings (
    term bigint not null,
    document bigint not null references imported_documents (number) on delete cascade,
    frequency integer not null,
    primary key (term, document) include (frequency)
);
create index idx_postings_document on document_postings (document);

-- Ordinal 0 is the document as a whole, 1.. are its chunks.
create table document_embeddings (
    id uuid not null,
    collection text not null,
    model text not null,
    document_id uuid not null,
    ordinal integer not null,
    tags text[] not null default '{}',
    embedding vector(384) not null,
    primary key (collection, model, id)
);
create index idx_embeddings_vector on document_embeddings
    using hnsw (embedding vector_cosine_ops) with (m = 16, ef_construction = 64);
create index idx_embeddings_document on document_embeddings (document_id);

-- Grows with every change of the knowledge base, also of one that is rolled back: an answer found under an older
-- value may be out of date. A sequence, because a counter in a row would make every writer wait for every other.
create sequence knowledge_revision;

create table tool_registry (
    name text primary key,
    server text not null,
    tool text not null,
    title text not null default '',
    description text not null,
    category text not null default 'general',
    input_schema jsonb not null,
    annotations jsonb not null default '{}',
    fingerprint bytea not null,
    server_status text not null default 'known',
    first_seen timestamptz not null default now(),
    last_seen timestamptz not null default now()
);
create index idx_tools_server on tool_registry (server);
create index idx_tools_category on tool_registry (category);

create table open_skills (
    slug text primary key,
    name text not null,
    description text not null,
    content text not null,
    source text not null,
    tags text[] not null default '{}',
    status text not null default 'pending' check (status in ('pending', 'approved', 'rejected')),
    content_hash bytea not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table system_registry (
    name text primary key,
    kind text not null,
    version text not null default '',
    status text not null default 'unknown',
    detail jsonb not null default '{}',
    refreshed_at timestamptz not null default now()
);

create table points_of_interest (
    id uuid primary key,
    title text not null,
    url text not null unique,
    category text not null default 'general',
    description text not null default '',
    created_at timestamptz not null default now()
);

create table telemetry_events (
    event_id uuid primary key,
    event_type text not null,
    timestamp timestamptz not null,
    server text not null,
    trace_id text not null default '',
    fields jsonb not null default '{}'
);
create index idx_telemetry_timestamp on telemetry_events (timestamp);
create index idx_telemetry_event_type on telemetry_events (event_type);

create table issues (
    id uuid primary key,
    title text not null,
    severity text not null check (severity in ('P0', 'P1', 'P2')),
    category text not null,
    status text not null default 'open',
    description text not null,
    context jsonb not null default '{}',
    -- Hash of the normalised message: the same error again is counted, not filed twice.
    signature bytea not null,
    occurrences integer not null default 1,
    notes jsonb not null default '[]',
    created_at timestamptz not null default now(),
    last_seen timestamptz not null default now()
);
create index idx_issues_signature on issues (signature);

create table interactions (
    id uuid primary key,
    created_at timestamptz not null default now(),
    query text not null,
    response text not null,
    route text not null check (route in ('local', 'remote_fallback', 'remote', 'cache', 'offline', 'knowledge')),
    model text not null default '',
    confidence double precision not null,
    latency_ms double precision not null,
    tokens_in integer not null,
    tokens_out integer not null,
    cost_usd numeric(14, 6) not null,
    -- What the same tokens would have cost at the remote model, less what they did cost.
    saved_usd numeric(14, 6) not null,
    value_score double precision not null,
    learned boolean not null,
    session_id text not null default '',
    sources jsonb not null default '[]',
    reasons text[] not null default '{}'
);
create index idx_interactions_created_at on interactions (created_at);

-- The cache survives a clean stop and is emptied by a crash: UNLOGGED is as fast as Redis here, a logged table 50x slower.
create unlogged table cache_entries (
    key text primary key,
    value bytea not null,
    expires timestamptz not null
) with (fillfactor = 70);
create index idx_cache_expires on cache_entries (expires);

create unlogged table rate_buckets (
    bucket text primary key,
    tokens double precision not null,
    allowed boolean not null,
    refilled timestamptz not null,
    expires timestamptz not null
) with (fillfactor = 70);
create index idx_rate_buckets_expires on rate_buckets (expires);
