-- Conversations, in a logged table: a crash of the server must not cut a conversation in half.
create table session_turns (
    session_id text not null,
    number bigint generated always as identity,
    role text not null check (role in ('user', 'assistant')),
    content text not null,
    said_at timestamptz not null default now(),
    primary key (session_id, number)
);
create index idx_session_turns_said_at on session_turns (said_at);
