-- Issues: one that is not closed for each signature, so that an occurrence is counted by one atomic statement.
drop index idx_issues_signature;
create unique index idx_issues_signature on issues (signature) where status <> 'closed';
create index idx_issues_gravest on issues (severity, last_seen desc);
alter table issues
    add constraint issues_status check (status in ('open', 'in_progress', 'resolved', 'closed')),
    add column incidents text[] not null default '{}',
    -- The report that opened it again; tells that report that it did.
    add column reopened_by uuid;

-- Skills: what a person approved last is kept whole, to show what a later import changes.
alter table open_skills
    add column license text not null default '',
    add column allowed_tools text[] not null default '{}',
    add column approved jsonb,
    -- Its document in the knowledge base, once it was approved.
    add column document_id text not null default '',
    add column words tsvector not null default '',
    -- Of no fixed length: a few hundred rows are compared one by one, whichever model made them.
    add column embedding vector,
    add column embedding_model text not null default '';
create index idx_skills_words on open_skills using gin (words);

create table skill_files (
    slug text not null references open_skills on delete cascade,
    path text not null,
    size bigint not null,
    sha256 bytea not null,
    -- Null where it is no text, or too long to be shown.
    content text,
    primary key (slug, path)
);

-- What runs here: an empty machine stands for what all machines share.
drop table system_registry;
create table system_registry (
    machine text not null,
    name text not null,
    kind text not null,
    version text not null,
    status text not null,
    detail text not null,
    refreshed_at timestamptz not null default now(),
    primary key (machine, name)
);

alter table points_of_interest add column updated_at timestamptz not null default now();

-- All of an owner's buckets in one row: taking from each or from none is one statement. Nobody misses what was in them.
drop table rate_buckets;
create unlogged table rate_buckets (
    owner text primary key,
    tokens double precision[] not null,
    allowed boolean not null,
    refilled timestamptz not null,
    expires timestamptz not null
) with (fillfactor = 70);
create index idx_rate_buckets_expires on rate_buckets (expires);
