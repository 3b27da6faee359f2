"""What nobody needs any more goes; what is pinned, in use, or a user's stays."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcp_stack.composition import Stack
from mcp_stack.composition.knowledge import COLLECT_GARBAGE
from mcp_stack.errors import ConflictError
from mcp_stack.ports.embedder import Vector
from mcp_stack.ports.vectors import Point, Vectors
from mcp_stack.settings import load_settings
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.qdrant.vectors import QdrantVectors
from tests.support.garbage import collect, counts, documents, fed, users, with_vectors
from tests.support.stack import open_stack
from tests.support.word_vectors import by_words

__all__ = ["by_words"]

RECIPE = " ".join(f"step{n} stir the pot and add spice{n}" for n in range(8))


@pytest.fixture(params=["pgvector", "qdrant"])
async def stack(
    request: pytest.FixtureRequest, conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> AsyncIterator[Stack]:
    async with open_stack(conninfo, tmp_path, **by_words) as opened:
        if request.param == "qdrant":
            opened._stores.__dict__["vectors"] = QdrantVectors(":memory:", dimensions=384)
        yield opened


async def test_what_the_stack_brought_goes_when_it_is_old_and_was_not_found_for_long(stack: Stack) -> None:
    old = await fed(stack, "An old fix of the flux capacitor", days_old=31)
    young = await fed(stack, "A young fix of the printer", days_old=29)
    found = await fed(stack, "An old fix of the router", days_old=90)
    pinned = await fed(stack, "An old fix of the coffee machine", days_old=90)
    user = await users(stack, "An old note on tomatoes", days_old=90)
    knowledge = (await stack.aidb()).knowledge
    await knowledge.documents.pin(pinned, pinned=True)
    await knowledge.search_knowledge(query="router", collection="", tags=[], limit=1, mode="hybrid")
    await stack._knowledge.search.flush()

    dry = await collect(stack, dry_run=True)
    assert await documents(stack) == {old, young, found, pinned, user}
    real = await collect(stack)

    assert counts(dry) == counts(real) == {"old_documents": 1}
    assert real.kinds[0].examples == [f"An old fix of the flux capacitor ({old})"] or old in real.kinds[0].examples[0]
    assert (dry.freed_bytes, real.freed_bytes > 0, real.complete) == (real.freed_bytes, True, True)
    assert await documents(stack) == await with_vectors(stack) == {young, found, pinned, user}
    assert next(each.found for each in real.kinds if each.kind == "old_user_documents") == 1
    assert counts(await collect(stack)) == {}


async def test_what_users_imported_goes_only_when_that_is_told(stack: Stack) -> None:
    old = await users(stack, "An old note on tomatoes", days_old=90)
    first = await users(stack, RECIPE)
    again = await users(stack, RECIPE + " slowly")
    reported = await collect(stack)
    assert counts(reported) == {}
    assert {each.kind: each.found for each in reported.kinds if each.found} == {
        "old_user_documents": 1,
        "user_near_duplicates": 1,
    }
    assert again in next(each for each in reported.kinds if each.kind == "user_near_duplicates").examples[0]
    assert await documents(stack) == {old, first, again}

    dry = await collect(stack, dry_run=True, told=True)
    told = await collect(stack, told=True)
    assert counts(dry) == counts(told) == {"old_user_documents": 1, "user_near_duplicates": 1}
    assert await documents(stack) == {first}


async def test_of_documents_that_say_the_same_the_pinned_the_users_and_the_oldest_stay(stack: Stack) -> None:
    older, younger = await fed(stack, RECIPE), await fed(stack, RECIPE + " slowly")
    oven = RECIPE.replace("pot", "oven").replace("spice", "herb").replace("stir", "heat")
    before_user, user = await fed(stack, oven), await users(stack, oven + " slowly")
    garden = RECIPE.replace("pot", "bed").replace("spice", "seed").replace("stir", "dig").replace("step", "row")
    unpinned, pinned = await fed(stack, garden), await fed(stack, garden + " slowly")
    await (await stack.aidb()).knowledge.documents.pin(pinned, pinned=True)
    elsewhere = await fed(stack, RECIPE + " soon", collection="best-practices")

    dry = await collect(stack, dry_run=True)
    real = await collect(stack)

    assert counts(dry) == counts(real) == {"near_duplicates": 3}
    assert await documents(stack) == {older, user, pinned, elsewhere}
    assert not {younger, before_user, unpinned} & await with_vectors(stack)


async def test_of_many_documents_that_all_say_the_same_one_is_left(stack: Stack) -> None:
    ids = [await fed(stack, f"{RECIPE} version{n}") for n in range(60)]
    assert counts(await collect(stack, dry_run=True)) == {"near_duplicates": 59}
    await collect(stack)
    assert await documents(stack) == {ids[0]}


async def test_a_common_beginning_does_not_make_documents_the_same(stack: Stack) -> None:
    # The vector of a document as a whole reads its beginning: 2,000 characters of licence here.
    licence = " ".join(f"clause{n} grants you nothing" for n in range(75))
    ids = {
        await fed(stack, f"# Notice\n\n{licence}\n\n## Content\n\n{' '.join(f'{name}{n}' for n in range(900))}")
        for name in ("apple", "pear")
    }
    whole = await stack._stores.vectors.alike(sorted(ids), stack._models.embedder.model, least=0.95, limit=5)
    assert len(whole) == 2
    assert counts(await collect(stack)) == {}
    assert await documents(stack) == ids


async def test_vectors_that_no_document_is_searched_with_go_and_no_others(stack: Stack) -> None:
    vectors: Vectors = stack._stores.vectors
    model = stack._models.embedder.model
    kept = await fed(stack, "A fix of the printer")
    unmarked = await fed(stack, "A fix whose import was broken off before it was marked")
    async with stack._stores.database.write() as connection:
        await connection.execute("update imported_documents set embedding_model = '' where id = %s", [unmarked])
    await vectors.upsert("error-solutions", model, [point(str(uuid.uuid4()), n) for n in range(3)])
    await vectors.upsert("error-solutions", "former-model", [point(kept, 7), point(unmarked, 8)])
    before = await vectors.count()

    dry = await collect(stack, dry_run=True)
    assert await vectors.count() == before
    real = await collect(stack)

    assert counts(dry) == counts(real) == {"orphan_vectors": 3, "outdated_vectors": 2}
    assert await vectors.count() == before - 5
    assert await with_vectors(stack) == {kept, unmarked}


def point(document_id: str, ordinal: int) -> Point:
    vector: Vector = [0.0] * 384
    vector[ordinal] = 1.0
    return Point(str(uuid.uuid4()), vector, document_id, ordinal)


LEFTOVERS = {
    "orphan_postings": """
        insert into document_postings (document, term, impact, collection, frequency) values (999999, 1, 1, 1, 1)
    """,
    "expired_cache": """
        insert into cache_entries (key, value, expires) values
            ('old', 'x', now() - interval '1 s'), ('new', 'x', now() + interval '1 h')
    """,
    "expired_rate_limits": """
        insert into rate_buckets (owner, tokens, allowed, refilled, expires) values
            ('old', '{1}', true, now(), now() - interval '1 s'), ('new', '{1}', true, now(), now() + interval '1 h')
    """,
    "removed_tools": """
        insert into tool_registry (name, server, tool, description, input_schema, fingerprint, missing_since) values
            ('embeddings.gone', 'embeddings', 'gone', '', '{}', '', now() - interval '31 days'),
            ('s.missing', 's', 'missing', '', '{}', '', now() - interval '1 day'),
            ('s.there', 's', 'there', '', '{}', '', null)
    """,
    "finished_imports": """
        insert into imports (id, fingerprint, path, collection, tags, source, queue, state, finished_at) values
            (gen_random_uuid(), '1', '', '', '{}', '', '', 'done', now() - interval '31 days'),
            (gen_random_uuid(), '2', '', '', '{}', '', '', 'done', now() - interval '1 day'),
            (gen_random_uuid(), '3', '', '', '{}', '', '', 'running', null)
    """,
    "finished_jobs": """
        insert into jobs.procrastinate_jobs (queue_name, task_name, status) values
            ('q', 'gone', 'todo'), ('q', 'recent', 'todo'), ('q', 'waiting', 'todo');
        update jobs.procrastinate_jobs set status = 'failed' where task_name in ('gone', 'recent');
        update jobs.procrastinate_events set at = now() - interval '31 days' where job_id in (
            select id from jobs.procrastinate_jobs where task_name in ('gone', 'waiting')
        )
    """,
}


async def test_tools_of_a_server_that_is_no_longer_configured_go_after_long_and_those_of_others_stay(
    conninfo: str, tmp_path: Path
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        gateway = (await stack.aidb()).gateway
        shipped = await gateway.names()
        async with stack._stores.database.write() as connection:
            for server in ("gone", "recent"):
                await connection.execute(
                    "insert into tool_registry (name, server, tool, description, input_schema, fingerprint)"
                    " values (%(server)s || '.t', %(server)s, 't', '', '{}', '')",
                    {"server": server},
                )
                await connection.execute("insert into tool_servers (name, last_seen) values (%s, now())", [server])
            await connection.execute(
                "update tool_registry set last_seen = now() - interval '31 days' where tool <> 't'"
            )
            for table, column in (("tool_registry", "server"), ("tool_servers", "name")):
                statement = f"update {table} set last_seen = now() - interval '31 days' where {column} = 'gone'"
                await connection.execute(statement.encode())
        assert counts(await collect(stack, dry_run=True)) == {"removed_tools": 1}
        assert counts(await collect(stack)) == {"removed_tools": 1}
        assert await gateway.names() == shipped
        async with stack._stores.database.read() as connection:
            left = await (await connection.execute("select name from tool_servers")).fetchall()
        assert [row["name"] for row in left] == ["recent"]
    (tmp_path / "mcp.json").write_text("{ broken")
    async with open_stack(conninfo, tmp_path, MCP_STACK_TOOLS__MCP_JSON=str(tmp_path / "mcp.json")) as stack:
        async with stack._stores.database.write() as connection:
            await connection.execute("update tool_registry set last_seen = now() - interval '31 days'")
        assert counts(await collect(stack)) == {}


@pytest.mark.parametrize("kind", LEFTOVERS)
async def test_rows_that_nothing_needs_go_and_the_others_stay(conninfo: str, tmp_path: Path, kind: str) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await fed(stack, "A fix of the printer")
        async with stack._stores.database.write() as connection:
            await connection.execute(LEFTOVERS[kind].encode())
        assert counts(await collect(stack, dry_run=True)) == {kind: 1}
        assert counts(await collect(stack)) == {kind: 1}
        assert counts(await collect(stack)) == {}


async def test_the_last_report_is_kept_and_an_event_tells_of_it(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        assert (await collect(stack, dry_run=True)).last_run_at == ""
        await fed(stack, "An old fix", days_old=31)
        await collect(stack)
        report = await collect(stack, dry_run=True)
        assert (report.last_run_removed, report.last_run_at[:2]) == (1, "20")
        assert "no embedder" in report.notes[0]
    lines = (tmp_path / "data" / "telemetry" / "aidb-events.jsonl").read_text().splitlines()
    events = [each for each in map(json.loads, lines) if each["event_type"] == "garbage_collected"]
    assert [(each["dry_run"], each["removed"]) for each in events] == [
        (True, {}),
        (False, {"old_documents": 1}),
        (True, {}),
    ]


async def test_two_collections_exclude_each_other(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as one, open_stack(conninfo, tmp_path) as other:
        await fed(one, "An old fix", days_old=31)
        async with one._knowledge.garbage._garbage.alone() as alone:
            assert alone
            with pytest.raises(ConflictError, match="under way"):
                await collect(other)
            assert (await collect(other, dry_run=True)).removed == 1
            await other._knowledge.garbage.collect_by_the_clock()
            assert len(await documents(other)) == 1
        assert (await collect(other)).removed == 1


async def test_what_changed_since_it_was_found_stays(database: Database, conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        ids = [await fed(stack, f"An old fix {n}", days_old=31) for n in range(4)]
        garbage = stack._knowledge.garbage._garbage
        since = (await stack._stores.catalogue.part(ids[0], offset=0, length=1)).document.updated_at  # type: ignore[union-attr]  # it is there
        since = since.replace(year=since.year + 1)
        await stack._stores.catalogue.pin(ids[0], pinned=True)
        await stack._stores.catalogue.used([ids[1]])
        async with database.write() as connection:
            await connection.execute("update imported_documents set origin = 'user' where id = %s", [ids[2]])
            await connection.execute("update document_uses set last_used_at = now() + interval '2 years'")
        assert await garbage.remove_unused(ids, since, "fed") == [ids[3]]


async def test_without_its_vector_store_the_rest_is_collected_and_the_report_says_so(
    conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        await fed(stack, "An old fix", days_old=31)
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        stack._stores.__dict__["vectors"] = QdrantVectors("http://127.0.0.1:1", dimensions=384, timeout_seconds=1)
        report = await collect(stack)
        assert not report.complete
        assert any("Qdrant" in note for note in report.notes)
        assert await documents(stack) == set()


def test_it_is_scheduled_as_the_settings_say(tmp_path: Path) -> None:
    def schedules(**environ: str) -> list[tuple[str, str]]:
        stack = Stack(
            load_settings({"MCP_STACK_DATA": str(tmp_path), "MCP_STACK_CONFIG": str(tmp_path), **environ}, tmp_path)
        )
        return [(each.job, each.cron) for each in stack._knowledge.schedules if each.job == COLLECT_GARBAGE]

    assert schedules() == [(COLLECT_GARBAGE, "0 2 * * *")]
    assert schedules(MCP_STACK_GARBAGE_COLLECTION__SCHEDULE="30 4 * * 1") == [(COLLECT_GARBAGE, "30 4 * * 1")]
    assert schedules(MCP_STACK_GARBAGE_COLLECTION__ENABLED="false") == []
