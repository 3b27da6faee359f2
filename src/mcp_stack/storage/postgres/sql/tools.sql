-- name: forget_missing
delete from tool_registry where server = %(server)s and tool <> all(%(tools)s::text[])

-- name: remember
insert into tool_registry (
    name, server, tool, title, description, category, input_schema, annotations, fingerprint, server_status
)
values (
    %(name)s, %(server)s, %(tool)s, %(title)s, %(description)s, %(category)s, %(input_schema)s, %(annotations)s,
    %(fingerprint)s, %(server_status)s
)
on conflict (name) do update
set title = excluded.title,
    description = excluded.description,
    category = excluded.category,
    input_schema = excluded.input_schema,
    annotations = excluded.annotations,
    fingerprint = excluded.fingerprint,
    server_status = excluded.server_status,
    last_seen = now()

-- name: all
select server, tool, title, description, category, input_schema, annotations, server_status as status
from tool_registry
order by name
