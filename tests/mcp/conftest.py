"""One installation for all tests that do not need one of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_stack.aidb.desk.skill_files import fingerprint
from mcp_stack.jobs.app import JobAdder
from mcp_stack.ports.run_control import Actor
from mcp_stack.ports.runs import NewRun
from mcp_stack.ports.skills import SkillContent
from mcp_stack.ralph.approvals import about_start
from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
from mcp_stack.storage.postgres.migrate import migrate
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.run_control import PostgresRunControl
from mcp_stack.storage.postgres.runs import PostgresRuns
from mcp_stack.storage.postgres.skills import PostgresSkills
from tests.support.calls import (
    DOCUMENT_ID,
    DOOMED_IDS,
    INTERACTION_ID,
    ISSUE_ID,
    RESTING_IDS,
    SESSION_ID,
    SKILL,
    WAITING_IDS,
)
from tests.support.postgres import open_database
from tests.support.stdio import StdioServer, environment, served, wait_until_database_is_gone


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a user whose database keeps running, so that servers start quickly."""
    folder = tmp_path_factory.mktemp("home")
    environment(folder)
    attachment = EmbeddedPostgres(folder / "data").attach()
    asyncio.run(_furnish(attachment.conninfo))
    yield folder
    attachment.release()
    wait_until_database_is_gone(folder)


async def _furnish(conninfo: str) -> None:
    """Put one or some of everything into a database, for the tools that are told of one."""
    await migrate(conninfo)
    database = open_database(conninfo)
    issue = {"id": ISSUE_ID, "title": "A chair is broken", "severity": "P2", "category": "tests"}
    async with database.write() as connection:
        await connection.execute(
            "insert into issues (id, title, severity, category, description, signature)"
            " values (%(id)s, %(title)s, %(severity)s, %(category)s, 'It has three legs.', 'chair')",
            issue,
        )
        await connection.execute(
            "insert into imported_documents (id, collection, title, source, content, content_hash, length)"
            " select id, 'tests', 'A document', 'tests', 'A short text.', convert_to(id::text, 'UTF8'), 1"
            " from unnest(%s::uuid[]) as id",
            [[DOCUMENT_ID, *DOOMED_IDS]],
        )
        await connection.execute(
            "insert into interactions"
            " (id, query, response, route, confidence, latency_ms, tokens_in, tokens_out, cost_usd, saved_usd,"
            " value_score, learned)"
            " values (%s, 'Who?', 'Nobody.', 'offline', 0, 1, 0, 0, 0, 0, 0, false)",
            [INTERACTION_ID],
        )
        await connection.execute(
            "insert into session_turns (session_id, role, content, said_at)"
            " values (%s, 'user', 'Who?', now() + interval '1 day')",
            [SESSION_ID],
        )
    await _furnish_tasks(database)
    skills = PostgresSkills(database)
    content = SkillContent(SKILL, "Greet a guest", "Say hello.", "", (), (), ())
    await skills.put(SKILL, content, "tests", fingerprint(content))
    assert await skills.decide(SKILL, "approved", fingerprint(content))
    await database.close()


async def _furnish_tasks(database: Database) -> None:
    adder = JobAdder()
    runs = PostgresRuns(database, adder.add_iteration, adder.add_approval_timeout)
    control = PostgresRunControl(database, adder.add_iteration, adder.add_approval_timeout)
    for task_id in (*WAITING_IDS, *RESTING_IDS):
        run = NewRun(
            id=task_id,
            task="Nothing.",
            workspace="",
            base_commit="",
            backend="command",
            queue="elsewhere",
            max_iterations=1,
            verify=("true",),
            completion_promise="",
            require_changes=False,
            max_cost_usd=0,
            max_minutes=0,
        )
        await runs.submit(run, about_start(86_400) if task_id in WAITING_IDS else None)
        if task_id in RESTING_IDS:
            await control.cancel(task_id, Actor("a test", "client"))


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Path]:
    """A home whose database nobody else uses, and that nobody uses at the end."""
    yield tmp_path / "home"
    wait_until_database_is_gone(tmp_path / "home")


@pytest.fixture(scope="session")
def task_id(home: Path) -> str:
    """A task that was submitted."""
    with served("ralph-wiggum", environment(home)) as server:
        return submitted(server)


def submitted(server: StdioServer) -> str:
    """Submit a small task; its id."""
    arguments = {"task": "Nothing.", "verify": ["true"], "max_iterations": 1, "require_changes": False}
    return str(server.must("submit_task", arguments)["task_id"])
