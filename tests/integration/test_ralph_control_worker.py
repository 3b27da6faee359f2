"""What people decide while a worker of another process is at work."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from mcp_stack.jobs.locks import announce_server
from mcp_stack.ports.run_control import Actor
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository, start_worker
from tests.support.waiting import until

PERSON = Actor("ann@desk", "terminal")
# Its second half runs in a session of its own, as the shells of some agents do.
AGENT = "echo $$ >> {pids}; setsid sh -c 'echo $$ >> {pids}; exec sleep 300' & echo x > half.txt; sleep 300"


class AtWork:
    """A task whose agent, of a worker in another process, is in the middle of its work."""

    def __init__(self, parts: RalphParts, task_id: str, repository: Path, pids: Path) -> None:
        self.parts, self.task_id, self.repository = parts, task_id, repository
        self._pids = pids

    def alive(self) -> list[int]:
        """The agent's processes that are there."""
        pids = [int(line) for line in self._pids.read_text().split()] if self._pids.exists() else []
        return [pid for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
async def at_work(database: Database, conninfo: str, tmp_path: Path) -> AsyncIterator[AtWork]:
    data, pids = tmp_path / "data", tmp_path / "pids"
    data.mkdir()
    repository = make_repository(tmp_path / "projects" / "one", {"a.txt": "a\n"})
    command = ["sh", "-c", AGENT.format(pids=pids)]
    parts = RalphParts(database, data, tmp_path / "projects", command)
    server = announce_server(data)
    worker: subprocess.Popen[bytes] = start_worker(conninfo, data, command)
    try:
        task = await parts.ralph.submit("x", workspace=str(repository), verify=["true"])
        setting = AtWork(parts, task.task_id, repository, pids)
        await until(lambda: len(setting.alive()) == 2)
        yield setting
    finally:
        server.release()
        worker.kill()
        worker.wait()


async def test_a_cancelled_task_has_no_process_left_when_the_call_returns(at_work: AtWork) -> None:
    cancelled = await at_work.parts.ralph.cancel(at_work.task_id, PERSON)
    assert cancelled.state == "cancelled"
    assert "its agent is being ended" not in cancelled.note
    assert at_work.alive() == []
    status = await at_work.parts.ralph.status(at_work.task_id)
    assert (status.state, status.iteration, status.last_error) == ("cancelled", 0, "cancelled by ann@desk")
    assert (await at_work.parts.ralph.cancel(at_work.task_id, PERSON)).state == "cancelled"


async def test_a_task_that_was_cancelled_and_resumed_at_once_begins_anew(at_work: AtWork) -> None:
    before = at_work.alive()
    await at_work.parts.control.cancel(at_work.task_id, PERSON)
    await at_work.parts.ralph.resume(at_work.task_id, PERSON)
    await until(lambda: len(at_work.alive()) == 2 and not set(before) & set(at_work.alive()))
    status = await at_work.parts.ralph.status(at_work.task_id)
    assert (status.state, status.iteration) == ("running", 0)
    await at_work.parts.ralph.cancel(at_work.task_id, PERSON)


async def test_a_rollback_waits_for_the_agent_and_leaves_nothing_of_its_half_work(at_work: AtWork) -> None:
    await at_work.parts.control.cancel(at_work.task_id, PERSON)
    await at_work.parts.ralph.roll_back(at_work.task_id, 0, PERSON)
    assert at_work.alive() == []
    worktree = at_work.parts.workspaces.worktree_path(at_work.task_id)
    assert not (worktree / "half.txt").exists()
    assert git(at_work.repository, "rev-parse", "main") == git(
        at_work.repository, "rev-parse", f"ralph/{at_work.task_id}"
    )


async def test_guidance_during_an_iteration_is_for_the_one_after_it(at_work: AtWork) -> None:
    steered = await at_work.parts.ralph.steer(at_work.task_id, "Look again", PERSON)
    assert (steered.state, "after the one at work" in steered.note) == ("running", True)
    (action,) = await at_work.parts.control.actions(at_work.task_id)
    assert action.used_in == 0
    await at_work.parts.ralph.cancel(at_work.task_id, PERSON)


async def test_the_worker_says_no_when_nobody_answers(at_work: AtWork, tmp_path: Path, database: Database) -> None:
    hasty = RalphParts(
        database,
        tmp_path / "data",
        tmp_path / "projects",
        ["true"],
        settings={"approval": {"timeout_minutes": 0.02}},
    )
    task = await hasty.ralph.submit("x", workspace=str(at_work.repository), require_approval=True)

    async def denied() -> bool:
        return (await hasty.runs.get(task.task_id)).state == "cancelled"

    await until(denied)
    (*_, rejected) = await hasty.control.actions(task.task_id)
    assert (rejected.action, rejected.actor) == ("rejected", Actor("nobody", "timeout"))
    await at_work.parts.ralph.cancel(at_work.task_id, PERSON)
