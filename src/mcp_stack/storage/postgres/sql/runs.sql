-- name: submit
insert into runs (id, task, workspace, base_commit, backend, current_backend, queue, max_iterations, verify,
    completion_promise, require_changes, require_approval, max_cost_usd, max_minutes, state)
values (%(id)s, %(task)s, %(workspace)s, %(base_commit)s, %(backend)s, %(backend)s, %(queue)s, %(max_iterations)s,
    %(verify)s, %(completion_promise)s, %(require_changes)s, %(require_approval)s, %(max_cost_usd)s, %(max_minutes)s,
    'queued');

-- name: get
select * from runs where id = %(id)s;

-- name: iterations
select * from iterations where run_id = %(id)s order by n;

-- name: touched_tests
select distinct unnest(touched_tests) as file from iterations where run_id = %(id)s and not undone order by file;

-- name: latest
select * from runs where queue = any(%(queues)s) order by submitted_at desc limit %(limit)s;

-- name: bundles
select bundle from run_bundles where run_id = %(id)s order by n;

-- name: add_bundle
insert into run_bundles (run_id, n, bundle) values (%(id)s, %(n)s, %(bundle)s);

-- name: in_state
select * from runs where %(state)s in ('', state) order by submitted_at desc limit %(limit)s;

-- name: count
select count(*) as total from runs where %(state)s in ('', state);

-- name: begin
update runs set
    state = 'running',
    base_commit = %(base_commit)s,
    started_at = coalesce(started_at, now()),
    since = coalesce(since, now())
where id = %(id)s and iteration = %(n)s - 1 and epoch = %(epoch)s and state in ('queued', 'running', 'retrying');

-- name: use_guidance
update run_actions set used_in = %(n)s where run_id = %(id)s and action = 'steered' and used_in is null;

-- name: is_wanted
select exists (
    select from runs where id = %(id)s and iteration = %(n)s - 1 and epoch = %(epoch)s and state = 'running'
) as wanted;

-- name: lock
select queue from runs
where id = %(id)s and iteration = %(n)s - 1 and epoch = %(epoch)s and state in ('queued', 'running', 'retrying')
for update;

-- name: add_iteration
insert into iterations (run_id, n, exit_code, blocked, changed, verified, detail, commit_id, cost_usd, tokens,
    started_at, finished_at, parent, backend, sandbox, reason, feedback, diff_files, diff_lines, diff_stat, step_files,
    step_lines, step_stat, error_key, measure, risk, risk_reasons, touched_tests)
values (%(id)s, %(n)s, %(exit_code)s, %(blocked)s, %(changed)s, %(verified)s, %(detail)s, %(commit)s, %(cost_usd)s,
    %(tokens)s, %(started_at)s, %(finished_at)s, %(parent)s, %(backend)s, %(sandbox)s, %(reason)s, %(feedback)s,
    %(diff_files)s, %(diff_lines)s, %(diff_stat)s, %(step_files)s, %(step_lines)s, %(step_stat)s, %(error_key)s,
    %(measure)s, %(risk)s, %(risk_reasons)s, %(touched_tests)s);

-- name: advance
update runs set
    state = %(state)s,
    iteration = %(n)s,
    head = %(n)s,
    commit_id = %(commit)s,
    current_backend = %(next_backend)s,
    last_exit_code = %(exit_code)s,
    last_error = %(reason)s,
    feedback = %(feedback)s,
    measure = %(next_measure)s,
    diff_files = %(diff_files)s,
    diff_lines = %(diff_lines)s,
    diff_stat = %(diff_stat)s,
    cost_usd = cost_usd + %(cost_usd)s,
    tokens = tokens + %(tokens)s,
    finished_at = case when %(ended)s then now() end
where id = %(id)s;

-- name: ask
with asked as (
    insert into run_actions (run_id, action, iteration, actor, via, note)
    select id, 'approval_requested', head, %(actor)s, %(via)s, %(reason)s from runs where id = %(id)s
    returning id
)
update runs set
    state = 'awaiting_approval',
    approval = asked.id,
    approval_reason = %(reason)s,
    approval_deadline = now() + make_interval(secs => %(timeout_seconds)s),
    approved_state = %(then)s
from asked where runs.id = %(id)s
returning approval, queue;

-- name: set_aside
update runs set
    state = %(state)s,
    last_error = %(error)s,
    finished_at = case when %(ended)s then now() end
where id = %(id)s and iteration = %(n)s - 1 and epoch = %(epoch)s and state in ('queued', 'running', 'retrying');
