"""What tasks leave on a machine goes some days after their end; what they achieved stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcp_stack.ports.run_control import Actor
from mcp_stack.ralph.cleaning import PASSING, Cleaning
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository

AGENT = ["sh", "-c", "echo $MCP_STACK_ITERATION > file_$MCP_STACK_ITERATION.txt"]
SOMEBODY = Actor("somebody", "terminal")


def left(parts: RalphParts, task_id: str) -> list[str]:
    """The folders of a task that are there."""
    return [name for name in PASSING if (parts.folder / name / task_id).exists()]


def later(parts: RalphParts, days: float) -> Cleaning:
    """Cleaning as it will be done in some days."""
    now = datetime.now(UTC) + timedelta(days=days)
    return Cleaning(
        runs=parts.runs,
        history=parts.history,
        holding=parts.holding,
        folder=parts.folder,
        keep_days=7,
        clock=lambda: now,
    )


async def test_files_go_a_week_after_the_end_and_the_branch_stays(database: Database, tmp_path: Path) -> None:
    project = make_repository(tmp_path / "project", {"README": "hello"})
    parts = RalphParts(database, tmp_path / "data", tmp_path, AGENT)
    task = await parts.ralph.submit("x", workspace=str(project), verify=["test -f file_2.txt"])
    await parts.finish(task.task_id)
    assert left(parts, task.task_id) == list(PASSING)
    assert await later(parts, 6.9).clean() == 0
    assert left(parts, task.task_id) == list(PASSING)
    assert await later(parts, 7.1).clean() == 1
    assert left(parts, task.task_id) == []
    assert await later(parts, 8).clean() == 0
    branch = (await parts.ralph.result(task.task_id)).branch
    assert git(project, "ls-tree", "--name-only", branch).splitlines() == ["README", "file_1.txt", "file_2.txt"]


async def test_a_task_without_its_files_is_rolled_back_and_resumed_all_the_same(
    database: Database, tmp_path: Path
) -> None:
    project = make_repository(tmp_path / "project", {"README": "hello"})
    parts = RalphParts(database, tmp_path / "data", tmp_path, AGENT)
    task = await parts.ralph.submit("x", workspace=str(project), verify=["test -f file_4.txt"], max_iterations=3)
    await parts.finish(task.task_id)
    await parts.ralph.roll_back(task.task_id, 2, SOMEBODY)
    assert git(project, "for-each-ref", "refs/ralph") != ""
    assert await later(parts, 8).clean() == 1
    assert git(project, "for-each-ref", "refs/ralph") == ""
    await parts.ralph.roll_back(task.task_id, 1, SOMEBODY)
    await parts.ralph.resume(task.task_id, SOMEBODY)
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    assert result.state == "completed"
    assert git(project, "ls-tree", "--name-only", result.branch).splitlines() == ["README", "file_1.txt", "file_4.txt"]


async def test_what_goes_on_or_is_in_use_is_left_alone(database: Database, tmp_path: Path) -> None:
    parts = RalphParts(database, tmp_path / "data", tmp_path, AGENT)
    unfinished = await parts.ralph.submit("x", verify=["test -f file_9.txt"])
    await parts.loop().iterate(unfinished.task_id, 1)
    ended = await parts.ralph.submit("x")
    await parts.finish(ended.task_id)
    async with parts.holding.at_work(ended.task_id):
        assert await later(parts, 8).clean() == 0
    assert left(parts, unfinished.task_id)
    assert left(parts, ended.task_id)


async def test_folders_of_nobody_are_left_alone(database: Database, tmp_path: Path) -> None:
    parts = RalphParts(database, tmp_path / "data", tmp_path, AGENT)
    other = parts.folder / "worktrees" / "00000000-0000-4000-8000-00000000ffff"
    other.mkdir(parents=True)
    assert await later(parts, 8).clean() == 0
    assert other.is_dir()


async def test_with_nothing_to_be_kept_files_go_with_the_end(database: Database, tmp_path: Path) -> None:
    parts = RalphParts(database, tmp_path / "data", tmp_path, AGENT, settings={"loop": {"keep_days": 0}})
    task = await parts.ralph.submit("x", verify=["test -f file_2.txt"])
    await parts.loop().iterate(task.task_id, 1)
    assert "worktrees" in left(parts, task.task_id)
    await parts.loop().iterate(task.task_id, 2)
    assert left(parts, task.task_id) == []
