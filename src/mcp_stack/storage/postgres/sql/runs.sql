-- name: submit
insert into runs (id, task, workspace, base_commit, backend, queue, max_iterations, verify, completion_promise,
    require_changes, max_cost_usd, max_minutes, state)
values (%(id)s, %(task)s, %(workspace)s, %(base_commit)s, %(backend)s, %(queue)s, %(max_iterations)s, %(verify)s,
    %(completion_promise)s, %(require_changes)s, %(max_cost_usd)s, %(max_minutes)s, 'queued');

-- name: get
select * from runs where id = %(id)s;

-- name: iterations
select * from iterations where run_id = %(id)s order by n;

-- name: latest
select * from runs where queue = %(queue)s order by submitted_at desc limit %(limit)s;

-- name: begin
update runs set state = 'running', base_commit = %(base_commit)s, started_at = coalesce(started_at, now())
where id = %(id)s and iteration = %(n)s - 1 and state in ('queued', 'running', 'retrying');

-- name: lock
select queue from runs
where id = %(id)s and iteration = %(n)s - 1 and state in ('queued', 'running', 'retrying')
for update;

-- name: add_iteration
insert into iterations (run_id, n, exit_code, blocked, changed, verified, detail, commit_id, cost_usd, tokens,
    started_at, finished_at)
values (%(id)s, %(n)s, %(exit_code)s, %(blocked)s, %(changed)s, %(verified)s, %(detail)s, %(commit)s, %(cost_usd)s,
    %(tokens)s, %(started_at)s, %(finished_at)s);

-- name: advance
update runs set
    state = %(state)s,
    iteration = %(n)s,
    commit_id = %(commit)s,
    last_exit_code = %(exit_code)s,
    last_error = %(reason)s,
    feedback = %(feedback)s,
    diff_files = %(diff_files)s,
    diff_lines = %(diff_lines)s,
    diff_stat = %(diff_stat)s,
    cost_usd = cost_usd + %(cost_usd)s,
    tokens = tokens + %(tokens)s,
    finished_at = case when %(ended)s then now() end
where id = %(id)s;

-- name: set_aside
update runs set
    state = %(state)s,
    last_error = %(error)s,
    finished_at = case when %(ended)s then now() end
where id = %(id)s and iteration = %(n)s - 1 and state in ('queued', 'running', 'retrying');
