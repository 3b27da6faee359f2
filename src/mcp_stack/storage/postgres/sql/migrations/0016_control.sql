-- What people and clients do with Ralph's runs: approvals, guidance, cancelling, resuming, rolling back.

alter table runs
    add column require_approval boolean not null default false,
    -- The agent at work, which is another than the one asked for after a fallback.
    add column current_backend text not null default '',
    -- The iteration whose commit the next one starts from; another than the last one after a rollback.
    add column head integer not null default 0,
    -- Counts what takes a run out of its worker's hands: what belongs to an older one commits nothing.
    add column epoch integer not null default 0,
    -- What the next iteration tries against stagnation.
    add column measure text not null default '' check (measure in ('', 'diagnose', 'fallback')),
    -- Iterations up to this one no longer count as stagnation.
    add column watch_from integer not null default 0,
    -- What the limits count from.
    add column since_iteration integer not null default 0,
    add column since_cost_usd double precision not null default 0,
    add column since timestamptz,
    -- The question that is open while the run awaits approval: the action that asked it, and what a yes leads to.
    add column approval bigint,
    add column approval_reason text not null default '',
    add column approval_deadline timestamptz,
    add column approved_state text not null default '';
update runs set current_backend = backend, head = iteration;

alter table iterations
    add column parent integer not null default 0,
    add column backend text not null default '',
    add column sandbox text not null default 'none',
    add column undone boolean not null default false,
    add column reason text not null default '',
    add column feedback text not null default '',
    -- Of the run up to here, and of this iteration alone.
    add column diff_files integer not null default 0,
    add column diff_lines integer not null default 0,
    add column diff_stat text not null default '',
    add column step_files integer not null default 0,
    add column step_lines integer not null default 0,
    add column step_stat text not null default '',
    -- Two iterations with the same one failed with the same error; empty if it did not fail.
    add column error_key text not null default '',
    add column measure text not null default '',
    add column risk text not null default 'low' check (risk in ('low', 'medium', 'high')),
    add column risk_reasons text[] not null default '{}',
    add column touched_tests text[] not null default '{}';
update iterations set parent = n - 1;

create table run_actions (
    id bigint generated always as identity primary key,
    run_id uuid not null references runs on delete cascade,
    at timestamptz not null default now(),
    action text not null check (action in ('approval_requested', 'approved', 'rejected', 'steered', 'cancelled',
        'resumed', 'rolled_back')),
    -- That the run stood at.
    iteration integer not null,
    -- A person, a client or a worker, and how it reached us.
    actor text not null,
    via text not null check (via in ('terminal', 'elicitation', 'token', 'client', 'timeout', 'worker')),
    note text not null,
    -- The first iteration whose prompt held this guidance.
    used_in integer
);
create index idx_run_actions_run on run_actions (run_id, id);
create index idx_runs_state on runs (state, submitted_at desc);
