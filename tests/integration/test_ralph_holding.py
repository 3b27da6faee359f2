"""Never are two at work on the files of one task, whatever becomes of a worker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.file_locks import is_locked
from mcp_stack.ralph import holding
from mcp_stack.ralph.holding import Holding
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts

# Holds a task's files, starts a program as an agent is started, and is killed.
WORKER = """
import asyncio, os, sys
from pathlib import Path
from mcp_stack.ralph.holding import Holding
from mcp_stack.ralph.processes import run_program

async def main(folder, program):
    async with Holding(Path(folder)).at_work("task"):
        await run_program(
            ["sh", "-c", program], folder=Path(folder), environment=dict(os.environ), output=Path(folder, "log"),
            timeout_seconds=60,
        )

asyncio.run(main(*sys.argv[1:]))
"""


async def test_of_two_workers_with_the_same_iteration_one_starts_an_agent(database: Database, tmp_path: Path) -> None:
    log = tmp_path / "starts"
    parts = RalphParts(database, tmp_path / "data", tmp_path, ["sh", "-c", f"echo x >> {log}; echo y > y.txt"])
    task = await parts.ralph.submit("x")
    await asyncio.gather(*(parts.loop().iterate(task.task_id, 1) for _ in range(3)))
    assert log.read_text().count("x") == 1
    assert (await parts.runs.get(task.task_id)).state == "completed"


async def test_who_does_not_let_go_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "SECONDS_TO_WAIT", 0.1)
    async with Holding(tmp_path).at_work("task"):
        with pytest.raises(UnavailableError, match="does not let go of task task"):
            async with Holding(tmp_path).at_work("task"):
                pass
    async with Holding(tmp_path).at_work("task"):
        pass


def test_the_files_of_a_killed_worker_are_free_when_its_agent_is_gone(tmp_path: Path) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    program = f"echo $$ > {fifo}; exec sleep 300"
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), program])
    agent = int(fifo.read_text())
    guard = int(Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(guard, signal.SIGSTOP)  # as if it were slow to end the agent
    worker.kill()
    worker.wait()
    lock = tmp_path / "task.lock"
    assert is_locked(lock)
    descriptors = [str(path.readlink()) for path in Path(f"/proc/{agent}/fd").iterdir()]
    assert str(lock) not in descriptors  # an agent could keep it for ever
    os.kill(guard, signal.SIGCONT)
    while is_locked(lock):
        pass
    assert not Path(f"/proc/{agent}").exists()
