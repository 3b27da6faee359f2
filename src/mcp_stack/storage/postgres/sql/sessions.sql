-- name: get
select
    role,
    content,
    extract(epoch from max(said_at) over () + make_interval(secs => %(rest_seconds)s) - clock_timestamp())::float8
        as seconds_left
from session_turns
where session_id = %(session_id)s
order by number

-- What rests too long is gone for every reader, so it must not come back when the conversation is taken up again.
-- name: forget_if_rested
delete from session_turns
where session_id = %(session_id)s
    and not exists (
        select from session_turns as latest
        where latest.session_id = %(session_id)s
            and latest.said_at > clock_timestamp() - make_interval(secs => %(rest_seconds)s)
    )

-- Turns that are said at once must not be shuffled into each other.
-- name: lock
select pg_advisory_xact_lock(hashtextextended('session:' || %(session_id)s, 0))

-- name: append
insert into session_turns (session_id, role, content, said_at)
select %(session_id)s, role, content, clock_timestamp()
from unnest(%(roles)s::text[], %(contents)s::text[]) with ordinality as turn (role, content, place)
order by place

-- name: shorten
delete from session_turns
where session_id = %(session_id)s
    and number <= (
        select number from session_turns
        where session_id = %(session_id)s
        order by number desc
        offset %(most)s
        limit 1
    )

-- name: clear
delete from session_turns where session_id = %(session_id)s

-- name: epoch
select epoch::text from session_epochs where session_id = %(session_id)s

-- name: begin_epoch
insert into session_epochs (session_id, epoch)
values (%(session_id)s, gen_random_uuid())
on conflict (session_id) do update set epoch = excluded.epoch, cleared_at = now()

-- No answer is under way, and none is cached, for as long as that.
-- name: delete_old_epochs
delete from session_epochs
where session_id in (
    select session_id from session_epochs where cleared_at < now() - make_interval(secs => %(kept_seconds)s) limit 100
)

-- name: delete_rested
delete from session_turns
where session_id in (
    select session_id from session_turns
    group by session_id
    having max(said_at) < clock_timestamp() - make_interval(secs => %(rest_seconds)s)
    limit 100
)
