-- The registry of other servers' tools: what each offers, what of it was approved, and who called what.

-- Until now it held only what comes with mcp-stack, which is written anew on first use.
delete from tool_registry;

alter table tool_registry
    drop constraint tool_registry_pkey,
    drop column server_status,
    add column kind text not null default 'tool' check (kind in ('tool', 'resource', 'prompt')),
    add column output_schema jsonb not null default '{}',
    -- The definition that was approved: title, description, schemas and annotations under the names of the protocol.
    -- A tool whose present fingerprint is another one is quarantined.
    add column approved jsonb,
    add column approved_fingerprint bytea,
    add column approved_by text not null default '' check (approved_by in ('', 'manifest', 'first use', 'person')),
    add column approved_at timestamptz,
    add column findings jsonb not null default '[]',
    add column missing_since timestamptz,
    -- A category given by a person outlasts later listings.
    add column category_given boolean not null default false,
    add primary key (kind, server, tool);

-- Grows with every change of the registry, so that a process knows when to read it again. A row and not a sequence: its
-- new value is seen together with what changed. Writers are few, and take it last.
create table tool_registry_state (
    only_row boolean primary key default true check (only_row),
    revision bigint not null
);
insert into tool_registry_state (revision) values (0);

create table tool_servers (
    name text primary key,
    -- Fingerprint of how it was reached when it was listed: another command is listed anew.
    configuration bytea not null default '',
    last_seen timestamptz,
    failed_at timestamptz,
    last_error text not null default '',
    notes text not null default ''
);

create table tool_calls (
    id bigint generated always as identity primary key,
    called_at timestamptz not null default now(),
    client text not null,
    server text not null,
    tool text not null,
    outcome text not null,
    code text not null default '',
    duration_ms double precision not null,
    request_bytes bigint not null,
    response_bytes bigint not null,
    arguments_sha256 bytea not null,
    argument_names text[] not null default '{}',
    -- Only where `tools.audit_arguments` is on.
    arguments jsonb
);
create index idx_tool_calls_called_at on tool_calls (called_at);
