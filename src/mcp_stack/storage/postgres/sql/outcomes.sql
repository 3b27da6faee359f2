-- name: add
insert into routing_outcomes (
    interaction_id, asked_at, embedder, vector, features_version, features, words, p_true, asked, gain, propensity,
    local, remote
)
values (
    %(interaction_id)s, %(asked_at)s, %(embedder)s, %(vector)s, %(features_version)s, %(features)s::real[],
    %(words)s::smallint[], %(p_true)s, %(asked)s, %(gain)s, %(propensity)s, %(local)s, %(remote)s
)
on conflict (interaction_id) do nothing
returning id

-- name: forget
delete from routing_outcomes
where id <= (select id from routing_outcomes order by id desc offset %(most)s limit 1)

-- name: label
update routing_outcomes
set local = coalesce(%(local)s::real, local), remote = coalesce(%(remote)s::real, remote)
where interaction_id = %(interaction_id)s

-- name: count_label
select nextval('routing_labels')

-- name: labels
select case when is_called then last_value + 1 else 0 end as labels from routing_labels

-- name: newest
select
    interaction_id::text, asked_at, embedder, vector, features_version, features, words, p_true, asked, gain,
    propensity, local, remote
from (
    select *
    from routing_outcomes
    where not %(labelled)s or local is not null or remote is not null
    order by id desc
    limit %(limit)s
) as newest
order by id

-- name: decided
select asked_at, gain, asked <> 'local' as remote
from (select id, asked_at, gain, asked from routing_outcomes order by id desc limit %(limit)s) as newest
order by id

-- name: save_model
insert into routing_model as kept (version, labels, content)
values (1, %(labels)s, %(content)s)
on conflict (one) do update
set version = kept.version + 1, labels = excluded.labels, content = excluded.content, fitted_at = now()
returning version

-- name: model_version
select version, labels from routing_model

-- name: model
select version, content from routing_model
