-- name: lock_server
-- Two processes that list the same server write one after the other.
select pg_advisory_xact_lock(hashtextextended('tool_registry ' || %(server)s, 0))

-- name: missing
update tool_registry
set missing_since = now()
where server = %(server)s and missing_since is null and kind || ' ' || tool <> all(%(listed)s::text[])

-- name: forget_shipped
delete from tool_registry
where server = %(server)s and approved_by = 'manifest' and kind || ' ' || tool <> all(%(listed)s::text[])

-- name: record
insert into tool_registry (
    kind, name, server, tool, title, description, category, input_schema, output_schema, annotations, fingerprint,
    findings, approved, approved_fingerprint, approved_by, approved_at
)
values (
    %(kind)s, %(name)s, %(server)s, %(tool)s, %(title)s, %(description)s, %(category)s, %(input_schema)s,
    %(output_schema)s, %(annotations)s, %(fingerprint)s, %(findings)s,
    case when %(approved_by)s <> '' then %(definition)s::jsonb end,
    case when %(approved_by)s <> '' then %(fingerprint)s::bytea end,
    %(approved_by)s,
    case when %(approved_by)s <> '' then now() end
)
on conflict (kind, server, tool) do update
set title = excluded.title,
    description = excluded.description,
    category = case when tool_registry.category_given then tool_registry.category else excluded.category end,
    input_schema = excluded.input_schema,
    output_schema = excluded.output_schema,
    annotations = excluded.annotations,
    fingerprint = excluded.fingerprint,
    findings = excluded.findings,
    last_seen = now(),
    missing_since = null

-- name: same
-- What was recorded before, to see whether anything changed.
select kind, tool, fingerprint, category, category_given, findings, approved_by, missing_since is not null as missing
from tool_registry
where server = %(server)s

-- name: seen
update tool_registry set last_seen = now() where server = %(server)s and missing_since is null

-- name: ship
update tool_registry
set approved = %(definition)s, approved_fingerprint = fingerprint, approved_by = 'manifest', approved_at = now()
where kind = %(kind)s and server = %(server)s and tool = %(tool)s

-- name: changed
update tool_registry_state set revision = revision + 1

-- name: revision
select revision from tool_registry_state

-- name: entries
select
    kind, server, tool, title, description, category, input_schema, output_schema, annotations, findings, approved,
    approved_by, first_seen, last_seen, missing_since
from tool_registry
where %(server)s = '' or server = %(server)s
order by name, kind

-- name: entry
select
    kind, server, tool, title, description, category, input_schema, output_schema, annotations, findings, approved,
    approved_by, first_seen, last_seen, missing_since
from tool_registry
where kind = 'tool' and server = %(server)s and tool = %(tool)s

-- name: approve
update tool_registry
set approved = %(definition)s, approved_fingerprint = fingerprint, approved_by = 'person', approved_at = now()
where kind = %(kind)s and server = %(server)s and tool = %(tool)s and fingerprint = %(fingerprint)s

-- name: categorize
update tool_registry
set category = %(category)s, category_given = true
where kind = 'tool' and server = %(server)s and tool = %(tool)s

-- name: servers
select name, configuration, last_seen, failed_at, last_error, notes from tool_servers order by name

-- name: server_listed
insert into tool_servers (name, configuration, last_seen, notes)
values (%(name)s, %(configuration)s, now(), %(notes)s)
on conflict (name) do update
set configuration = excluded.configuration, last_seen = now(), failed_at = null, last_error = '', notes = excluded.notes

-- name: server_failed
insert into tool_servers (name, failed_at, last_error)
values (%(name)s, now(), %(error)s)
on conflict (name) do update set failed_at = now(), last_error = excluded.last_error

-- name: add_call
insert into tool_calls (
    client, server, tool, outcome, code, duration_ms, request_bytes, response_bytes, arguments_sha256, argument_names,
    arguments
)
values (
    %(client)s, %(server)s, %(tool)s, %(outcome)s, %(code)s, %(duration_ms)s, %(request_bytes)s, %(response_bytes)s,
    %(arguments_sha256)s, %(argument_names)s, %(arguments)s
)

-- name: prune_calls
delete from tool_calls where called_at < now() - make_interval(days => %(days)s)
