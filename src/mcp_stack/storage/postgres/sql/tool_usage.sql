-- name: add_discovery
insert into tool_discoveries (client, query, model, vector, tools)
values (%(client)s, %(query)s, %(model)s, %(vector)s, %(tools)s)

-- name: forget_discoveries
delete from tool_discoveries where searched_at < now() - make_interval(secs => %(seconds)s)

-- name: lock_tool
-- Those who learn of the same tool take turns: each may forget what the other one adds.
select pg_advisory_xact_lock(hashtextextended('tool_examples ' || %(tool)s, 0))

-- name: add_example
-- The latest search of this client that showed the tool. Clients beyond the bound are not counted.
insert into tool_examples (tool, query_hash, query, model, vector, clients)
select %(tool)s, sha256(convert_to(lower(query), 'UTF8')), query, model, vector, array[client]
from tool_discoveries
where client = %(client)s
    and tools @> array[%(tool)s]
    and searched_at > now() - make_interval(secs => %(seconds)s)
order by id desc
limit 1
on conflict (tool, model, query_hash) do update
set clients = case
        when tool_examples.clients @> excluded.clients or cardinality(tool_examples.clients) >= %(clients)s
            then tool_examples.clients
        else tool_examples.clients || excluded.clients
    end,
    last_used = now(),
    revision = nextval('tool_examples_revision')
returning revision

-- name: forget_of_tool
-- What is beyond the bounds of the client or of the tool: the least confirmed and oldest first.
delete from tool_examples as doomed
using (
    select
        model,
        query_hash,
        row_number() over (
            partition by model, clients[1] order by cardinality(clients) desc, last_used desc, query_hash
        ) as of_client,
        row_number() over (
            partition by model order by cardinality(clients) desc, last_used desc, query_hash
        ) as of_tool
    from tool_examples
    where tool = %(tool)s
) as ranked
where doomed.tool = %(tool)s
    and doomed.model = ranked.model
    and doomed.query_hash = ranked.query_hash
    and (ranked.of_client > %(of_client)s or ranked.of_tool > %(of_tool)s)

-- name: forget_in_all
delete from tool_examples
where (tool, model, query_hash) in (
    select tool, model, query_hash
    from tool_examples
    where last_used < (select last_used from tool_examples order by last_used desc offset %(in_all)s limit 1)
    for update skip locked
)

-- name: bump_revision
select nextval('tool_examples_revision')

-- name: revision
select last_value as revision from tool_examples_revision

-- name: examples
select tool, query, vector, cardinality(clients) as clients, revision
from tool_examples
where model = %(model)s and revision > %(after)s
order by revision desc
limit %(limit)s
