"""The worker process of a machine: one, started when it is needed, gone when it is not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.file_locks import FileLock
from mcp_stack.jobs.launch import DetachedWorker
from mcp_stack.jobs.locks import SERVERS_LOCK, announce_server
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, detached_worker, start_worker, worker_runs
from tests.support.waiting import until


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose workers are killed at the end."""
    folder = tmp_path / "dätä folder"
    folder.mkdir()
    yield folder
    for process in workers(folder):
        process.kill()


def workers(data: Path) -> list[psutil.Process]:
    """The living worker processes of a data folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "tests.support.ralph" in words and str(data) in words[-1].encode().decode("unicode_escape"):
            found.append(process)
    return found


async def the_worker(data: Path) -> psutil.Process:
    """The one worker of a data folder, once those that give way to it are gone."""
    await until(lambda: len(workers(data)) == 1)
    (worker,) = workers(data)
    return worker


def standard_streams(pid: int) -> list[Path]:
    return [Path(f"/proc/{pid}/fd/{number}").readlink() for number in (0, 1, 2)]


async def test_many_servers_at_once_start_one_worker(conninfo: str, data: Path) -> None:
    server = announce_server(data)
    jobs = [detached_worker(conninfo, data, ["true"]) for _ in range(6)]
    await asyncio.gather(*(each.ensure_worker() for each in jobs))
    await the_worker(data)
    await jobs[0].ensure_worker()
    await the_worker(data)
    server.release()


async def test_the_worker_is_nobodys_child_and_has_a_session_of_its_own(conninfo: str, data: Path) -> None:
    server = announce_server(data)
    await detached_worker(conninfo, data, ["true"]).ensure_worker()
    worker = await the_worker(data)
    assert worker.ppid() != os.getpid()
    assert os.getsid(worker.pid) == worker.pid != os.getsid(0)
    stdin, stdout, stderr = standard_streams(worker.pid)
    assert stdin == Path("/dev/null")
    assert stdout == stderr == data / "logs" / "worker.log"
    server.release()


async def test_ensuring_a_worker_that_runs_starts_nothing(conninfo: str, data: Path) -> None:
    server = announce_server(data)
    jobs = detached_worker(conninfo, data, ["true"])
    began = time.perf_counter()
    await jobs.ensure_worker()
    to_start_one = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(20):
        await jobs.ensure_worker()
    assert time.perf_counter() - began < 20 * to_start_one / 5
    await the_worker(data)
    server.release()


async def test_it_stays_while_a_server_lives_and_ends_after_the_last(conninfo: str, data: Path) -> None:
    first, second = announce_server(data), announce_server(data)
    await detached_worker(conninfo, data, ["true"]).ensure_worker()
    worker = await the_worker(data)
    first.release()
    with pytest.raises(psutil.TimeoutExpired):
        worker.wait(timeout=2)
    second.release()
    await until(lambda: not workers(data))


async def test_it_stays_as_long_as_there_are_jobs(
    database: Database, conninfo: str, data: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    command = ["sh", "-c", f"cat {gate} > out.txt"]
    parts = RalphParts(database, data, tmp_path, command)
    task = await parts.ralph.submit("x")
    worker = start_worker(conninfo, data, command)
    with pytest.raises(psutil.TimeoutExpired):
        psutil.Process(worker.pid).wait(timeout=3)
    await asyncio.to_thread(gate.write_text, "go on")
    assert await asyncio.to_thread(worker.wait, 15) == 0
    assert (await parts.ralph.status(task.task_id)).state == "completed"


async def test_it_ends_with_the_last_server_even_if_the_database_is_gone(data: Path) -> None:
    server = announce_server(data)
    worker = start_worker("host=/nowhere dbname=gone", data, ["true"])
    await until(lambda: worker_runs(data))
    with pytest.raises(psutil.TimeoutExpired):
        psutil.Process(worker.pid).wait(timeout=1.5)
    server.release()
    assert await asyncio.to_thread(worker.wait, 15) == 0


async def test_a_second_worker_leaves(conninfo: str, data: Path) -> None:
    server = announce_server(data)
    await detached_worker(conninfo, data, ["true"]).ensure_worker()
    second = start_worker(conninfo, data, ["true"])
    assert await asyncio.to_thread(second.wait, 15) == 0
    await the_worker(data)
    server.release()


async def test_a_further_worker_works_beside_it_and_stays(
    database: Database, conninfo: str, data: Path, tmp_path: Path
) -> None:
    command = ["sh", "-c", "echo done > out.txt"]
    parts = RalphParts(database, data, tmp_path, command)
    further = start_worker(conninfo, data, command, linger_seconds=None)
    on_demand = start_worker(conninfo, data, command)
    assert await asyncio.to_thread(on_demand.wait, 15) == 0  # nobody needs it
    task = await parts.ralph.submit("x")

    async def completed() -> bool:
        return (await parts.ralph.status(task.task_id)).state == "completed"

    await until(completed)
    assert further.poll() is None
    further.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(further.wait, 5) == 0


async def test_a_killed_worker_is_replaced(conninfo: str, data: Path) -> None:
    server = announce_server(data)
    jobs = detached_worker(conninfo, data, ["true"])
    await jobs.ensure_worker()
    worker = await the_worker(data)
    worker.send_signal(signal.SIGKILL)
    worker.wait(5)
    await jobs.ensure_worker()
    assert [process.pid for process in workers(data)] != [worker.pid]
    server.release()


async def test_a_worker_that_cannot_start_says_why(data: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('config.yaml: hybrid.colour: unknown key')"]
    jobs = DetachedWorker(data, os.environ, command)
    with pytest.raises(UnavailableError, match=r"hybrid\.colour: unknown key"):
        await jobs.ensure_worker()


async def test_a_program_that_is_not_there_says_so(data: Path) -> None:
    with pytest.raises(UnavailableError, match="no-such-python"):
        await DetachedWorker(data, os.environ, ["/no-such-python"]).ensure_worker()


async def test_a_data_folder_that_cannot_be_written_to_says_so(data: Path) -> None:
    (data / "logs").write_text("in the way", encoding="utf-8")
    with pytest.raises(UnavailableError, match="File exists"):
        await DetachedWorker(data, os.environ, ["true"]).ensure_worker()


async def test_a_huge_log_is_put_aside(data: Path) -> None:
    jobs = DetachedWorker(data, os.environ, [sys.executable, "-c", "raise SystemExit('new')"])
    jobs.log_file.parent.mkdir()
    jobs.log_file.write_bytes(b"old\n" * 1_500_000)
    with pytest.raises(UnavailableError, match=r"\(new\)"):
        await jobs.ensure_worker()
    assert jobs.log_file.stat().st_size < 100


def test_a_lock_is_exclusive_or_shared(data: Path) -> None:
    servers = [announce_server(data) for _ in range(3)]
    worker = FileLock(data / SERVERS_LOCK)
    for server in servers:
        assert not worker.try_take()
        server.release()
    assert worker.try_take()
    assert not FileLock(data / SERVERS_LOCK).try_take(shared=True)
    worker.release()
    worker.release()


async def test_an_idle_worker_uses_next_to_nothing(database: Database, conninfo: str, data: Path) -> None:
    server = announce_server(data)
    await detached_worker(conninfo, data, ["true"]).ensure_worker()
    worker = await the_worker(data)

    async def has_registered() -> bool:
        async with database.read() as connection:
            cursor = await connection.execute("select id from jobs.procrastinate_workers")
            return await cursor.fetchone() is not None

    await until(has_registered)
    before = worker.cpu_times()
    with pytest.raises(psutil.TimeoutExpired):
        worker.wait(timeout=4)
    after = worker.cpu_times()
    # 1 % is the aim on a machine of its own; a busy loop takes 100 %.
    assert (after.user + after.system - before.user - before.system) / 4 < 0.05
    server.release()
