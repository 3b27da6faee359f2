-- name: state
select
    coalesce((select generation from answer_index_state), 0) as generation,
    coalesce((select sequence from answer_index_state), 0) as sequence,
    coalesce((select max(number) from answer_labels where policy = %(policy)s), 0) as newest_label

-- name: changes
select
    sequence, scope, vector, answers, extract(epoch from expires - clock_timestamp())::float8 as seconds_left
from answer_index
where sequence > %(after)s
order by sequence
limit %(most)s

-- name: questions
select sequence, key, scope, query, vector, answers, answer_vector, interaction_id, rights, wrongs
from answer_index
where sequence = any(%(sequences)s::bigint[]) and expires > clock_timestamp()

-- name: add
-- The state's row is locked until the entry is there: numbers become visible in their order.
with state as (
    insert into answer_index_state as known (generation, sequence)
    values (%(generation)s, 1)
    on conflict (only_row) do update set sequence = known.sequence + 1
    returning sequence
)
insert into answer_index (sequence, key, scope, query, vector, answers, answer_vector, interaction_id, expires)
select
    state.sequence, %(key)s, %(scope)s, %(query)s, %(vector)s, %(answers)s, %(answer_vector)s, %(interaction_id)s,
    clock_timestamp() + make_interval(secs => %(ttl_seconds)s)
from state
on conflict (key) do update
set (sequence, scope, query, vector, answers, answer_vector, interaction_id, expires, rights, wrongs) = (
    excluded.sequence, excluded.scope, excluded.query, excluded.vector, excluded.answers, excluded.answer_vector,
    excluded.interaction_id, excluded.expires, 0, 0
)

-- name: shrink
with old as (
    delete from answer_index
    where sequence <= (select sequence from answer_index_state) - %(most)s
)
delete from answer_index where expires <= clock_timestamp()

-- name: remove
delete from answer_index
where key = %(key)s or (interaction_id = %(interaction_id)s and interaction_id <> '')
returning key

-- name: add_label
with record as (
    update answer_index
    set rights = rights + %(right)s::boolean::integer, wrongs = wrongs + (not %(right)s::boolean)::integer
    where sequence = %(sequence)s
)
insert into answer_labels (policy, features, was_right, expected)
values (%(policy)s, %(features)s, %(right)s, %(expected)s)

-- name: forget_labels
delete from answer_labels
where policy = %(policy)s
    and number <= (
        select number from answer_labels where policy = %(policy)s order by number desc offset %(most)s limit 1
    )

-- name: labels
select number, features, was_right, expected
from (
    select number, features, was_right, expected
    from answer_labels
    where policy = %(policy)s and number > %(after)s
    order by number desc
    limit %(most)s
) as newest
order by number
