-- What a conversation was called since it was last cleared: an answer that was under way then belongs to the one before.
create table session_epochs (
    session_id text primary key,
    epoch uuid not null,
    cleared_at timestamptz not null default now()
);
create index idx_session_epochs_cleared_at on session_epochs (cleared_at);
