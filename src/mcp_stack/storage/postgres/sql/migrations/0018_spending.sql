-- Money set aside for calls of models: what such a call may cost while it runs, what it did cost until it is recorded.
create table spending (
    id uuid primary key default gen_random_uuid(),
    usd double precision not null check (usd >= 0),
    -- Null while the call runs.
    settled timestamptz,
    -- The process that set it aside must have died by then.
    expires timestamptz not null
);
