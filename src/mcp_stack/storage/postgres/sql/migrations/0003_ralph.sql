-- Ralph Wiggum's runs: one row a task, one row an iteration. The primary key of the iterations is the fence that
-- keeps a worker that was thought dead from committing an iteration twice.

create table runs (
    id uuid primary key,
    task text not null,
    -- A path, a git URL, or empty for a repository of the run's own.
    workspace text not null,
    -- Empty until the first iteration if the repository is made or cloned then.
    base_commit text not null,
    backend text not null,
    -- Of the jobs; named after the machine that holds the workspace.
    queue text not null,
    max_iterations integer not null,
    verify text[] not null,
    completion_promise text not null,
    require_changes boolean not null,
    max_cost_usd double precision not null,
    max_minutes double precision not null,
    state text not null check (state in ('queued', 'running', 'awaiting_approval', 'retrying', 'completed', 'failed',
        'cancelled', 'limit_reached', 'stalled')),
    -- What the last committed iteration left behind.
    iteration integer not null default 0,
    commit_id text not null default '',
    last_exit_code integer not null default 0,
    last_error text not null default '',
    feedback text not null default '',
    diff_files integer not null default 0,
    diff_lines integer not null default 0,
    diff_stat text not null default '',
    cost_usd double precision not null default 0,
    tokens bigint not null default 0,
    submitted_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz
);
create index idx_runs_queue on runs (queue, submitted_at desc);

create table iterations (
    run_id uuid not null references runs on delete cascade,
    n integer not null check (n > 0),
    exit_code integer not null,
    blocked boolean not null,
    changed boolean not null,
    verified boolean not null,
    detail text not null,
    commit_id text not null,
    cost_usd double precision not null,
    tokens bigint not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    primary key (run_id, n)
);
