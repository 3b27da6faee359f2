"""Garbage by the thousand: collections that are killed, that meet, that run out of time, that come by the clock."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from mcp_stack.aidb.knowledge.models import GarbageReport
from mcp_stack.composition import Stack
from mcp_stack.composition.knowledge import COLLECT_GARBAGE
from mcp_stack.errors import ConflictError
from mcp_stack.storage.postgres.pool import Database
from tests.support.fed_documents import feed_many
from tests.support.garbage import collect, counts, documents, with_vectors
from tests.support.stack import open_stack
from tests.support.waiting import until
from tests.support.word_vectors import by_words

__all__ = ["by_words"]


async def inconsistencies(database: Database) -> list[str]:
    """What hangs on no document, and documents that lack something."""
    async with database.read() as connection:
        cursor = await connection.execute(
            "select 'words without a document' as what from document_postings"
            " where document not in (select number from imported_documents)"
            " union select 'a passage without a document' from document_chunks"
            " where document_id not in (select id from imported_documents)"
            " union select 'a document without words' from imported_documents"
            " where number not in (select document from document_postings)"
            " union select 'a document without passages' from imported_documents"
            " where id not in (select document_id from document_chunks)"
            " union select 'a document without vectors' from imported_documents"
            " where id not in (select document_id from document_embeddings)"
        )
        return [row["what"] for row in await cursor.fetchall()]


async def number_of_documents(database: Database) -> int:
    async with database.read() as connection:
        row = await (await connection.execute("select count(*) as n from imported_documents")).fetchone()
    assert row is not None
    return int(row["n"])


@pytest.mark.crash
async def test_a_collection_that_is_killed_leaves_whole_documents_and_the_next_one_goes_on(
    database: Database, conninfo: str, tmp_path: Path
) -> None:
    await feed_many(database, 1500, days_old=31)
    command = [sys.executable, "-m", "tests.support.collecting", conninfo, str(tmp_path)]
    left = 1500
    for _ in range(3):
        process = await asyncio.create_subprocess_exec(*command)
        before = left
        while (left := await number_of_documents(database)) > before - 100:
            assert process.returncode is None, "it was done before it could be killed"
        process.kill()
        await process.wait()
        assert await inconsistencies(database) == []
        left = await number_of_documents(database)
        assert 0 < left < before
    async with open_stack(conninfo, tmp_path) as stack:
        report = await until_it_is_alone(stack)
        assert counts(report)["old_documents"] == left
        assert await documents(stack) == await with_vectors(stack) == set()


async def until_it_is_alone(stack: Stack) -> GarbageReport:
    """Collect as soon as PostgreSQL has noticed that the process that held the lock is gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return await collect(stack)
        except ConflictError:
            assert time.monotonic() < deadline


async def test_two_processes_that_collect_at_once_remove_everything_once(
    database: Database, conninfo: str, tmp_path: Path
) -> None:
    await feed_many(database, 600, days_old=31)
    async with open_stack(conninfo, tmp_path) as one, open_stack(conninfo, tmp_path) as other:
        results = await asyncio.gather(collect(one), collect(other), return_exceptions=True)
    reports = [each for each in results if isinstance(each, GarbageReport)]
    assert sum(counts(each).get("old_documents", 0) for each in reports) == 600
    assert all(isinstance(each, GarbageReport | ConflictError) for each in results)
    assert await number_of_documents(database) == 0


async def test_a_collection_that_runs_out_of_time_says_so_and_the_next_one_goes_on(
    database: Database, conninfo: str, tmp_path: Path
) -> None:
    await feed_many(database, 300, days_old=31)
    async with open_stack(conninfo, tmp_path) as stack:
        hurried = await stack._knowledge.garbage.collect(dry_run=False, seconds=0)
        assert (hurried.complete, hurried.removed) == (False, 0)
        assert "collect again" in " ".join(hurried.notes)
        rest = await collect(stack)
        assert (rest.complete, counts(rest)) == (True, {"old_documents": 300})


@pytest.mark.slow
async def test_thousands_of_documents_are_compared_in_seconds(
    database: Database, conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        await feed_many(database, 3000, model=stack._models.embedder.model)
        started = time.monotonic()
        dry = await collect(stack, dry_run=True)
        compared = time.monotonic()
        real = await collect(stack)
        removed = time.monotonic()
        assert counts(dry) == counts(real) == {"near_duplicates": 1000}
        assert await inconsistencies(database) == []
        # It takes 3 s each on two free cores; comparing each with each would be 4.5 million pairs.
        assert compared - started < 60
        assert removed - compared < 60


async def test_a_night_that_was_missed_is_caught_up_by_the_worker(
    database: Database, conninfo: str, tmp_path: Path
) -> None:
    await feed_many(database, 30, days_old=31)
    async with database.write() as connection:
        await connection.execute(
            "insert into schedules (name, last_tick) values (%s, now() - interval '2 days')", [COLLECT_GARBAGE]
        )

    async def nothing_is_left() -> bool:
        return await number_of_documents(database) == 0

    async with open_stack(conninfo, tmp_path, MCP_STACK_JOBS__LINGER_SECONDS="0") as stack:
        await stack._jobs.service.ensure_worker()
        await until(nothing_is_left, 60)
        await stack._jobs.close()
        assert await stack._jobs.wait_for_worker_to_end(30)
        report = await collect(stack, dry_run=True)
        assert (report.last_run_removed, report.removed) == (30, 0)
