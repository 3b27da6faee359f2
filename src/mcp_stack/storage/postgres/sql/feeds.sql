-- Times are those of the beginning of transactions: what is a minute old has been committed, or never will be.
-- name: horizon
select now() - make_interval(secs => %(seconds)s) as horizon

-- name: unread
select
    interaction.id::text as id,
    interaction.created_at as answered_at,
    interaction.query,
    left(interaction.response, %(characters)s) as response,
    interaction.model,
    array(select distinct source ->> 'collection' from jsonb_array_elements(interaction.sources) as source)
        as collections
from interactions as interaction
left join feeds on feeds.name = %(reader)s
where interaction.created_at <= %(horizon)s
    and (feeds.name is null or (interaction.created_at, interaction.id) > (feeds.position, feeds.last_id))
    and interaction.created_at >= coalesce(feeds.position, '-infinity')
    and interaction.route in ('local', 'remote', 'remote_fallback')
    and interaction.value_score >= %(least_value)s
    and not interaction.private
order by interaction.created_at, interaction.id
limit %(limit)s

-- name: mark
insert into feeds as known (name, position, last_id)
values (%(reader)s, %(until)s, %(last_id)s)
on conflict (name) do update set position = excluded.position, last_id = excluded.last_id
where (known.position, known.last_id) < (excluded.position, excluded.last_id)
