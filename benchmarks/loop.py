"""What Ralph's loop adds to the agent and the verification, and how fast it takes tasks and says how they stand.

    python -m benchmarks.loop [--iterations 60] [--queued 1000] [--json]

The agent writes one line to a file, the verification looks for a file. The overhead is what an iteration takes beyond
these two programs, run in their box as Ralph runs them; `bare` is what they take without any.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import psutil

from mcp_stack.composition import Stack
from mcp_stack.ports.sandbox import Confinement
from mcp_stack.ralph.environment import child_environment
from mcp_stack.ralph.processes import run_program
from mcp_stack.ralph.sandbox.choice import Chosen
from mcp_stack.ralph.service import Ralph
from mcp_stack.settings import load_settings
from mcp_stack.settings.tree import Sandbox

from .ralph_folder import environment, repository

WORKER = (sys.executable, "-m", "mcp_stack", "worker")
QUICK_AGENT = ("sh", "-c", 'echo "$MCP_STACK_ITERATION" > line.txt')
NEVER_DONE = "test -f no-such-file"
# Waits to be killed; no other program sleeps for just so long.
SLOW_AGENT = ("sleep", "604801")
STATUSES = 1000
TAKEOVERS = 10
IDLE_SECONDS = 20.0
SECONDS_TO_END = 20.0
# For a further worker to come up.
SECONDS_TO_SETTLE = 5.0
SECONDS_TO_WAIT = 60.0
# Of the worker; taken by the first tasks, so that all others wait.
PLACES = 2


@asynccontextmanager
async def _opened(*agent: str, **settings: str) -> AsyncIterator[tuple[Path, dict[str, str], Ralph]]:
    """A data folder whose tasks are worked on by an agent, and the service of its server."""
    with tempfile.TemporaryDirectory(prefix="mcp-stack-loop-") as name:
        folder = Path(name)
        environ = environment(folder, agent, **settings)
        stack = Stack(load_settings(environ, folder))
        try:
            yield folder, environ, await stack.ralph()
        finally:
            for worker in _workers(folder):
                worker.kill()
            await stack.shut_down(SECONDS_TO_END)
            await stack.close()


async def overhead(iterations: int) -> dict[str, float]:
    """Milliseconds from one iteration to the next beyond its two programs in their box, the commit included.

    Args:
        iterations: Of one task.
    """
    async with _opened(*QUICK_AGENT) as (folder, _, ralph):
        where = repository(folder / "project")
        task = await ralph.submit("x", workspace=str(where), verify=[NEVER_DONE], max_iterations=iterations)
        while (await ralph.status(task.task_id, 50)).state != "limit_reached":
            pass
        log = await ralph.log(task.task_id)
        begun = sorted(datetime.fromisoformat(each.started_at).timestamp() for each in log.iterations)
        box = Chosen(Sandbox())
        bare = statistics.median(_bare(where) for _ in range(iterations))
        boxed = statistics.median([await _boxed(folder, box) for _ in range(iterations)])
    walls = [1000 * (later - earlier) for earlier, later in itertools.pairwise(begun)]
    figures = _figures("iteration", walls) | _figures("iteration_overhead", [wall - boxed for wall in walls])
    return figures | {"programs_in_their_box_p50_ms": round(boxed, 1), "programs_bare_p50_ms": round(bare, 1)}


async def queued(tasks: int) -> dict[str, float]:
    """Milliseconds to submit a task, and to say how one stands, while so many wait.

    Args:
        tasks: How many.
    """
    async with _opened(*SLOW_AGENT) as (folder, _, ralph):
        where = str(repository(folder / "project"))
        taken, times = [], []
        for number in range(PLACES + tasks):
            begin = time.perf_counter()
            taken.append(await ralph.submit(f"task {number}", workspace=where, verify=[NEVER_DONE]))
            times.append(1000 * (time.perf_counter() - begin))
        looks = []
        for number in range(STATUSES):
            begin = time.perf_counter()
            await ralph.status(taken[PLACES + number % tasks].task_id)
            looks.append(1000 * (time.perf_counter() - begin))
    return _figures("submit", times[PLACES:]) | _figures("status", looks)


async def takeover(times: int) -> dict[str, float]:
    """Seconds from the SIGKILL of a worker to the start of its agent by another one, which waits for work.

    Args:
        times: How often.
    """
    took = []
    async with _opened(*SLOW_AGENT, JOBS__AUTOSTART="false") as (folder, environ, ralph):
        await ralph.submit("x", workspace=str(repository(folder / "project")), verify=[NEVER_DONE])
        agent = await _another_agent(None)
        for _ in range(times):
            (busy,) = [each for each in _workers(folder) if agent in _below(each)]
            _start_worker(environ)
            await asyncio.sleep(SECONDS_TO_SETTLE)
            begin = time.time()
            busy.send_signal(signal.SIGKILL)
            agent = await _another_agent(agent)
            took.append(agent.create_time() - begin)
    return {"takeover_p50_s": round(statistics.median(took), 2), "takeover_max_s": round(max(took), 2)}


async def idle() -> dict[str, float]:
    """The share of one core that a worker uses which has nothing to do."""
    async with _opened(*QUICK_AGENT) as (folder, _, ralph):
        task = await ralph.submit("x", workspace=str(repository(folder / "project")))
        while (await ralph.status(task.task_id, 50)).state != "completed":
            pass
        (worker,) = _workers(folder)
        before = worker.cpu_times()
        await asyncio.sleep(IDLE_SECONDS)
        after = worker.cpu_times()
    used = after.user + after.system - before.user - before.system
    return {"idle_worker_percent_of_a_core": round(100 * used / IDLE_SECONDS, 2)}


def _bare(where: Path) -> float:
    """Milliseconds that the agent and the verification take without a loop and a box."""
    begin = time.perf_counter()
    subprocess.run(QUICK_AGENT, cwd=where, check=True)
    subprocess.run(NEVER_DONE.split(), cwd=where, check=False)
    return 1000 * (time.perf_counter() - begin)


async def _boxed(folder: Path, box: Chosen) -> float:
    """Milliseconds that they take in the box that this machine has."""
    begin = time.perf_counter()
    for program in (QUICK_AGENT, tuple(NEVER_DONE.split())):
        environment = child_environment(os.environ, folder)
        command = (str(shutil.which(program[0])), *program[1:])
        await run_program(
            box.confined(command, environment, Confinement(folder / "project", ports=())),
            folder=folder / "project",
            environment=environment,
            output=folder / "output",
            timeout_seconds=SECONDS_TO_WAIT,
        )
    return 1000 * (time.perf_counter() - begin)


def _figures(name: str, milliseconds: list[float]) -> dict[str, float]:
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    return {f"{name}_p50_ms": round(statistics.median(milliseconds), 2), f"{name}_p95_ms": round(p95, 2)}


def _workers(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.environ().get("MCP_STACK_DATA") == str(folder / "data")
            if ours and process.cmdline()[1:4] == ["-m", "mcp_stack", "worker"]:
                found.append(process)
    return found


def _below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _start_worker(environ: dict[str, str]) -> None:
    subprocess.Popen(WORKER, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _another_agent(than: psutil.Process | None) -> psutil.Process:
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while time.monotonic() < deadline:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == SLOW_AGENT[0] and process.cmdline()[1:] == [SLOW_AGENT[1]] and process != than:
                    return process
        await asyncio.sleep(0.01)
    raise RuntimeError("no agent was started")


async def _measured(iterations: int, tasks: int) -> dict[str, float]:
    return {
        **await overhead(iterations),
        **await queued(tasks),
        **await takeover(TAKEOVERS),
        **await idle(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What Ralph's loop costs.")
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--queued", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = asyncio.run(_measured(chosen.iterations, chosen.queued))
    if chosen.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:<32} {value:>10}")


if __name__ == "__main__":
    main()
