-- What became of routed questions, and the model that was fitted to them.

create table routing_outcomes (
    id bigint generated always as identity primary key,
    interaction_id uuid not null unique,
    asked_at timestamptz not null,
    embedder text not null,
    -- Little-endian float32, empty without an embedder: read as a whole, never compared here.
    vector bytea not null,
    features_version integer not null,
    features real[] not null,
    words smallint[] not null,
    p_true real check (p_true between 0 and 1),
    asked text not null check (asked in ('local', 'remote', 'both')),
    gain real not null,
    propensity real not null check (propensity > 0 and propensity <= 1),
    local real check (local between 0 and 1),
    remote real check (remote between 0 and 1)
);
create index idx_routing_outcomes_labelled on routing_outcomes (id) where local is not null or remote is not null;

-- Counts labels that were given or changed, whatever was forgotten since.
create sequence routing_labels minvalue 0 start 0;

create table routing_model (
    one boolean primary key default true check (one),
    version bigint not null,
    labels bigint not null,
    content bytea not null,
    fitted_at timestamptz not null default now()
);
