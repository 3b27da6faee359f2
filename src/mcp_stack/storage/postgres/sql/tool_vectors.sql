-- name: get
select digest, vector from tool_vectors where model = %(model)s and digest = any(%(digests)s)

-- name: put
insert into tool_vectors (model, digest, vector)
values (%(model)s, %(digest)s, %(vector)s)
on conflict (model, digest) do nothing

-- name: touch
-- At most once a day for each, and rows that another process has at hand are its business.
update tool_vectors
set used_at = now()
where (model, digest) in (
    select model, digest
    from tool_vectors
    where model = %(model)s and digest = any(%(digests)s) and used_at < now() - interval '1 day'
    for update skip locked
)

-- name: forget
delete from tool_vectors where used_at < now() - interval '30 days'
