"""Tasks on several machines that share a database: each has a data folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.ports.run_control import Actor
from mcp_stack.ports.runs import ANYWHERE
from mcp_stack.ralph import bundles
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository

AGENT = ["sh", "-c", "echo $MCP_STACK_ITERATION > file_$MCP_STACK_ITERATION.txt"]
SOMEBODY = Actor("somebody", "terminal")
# What ssh does on another machine is done on this one.
SSH = '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n'


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a repository that every machine can clone."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ssh").write_text(SSH, encoding="utf-8")
    (programs / "ssh").chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return f"git@host.example:{make_repository(tmp_path / 'origin', {'README': 'hello'})}"


@pytest.fixture
def machines(database: Database, tmp_path: Path, origin: str) -> list[RalphParts]:
    """Two of them, which reach the origin."""
    assert origin
    return [RalphParts(database, tmp_path / name / "data", tmp_path, AGENT) for name in ("one", "two")]


async def test_a_task_with_a_git_url_goes_from_machine_to_machine(machines: list[RalphParts], origin: str) -> None:
    task = await machines[0].ralph.submit("x", workspace=origin, verify=["test -f file_4.txt"])
    run = await machines[0].runs.get(task.task_id)
    assert run.asked.queue == ANYWHERE
    for n, machine in enumerate([machines[0], machines[1], machines[1], machines[0]], start=1):
        await machine.loop().iterate(task.task_id, n)
    run = await machines[0].runs.get(task.task_id)
    assert (run.state, run.iteration) == ("completed", 4), run.last_error
    result = await machines[0].ralph.result(task.task_id)
    log = git(Path(result.repository), "rev-list", "--reverse", f"HEAD..{result.branch}").splitlines()
    assert log == result.commits
    files = git(Path(result.repository), "ls-tree", "--name-only", result.branch).splitlines()
    assert files == ["README", *(f"file_{n}.txt" for n in range(1, 5))]


async def test_a_rollback_is_followed_by_the_other_machine_too(machines: list[RalphParts], origin: str) -> None:
    task = await machines[0].ralph.submit("x", workspace=origin, verify=["test -f file_5.txt"])
    for n in (1, 2, 3):
        await machines[0].loop().iterate(task.task_id, n)
    await machines[0].ralph.cancel(task.task_id, SOMEBODY)
    await machines[0].ralph.roll_back(task.task_id, 1, SOMEBODY)
    await machines[0].ralph.resume(task.task_id, SOMEBODY)
    for n in (4, 5):
        await machines[1].loop().iterate(task.task_id, n)
    run = await machines[1].runs.get(task.task_id)
    assert run.state == "completed", run.last_error
    there = machines[1].workspaces.repository(run.asked)
    branch = (await machines[1].ralph.result(task.task_id)).branch
    assert git(there, "ls-tree", "--name-only", branch).splitlines() == [
        "README",
        "file_1.txt",
        "file_4.txt",
        "file_5.txt",
    ]


async def test_a_commit_that_is_too_large_for_the_way_fails_with_what_to_do(
    machines: list[RalphParts], origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "MOST_BYTES", 10)
    task = await machines[0].ralph.submit("x", workspace=origin)
    await machines[0].loop().iterate(task.task_id, 1)
    run = await machines[0].runs.get(task.task_id)
    assert run.state == "failed"
    assert "have build outputs ignored by git" in run.last_error


async def test_a_task_with_a_path_stays_on_its_machine(machines: list[RalphParts], tmp_path: Path) -> None:
    project = make_repository(tmp_path / "project", {"README": "hello"})
    for workspace in (str(project), f"file://{project}", ""):
        task = await machines[0].ralph.submit("x", workspace=workspace)
        assert (await machines[0].runs.get(task.task_id)).asked.queue == machines[0].queue


async def test_a_machine_without_access_leaves_a_task_to_the_others(
    machines: list[RalphParts], origin: str, tmp_path: Path
) -> None:
    task = await machines[0].ralph.submit("x", workspace=origin, verify=["test -f file_2.txt"])
    await machines[0].loop().iterate(task.task_id, 1)
    (tmp_path / "origin").rename(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError):
        await machines[1].loop().iterate(task.task_id, 2)
    assert (await machines[1].ralph.status(task.task_id)).state == "retrying"
    await machines[0].loop().iterate(task.task_id, 2)
    assert (await machines[0].ralph.status(task.task_id)).state == "completed"


async def test_a_host_that_does_not_answer_is_asked_again(machines: list[RalphParts]) -> None:
    task = await machines[0].ralph.submit("x", workspace="https://127.0.0.1:1/nothing.git")
    with pytest.raises(UnavailableError, match="got no answer"):
        await machines[0].loop().iterate(task.task_id, 1)
    assert (await machines[0].ralph.status(task.task_id)).state == "retrying"
