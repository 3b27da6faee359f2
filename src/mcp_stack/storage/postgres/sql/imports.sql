-- name: start
insert into imports (id, fingerprint, path, collection, tags, source, queue)
values (%(id)s, %(fingerprint)s, %(path)s, %(collection)s, %(tags)s, %(source)s, %(queue)s)
on conflict (fingerprint) where state = 'running' do nothing
returning id

-- name: running
select id from imports where fingerprint = %(fingerprint)s and state = 'running'

-- name: get
select * from imports where id = %(id)s

-- name: finished
select * from imports
where fingerprint = %(fingerprint)s
    and state <> 'running'
    and not told
    and finished_at > now() - make_interval(secs => %(seconds)s)
order by finished_at desc
limit 1

-- name: begin
update imports set
    total = %(total)s,
    passed_over = %(passed_over)s,
    passed_over_count = %(passed_over_count)s,
    attempts = attempts + 1,
    updated_at = now()
where id = %(id)s and state = 'running'

-- name: advance
update imports set
    position = %(position)s,
    done = done + %(done)s,
    added = added + %(added)s,
    replaced = replaced + %(replaced)s,
    duplicates = duplicates + %(duplicates)s,
    chunks = chunks + %(chunks)s,
    skipped = (skipped || %(skipped)s::text[])[:%(most)s],
    skipped_count = skipped_count + cardinality(%(skipped)s::text[]),
    near_duplicates = (near_duplicates || %(near_duplicates)s::uuid[])[:%(most)s],
    notes = array(
        select note
        from unnest(notes || %(notes)s::text[]) with ordinality as said (note, place)
        group by note
        order by min(place)
        limit 20
    ),
    attempts = 0,
    updated_at = now()
where id = %(id)s and state = 'running' and position = %(before)s

-- name: finish
update imports set
    state = %(state)s,
    notes = case when %(note)s = '' then notes else notes || %(note)s::text end,
    finished_at = now(),
    updated_at = now()
where id = %(id)s and state = 'running'

-- name: tell
update imports set told = true where id = %(id)s
