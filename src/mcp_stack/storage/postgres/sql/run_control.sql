-- name: lock
select * from runs where id = %(id)s for update;

-- name: act
insert into run_actions (run_id, action, iteration, actor, via, note)
values (%(id)s, %(action)s, %(iteration)s, %(actor)s, %(via)s, %(note)s);

-- name: approve
-- The time that a person took to answer does not count towards the limit of time.
update runs set
    state = approved_state,
    since = since + (now() - (select at from run_actions where run_actions.id = approval)),
    approval = null,
    finished_at = case when approved_state = 'completed' then now() end
where id = %(id)s and state = 'awaiting_approval' and approval = %(number)s and approval_deadline > now()
returning *;

-- name: reject
update runs set
    state = 'cancelled', last_error = %(error)s, approval = null, epoch = epoch + 1, finished_at = now()
where id = %(id)s and state = 'awaiting_approval' and approval = %(number)s
returning *;

-- name: steer
-- A hint is a new chance: what came before does not count as stagnation any more.
update runs set watch_from = iteration, measure = ''
where id = %(id)s and state <> 'completed'
returning *;

-- name: cancel
update runs set
    state = 'cancelled', last_error = %(error)s, approval = null, epoch = epoch + 1, finished_at = now()
where id = %(id)s and state in ('queued', 'running', 'retrying', 'awaiting_approval')
returning *;

-- name: resume
update runs set
    state = 'queued',
    current_backend = backend,
    last_error = '',
    measure = '',
    watch_from = iteration,
    since_iteration = iteration,
    since_cost_usd = cost_usd,
    since = null,
    epoch = epoch + 1,
    max_iterations = coalesce(%(max_iterations)s::integer, max_iterations),
    max_minutes = coalesce(%(max_minutes)s::double precision, max_minutes),
    max_cost_usd = coalesce(%(max_cost_usd)s::double precision, max_cost_usd),
    finished_at = null
where id = %(id)s and state in ('failed', 'cancelled', 'limit_reached', 'stalled')
returning *;

-- name: roll_back
update runs set
    state = 'cancelled',
    head = %(n)s,
    commit_id = coalesce(target.commit_id, ''),
    last_exit_code = coalesce(target.exit_code, 0),
    last_error = %(error)s,
    feedback = coalesce(target.feedback, ''),
    measure = '',
    diff_files = coalesce(target.diff_files, 0),
    diff_lines = coalesce(target.diff_lines, 0),
    diff_stat = coalesce(target.diff_stat, ''),
    approval = null,
    epoch = epoch + 1,
    finished_at = now()
from (select %(n)s::integer as number) as wanted
left join iterations as target on target.run_id = %(id)s and target.n = wanted.number
where runs.id = %(id)s
    and (%(n)s = 0 or target.n is not null)
    and runs.state in ('awaiting_approval', 'completed', 'failed', 'cancelled', 'limit_reached', 'stalled')
returning runs.*;

-- name: undo
-- What the work rests on now is the iteration gone back to, and those before it, each by the one it started from.
with recursive line as (
    select n, parent from iterations where run_id = %(id)s and n = %(n)s
    union all
    select earlier.n, earlier.parent from iterations as earlier join line on earlier.n = line.parent
    where earlier.run_id = %(id)s
)
update iterations set undone = n not in (select line.n from line) where run_id = %(id)s;

-- name: actions
select * from run_actions where run_id = %(id)s order by id;
