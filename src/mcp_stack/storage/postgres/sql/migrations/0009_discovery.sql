-- The search for tools: embeddings of tools, what was searched for, and which calls followed.

-- By what was embedded: whatever changes the text of a tool needs another row, and every process shares them.
create table tool_vectors (
    model text not null,
    digest bytea not null,
    -- Little-endian float32, of any length: they are compared in memory, never here.
    vector bytea not null,
    used_at timestamptz not null default now(),
    primary key (model, digest)
);

-- Searches of the last minutes, to know which one a call followed.
create table tool_discoveries (
    id bigint generated always as identity primary key,
    searched_at timestamptz not null default now(),
    client text not null,
    query text not null,
    model text not null,
    vector bytea not null,
    tools text[] not null
);
create index idx_tool_discoveries_client on tool_discoveries (client, id desc);
create index idx_tool_discoveries_searched_at on tool_discoveries (searched_at);

create sequence tool_examples_revision;

-- Searches that led to a call that succeeded.
create table tool_examples (
    tool text not null,
    query_hash bytea not null,
    query text not null,
    model text not null,
    vector bytea not null,
    -- Who confirmed it; the first one brought it, and it counts towards the bound of that client.
    clients text[] not null,
    last_used timestamptz not null default now(),
    revision bigint not null default nextval('tool_examples_revision'),
    primary key (tool, model, query_hash)
);
create index idx_tool_examples_revision on tool_examples (revision);
create index idx_tool_examples_last_used on tool_examples (last_used);
