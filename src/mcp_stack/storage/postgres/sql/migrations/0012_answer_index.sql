-- Answered questions by what they mean. UNLOGGED as the answers are: what a crash loses is answered anew.
create unlogged table answer_index (
    sequence bigint primary key,
    key text not null unique,
    scope bytea not null,
    query text not null,
    vector bytea not null,
    answers bigint not null,
    answer_vector bytea not null,
    interaction_id text not null,
    rights integer not null default 0,
    wrongs integer not null default 0,
    expires timestamptz not null
);
create index idx_answer_index_interaction on answer_index (interaction_id);
create index idx_answer_index_expires on answer_index (expires);

-- A row and not a sequence: whoever sees a number sees what has it, and all that came before. It is emptied together
-- with the entries, and another generation tells those who remember them.
create unlogged table answer_index_state (
    only_row boolean primary key default true check (only_row),
    generation bigint not null,
    sequence bigint not null
);

-- Whether an answer that was near would have been right: what the error budget is learned from. Logged: it takes days
-- to gather.
create table answer_labels (
    number bigint generated always as identity primary key,
    policy text not null,
    features bytea not null,
    was_right boolean not null,
    expected real
);
create index idx_answer_labels_policy on answer_labels (policy, number);
