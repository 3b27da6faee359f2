-- name: forget
delete from system_registry
where (machine = %(machine)s and name <> all(%(names)s::text[]))
    or refreshed_at < now() - make_interval(days => %(days)s)

-- name: put
insert into system_registry (machine, name, kind, version, status, detail)
values (%(machine)s, %(name)s, %(kind)s, %(version)s, %(status)s, %(detail)s)
on conflict (machine, name) do update
set kind = excluded.kind,
    version = excluded.version,
    status = excluded.status,
    detail = excluded.detail,
    refreshed_at = now()

-- name: all
select machine, name, kind, version, status, detail, refreshed_at, now() - refreshed_at as age
from system_registry
order by machine, kind, name

-- name: versions
select current_setting('server_version') as postgresql,
    coalesce((select extversion from pg_extension where extname = 'vector'), '') as pgvector
