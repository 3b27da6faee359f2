-- Ralph Wiggum's runs: one row a task, one row an iteration. The primary key of the iterations is the fence that
-- keeps a worker that was thought dead from committing an iteration twice.

create table runs (
    id uuid primary key,
    task text not null,
    workspace text not null,
    worktree text not null,
    branch text not null,
    base_commit text not null,
    backend text not null,
    state text not null check (state in ('queued', 'running', 'awaiting_approval', 'retrying', 'completed', 'failed',
        'cancelled', 'limit_reached', 'stalled')),
    host text not null,
    max_iterations integer not null,
    verify jsonb not null,
    completion_promise text not null,
    require_changes boolean not null,
    max_cost_usd double precision not null,
    max_minutes double precision not null,
    iteration integer not null default 0,
    last_error text not null default '',
    feedback text not null default '',
    submitted_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz
);
create index idx_runs_state on runs (state);

create table iterations (
    run_id uuid not null references runs on delete cascade,
    n integer not null check (n > 0),
    exit_code integer not null,
    blocked boolean not null,
    verified boolean not null,
    detail text not null,
    commit_id text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    primary key (run_id, n)
);
