"""Workers that are killed, stopped and disconnected: every iteration is committed exactly once all the same."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from mcp_stack.jobs.locks import announce_server
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository, start_worker
from tests.support.waiting import until

pytestmark = pytest.mark.crash

ITERATIONS = 4
# Writes a file an iteration, and a first half of it in the middle of its work.
AGENT = (
    "echo half > half_$MCP_STACK_ITERATION.txt; echo $MCP_STACK_ITERATION $$ >> {starts}; sleep {seconds}; "
    "rm half_$MCP_STACK_ITERATION.txt; echo done > done_$MCP_STACK_ITERATION.txt"
)
VERIFY = f"test -f done_{ITERATIONS}.txt"


class Setting:
    """A data folder, a repository, an agent, and the workers that a test starts."""

    def __init__(self, database: Database, conninfo: str, folder: Path, agent_seconds: float) -> None:
        self.conninfo, self.data = conninfo, folder / "data"
        self.data.mkdir()
        self.repository = make_repository(folder / "projects" / "one", {"README": "hello"})
        self.starts_file = folder / "starts"
        self.command = ["sh", "-c", AGENT.format(starts=self.starts_file, seconds=agent_seconds)]
        self.parts = RalphParts(database, self.data, folder / "projects", self.command)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self) -> subprocess.Popen[bytes]:
        worker = start_worker(self.conninfo, self.data, self.command)
        self.workers.append(worker)
        return worker

    async def submit(self) -> str:
        task = await self.parts.ralph.submit("work", workspace=str(self.repository), verify=[VERIFY])
        return task.task_id

    def agent_starts(self) -> list[tuple[int, int]]:
        """Iteration and process id of each start of an agent."""
        if not self.starts_file.exists():
            return []
        lines = [line.split() for line in self.starts_file.read_text().splitlines()]
        return [(int(iteration), int(pid)) for iteration, pid in lines]

    async def until_ended(self, task_id: str) -> None:
        async def ended() -> bool:
            return (await self.parts.runs.get(task_id)).finished_at is not None

        await until(ended, seconds=40)

    async def check_exactly_once(self, task_id: str) -> None:
        """Every iteration is committed once, in the database and in git, and nothing half done is."""
        run = await self.parts.runs.get(task_id)
        iterations = await self.parts.runs.iterations(task_id)
        result = await self.parts.ralph.result(task_id)
        assert run.state == "completed", run.last_error
        assert [iteration.n for iteration in iterations] == list(range(1, ITERATIONS + 1))
        assert git(self.repository, "rev-list", "--reverse", f"main..{result.branch}").splitlines() == result.commits
        files = git(self.repository, "ls-tree", "-r", "--name-only", result.branch).splitlines()
        assert files == sorted(["README", *(f"done_{n}.txt" for n in range(1, ITERATIONS + 1))])
        async with self.parts.database.read() as connection:
            cursor = await connection.execute(
                "select * from jobs.procrastinate_jobs where status = 'todo' and lock = %s", [f"run:{task_id}"]
            )
            assert await cursor.fetchall() == []


@pytest.fixture
async def setting(
    database: Database, conninfo: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Setting]:
    made = Setting(database, conninfo, tmp_path, getattr(request, "param", 0.3))
    server = announce_server(made.data)
    yield made
    server.release()
    for worker in made.workers:
        worker.kill()
        worker.wait()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_another_worker_goes_on_where_a_killed_one_was(setting: Setting) -> None:
    first = setting.start_worker()
    task_id = await setting.submit()
    await until(lambda: len(setting.agent_starts()) == 2)
    iteration, agent = setting.agent_starts()[-1]
    first.send_signal(signal.SIGKILL)
    first.wait()
    await until(lambda: not alive(agent), seconds=2)
    setting.start_worker()
    await setting.until_ended(task_id)
    await setting.check_exactly_once(task_id)
    redone = [n for n, _ in setting.agent_starts()]
    assert redone == sorted([*range(1, ITERATIONS + 1), iteration])


@pytest.mark.parametrize("setting", [30.0], indirect=True)
async def test_sigterm_ends_a_worker_and_its_agents_within_three_seconds(setting: Setting) -> None:
    worker = setting.start_worker()
    task_id = await setting.submit()
    await until(lambda: bool(setting.agent_starts()))
    _, agent = setting.agent_starts()[0]
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=3) == 0
    assert time.monotonic() - began < 3
    assert not alive(agent)
    async with setting.parts.database.read() as connection:
        cursor = await connection.execute("select status, args from jobs.procrastinate_jobs")
        assert await cursor.fetchall() == [{"status": "todo", "args": {"run_id": task_id, "n": 1}}]
    assert (await setting.parts.ralph.status(task_id)).state == "running"


async def test_a_worker_survives_the_loss_of_its_connections(setting: Setting) -> None:
    worker = setting.start_worker()
    task_id = await setting.submit()
    await until(lambda: len(setting.agent_starts()) == 2)
    async with setting.parts.database.read() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    await setting.until_ended(task_id)
    await setting.check_exactly_once(task_id)
    assert worker.poll() is None


async def test_a_worker_that_was_stopped_for_a_while_commits_nothing_twice(setting: Setting) -> None:
    worker = setting.start_worker()
    task_id = await setting.submit()
    await until(lambda: bool(setting.agent_starts()))
    worker.send_signal(signal.SIGSTOP)
    _, agent = setting.agent_starts()[0]
    await until(lambda: not alive(agent))
    worker.send_signal(signal.SIGCONT)
    await setting.until_ended(task_id)
    await setting.check_exactly_once(task_id)
    assert len(setting.agent_starts()) == ITERATIONS


@pytest.mark.slow
async def test_many_tasks_outlive_many_killed_workers(setting: Setting) -> None:
    task_ids = [await setting.submit() for _ in range(5)]
    kills = 0
    while kills < 8:
        worker = setting.start_worker()
        before = len(setting.agent_starts())
        enough = before + 1 + kills % 3
        await until(lambda enough=enough: len(setting.agent_starts()) >= enough)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        kills += 1
    setting.start_worker()
    for task_id in task_ids:
        await setting.until_ended(task_id)
        await setting.check_exactly_once(task_id)
