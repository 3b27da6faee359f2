"""Ralph put together on a database and a data folder: the service, the loop, and a worker process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcp_stack.file_locks import FileLock
from mcp_stack.jobs.app import APPROVAL_TIMEOUT, ITERATION, JobAdder, machine_queue
from mcp_stack.jobs.launch import DetachedWorker
from mcp_stack.jobs.locks import WORKER_LOCK
from mcp_stack.jobs.worker import Worker
from mcp_stack.ports.agent import Agent
from mcp_stack.ports.events import Field
from mcp_stack.ports.jobs import WorkerLauncher
from mcp_stack.ports.model_gate import ModelGate
from mcp_stack.ports.runs import ANYWHERE
from mcp_stack.ports.sandbox import Sandbox
from mcp_stack.ralph.backends.command import CommandAgent
from mcp_stack.ralph.bundles import Bundles
from mcp_stack.ralph.checkpoints import Checkpoints
from mcp_stack.ralph.cleaning import Cleaning
from mcp_stack.ralph.git import Git
from mcp_stack.ralph.history import History
from mcp_stack.ralph.holding import Holding
from mcp_stack.ralph.iteration import Iterating
from mcp_stack.ralph.loop import Loop
from mcp_stack.ralph.running import Running
from mcp_stack.ralph.service import Ralph
from mcp_stack.ralph.telling import Telling
from mcp_stack.ralph.verify import Verifier
from mcp_stack.ralph.workspace import Workspaces
from mcp_stack.settings.tree import Ralph as RalphSettings
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.run_control import PostgresRunControl
from mcp_stack.storage.postgres.runs import PostgresRuns
from mcp_stack.telemetry.events import JsonlEvents
from tests.support.postgres import open_database
from tests.support.unconfined import Unconfined

SCRIPTED_AGENT = Path(__file__).with_name("scripted_agent.py")
ROOT = Path(__file__).parents[2]


@dataclass
class RecordedEvents:
    """The port `Events`, kept in a list."""

    events: list[tuple[str, dict[str, Field]]] = field(default_factory=list)

    def record(self, event_type: str, trace_id: str = "", **fields: Field) -> None:
        self.events.append((event_type, fields))


class NoWorker:
    """The port `WorkerLauncher` where the test itself does the jobs."""

    async def ensure_worker(self) -> None:
        """Nothing to start."""


class RalphParts:
    """Everything of Ralph on one database and one data folder.

    Args:
        database: With the schema.
        data: The data folder.
        root: The only allowed root.
        command: The agent's program.
        settings: Of the section `ralph`.
        jobs: Starts workers.
        sandbox: Confines agents and verify commands.
    """

    def __init__(
        self,
        database: Database,
        data: Path,
        root: Path,
        command: Sequence[str],
        *,
        settings: Mapping[str, Any] | None = None,
        jobs: WorkerLauncher | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self.sandbox = sandbox or Unconfined()
        folder = data / "ralph-wiggum"
        self.data, self.folder, self.database = data, folder, database
        self.queue = machine_queue(data)
        self.events = RecordedEvents()
        self.settings = RalphSettings.model_validate({"backends": {"default": "command"}} | dict(settings or {}))
        adder = JobAdder()
        self.runs = PostgresRuns(database, adder.add_iteration, adder.add_approval_timeout)
        self.control = PostgresRunControl(database, adder.add_iteration, adder.add_approval_timeout)
        git = Git(os.environ, folder / "home")
        self.workspaces = Workspaces(folder, [root], git)
        self.bundles = Bundles(git, self.workspaces, folder)
        self.holding = Holding(folder / "locks")
        self.history = History(git, self.workspaces)
        self.cleaning = Cleaning(
            runs=self.runs,
            history=self.history,
            holding=self.holding,
            folder=folder,
            keep_days=self.settings.loop.keep_days,
            clock=_now,
        )
        self.agents: dict[str, Agent] = {"command": CommandAgent(command, os.environ, self.sandbox)}
        self.gate: ModelGate | None = None
        self.ralph = Ralph(
            runs=self.runs,
            control=self.control,
            jobs=jobs or NoWorker(),
            workspaces=self.workspaces,
            history=self.history,
            holding=self.holding,
            agents=self.agents,
            telling=self._telling(self.events),
            settings=self.settings,
            logs=folder / "logs",
            queue=self.queue,
            clock=_now,
        )

    def loop(self, events: JsonlEvents | RecordedEvents | None = None) -> Loop:
        """What a worker runs."""
        return Loop(
            runs=self.runs,
            control=self.control,
            workspaces=self.workspaces,
            bundles=self.bundles,
            iterating=Iterating(
                running=Running(self.agents, self.gate, self.settings),
                verifier=Verifier(os.environ, self.settings.loop.verify_timeout_seconds, self.sandbox),
                settings=self.settings,
                logs=self.folder / "logs",
                clock=_now,
            ),
            checkpoints=Checkpoints(self.folder),
            telling=self._telling(events or self.events),
            holding=self.holding,
            cleaning=self.cleaning,
            settings=self.settings.loop,
        )

    def _telling(self, events: JsonlEvents | RecordedEvents) -> Telling:
        return Telling(self.runs, Checkpoints(self.folder), events, self.queue, _now)

    async def finish(self, task_id: str, most: int = 50) -> None:
        """Do the iterations of a task in this process, as its jobs would, until it ends or awaits approval."""
        loop = self.loop()
        for _ in range(most):
            run = await self.runs.get(task_id)
            if run.finished_at is not None or run.approval is not None:
                return
            await loop.iterate(task_id, run.iteration + 1)
        raise AssertionError(f"{task_id} goes on after {most} iterations")


def worker_command(conninfo: str, data: Path, command: Sequence[str], linger_seconds: float | None = 0) -> list[str]:
    """The command line of a worker of the tests."""
    options = {"conninfo": conninfo, "data": str(data), "command": list(command), "linger": linger_seconds}
    return [sys.executable, "-m", "tests.support.ralph", json.dumps(options)]


def start_worker(
    conninfo: str, data: Path, command: Sequence[str], linger_seconds: float | None = 0
) -> subprocess.Popen[bytes]:
    """A worker as a child of the test."""
    return subprocess.Popen(worker_command(conninfo, data, command, linger_seconds), cwd=ROOT, start_new_session=True)


def detached_worker(
    conninfo: str, data: Path, command: Sequence[str], linger_seconds: float | None = 0
) -> DetachedWorker:
    """The port `WorkerLauncher` that starts a worker of the tests."""
    return DetachedWorker(
        data, os.environ | {"PYTHONPATH": str(ROOT)}, worker_command(conninfo, data, command, linger_seconds)
    )


def worker_runs(data: Path) -> bool:
    """Whether a worker of the data folder has taken its lock."""
    lock = FileLock(data / WORKER_LOCK)
    try:
        return not lock.try_take(shared=True)
    finally:
        lock.release()


def scripted(plan_file: Path, plan: Mapping[str, Any]) -> list[str]:
    """The command of an agent that does what a plan says."""
    plan_file.write_text(json.dumps(plan), encoding="utf-8")
    return [sys.executable, str(SCRIPTED_AGENT), str(plan_file)]


def starts(plan_file: Path) -> list[dict[str, Any]]:
    """Every start of the scripted agent."""
    file = Path(f"{plan_file}.starts")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def git(folder: Path, *arguments: str) -> str:
    """Run git as a user would."""
    identity = ["-c", "user.name=A User", "-c", "user.email=user@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_repository(folder: Path, files: Mapping[str, str]) -> Path:
    """A git repository with one commit."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "Start")
    return folder


def _now() -> datetime:
    return datetime.now(UTC)


async def _nobody_is_told(where: str, incident: str, error: Exception) -> None:
    """Bugs are in the log alone."""


async def _work(options: Mapping[str, Any]) -> None:
    data = Path(options["data"])
    database = open_database(options["conninfo"])
    parts = RalphParts(database, data, data, options["command"])

    async def conninfo() -> str:
        return str(options["conninfo"])

    loop = parts.loop(JsonlEvents(data / "telemetry" / "ralph-events.jsonl", "ralph-wiggum"))
    worker = Worker(
        data,
        conninfo=conninfo,
        pool=database.pool,
        handlers={ITERATION: loop.iterate, APPROVAL_TIMEOUT: loop.deny_unanswered},
        concurrency={(parts.queue, ANYWHERE): 2},
        schedules=[],
        schedules_queue=parts.queue,
        linger_seconds=options["linger"],
        report=_nobody_is_told,
    )
    await worker.run()
    await database.close()


if __name__ == "__main__":
    asyncio.run(_work(json.loads(sys.argv[1])))
