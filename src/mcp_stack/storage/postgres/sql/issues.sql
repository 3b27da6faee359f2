-- One statement, so that two processes which report the same error at once count two occurrences of one issue.
-- name: file
insert into issues as known (id, title, severity, category, description, context, signature, incidents)
values (
    %(id)s, %(title)s, %(severity)s, %(category)s, %(description)s, %(context)s, %(signature)s, %(incidents)s::text[]
)
on conflict (signature) where status <> 'closed' do update
set occurrences = known.occurrences + 1,
    last_seen = now(),
    severity = least(known.severity, excluded.severity),
    context = case when excluded.context = '{}' then known.context else excluded.context end,
    incidents = (known.incidents || excluded.incidents)[
        greatest(cardinality(known.incidents) + cardinality(excluded.incidents) - %(most_incidents)s, 0) + 1 :
    ],
    status = case known.status when 'resolved' then 'open' else known.status end,
    reopened_by = case known.status when 'resolved' then excluded.id else known.reopened_by end,
    notes = case known.status
        when 'resolved' then known.notes || jsonb_build_object(
            'at', now(), 'status', 'open', 'note', 'it occurred again after it was resolved'
        )
        else known.notes
    end
returning id::text as issue_id, status, severity, occurrences, coalesce(reopened_by = %(id)s, false) as reopened

-- name: list
select
    id::text as id, title, severity, category, status, description, occurrences, context, incidents, notes,
    created_at, last_seen
from issues
where (%(severity)s = '' or severity = %(severity)s)
    and (%(status)s = '' or status = %(status)s)
    and (%(category)s = '' or category = %(category)s)
order by severity, last_seen desc, id
limit %(limit)s
offset %(offset)s

-- name: count
select count(*) as total
from issues
where (%(severity)s = '' or severity = %(severity)s)
    and (%(status)s = '' or status = %(status)s)
    and (%(category)s = '' or category = %(category)s)

-- name: get
select
    id::text as id, title, severity, category, status, description, occurrences, context, incidents, notes,
    created_at, last_seen
from issues
where id = %(id)s

-- name: update
update issues
set status = coalesce(nullif(%(status)s, ''), status),
    notes = (
        select jsonb_agg(note order by number)
        from (
            select note, number
            from jsonb_array_elements(
                notes || jsonb_build_object(
                    'at', now(), 'status', coalesce(nullif(%(status)s, ''), status), 'note', %(note)s::text
                )
            ) with ordinality as every (note, number)
            order by number desc
            limit %(most_notes)s
        ) as latest
    )
where id = %(id)s
returning
    id::text as id, title, severity, category, status, description, occurrences, context, incidents, notes,
    created_at, last_seen
