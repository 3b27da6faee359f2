"""Submitting the tasks, killing at random, and counting what came of it."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mcp_stack.composition import Stack
from mcp_stack.errors import UnavailableError
from mcp_stack.settings import load_settings

from ..ralph_folder import environment, git, repository
from .kills import AGENT, Victims

WORKER = (sys.executable, "-m", "mcp_stack", "worker")
SECONDS_BETWEEN_LOOKS = 0.1
# Of one task, beyond which something hangs.
SECONDS_FOR_ALL = 1800.0
SECONDS_TO_END = 20.0
FINAL = ("completed", "failed", "cancelled", "limit_reached", "stalled")

Result = TypeVar("Result")


async def chaos(tasks: int, iterations: int, *, workers: int, kills: int, seed: int) -> dict[str, Any]:
    """Work on tasks while processes are killed.

    Args:
        tasks: How many.
        iterations: Of each.
        workers: At once, the one on demand included.
        kills: SIGKILLs, spread over the iterations.
        seed: Of what is killed when.

    Returns:
        What was killed, what came of it, and `held`: every task completed, every iteration committed exactly once, and
        neither a process nor a worktree is left.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-stack-chaos-") as name:
        run = _Run(Path(name), tasks, iterations, workers, random.Random(seed))  # noqa: S311 - no secret
        try:
            return await run.through(kills)
        finally:
            await run.close()


class _Run:
    def __init__(self, folder: Path, tasks: int, iterations: int, workers: int, chance: random.Random) -> None:
        self._folder, self._tasks, self._iterations = folder, tasks, iterations
        self._environ = environment(
            folder,
            [sys.executable, str(AGENT)],
            RALPH__LOOP__KEEP_DAYS="0",
            RALPH__LOOP__MIN_ITERATIONS=str(iterations),
        )
        self._stack = Stack(load_settings(self._environ, folder))
        self._victims = Victims(folder / "data", chance)
        self._chance = chance
        self._further: list[subprocess.Popen[bytes]] = []
        self._workers = workers

    async def through(self, kills: int) -> dict[str, Any]:
        """Everything, from the first task to what is left at the end."""
        began = time.monotonic()
        ids = await self._submit()
        killed = await self._kill_and_wait(ids, kills)
        seconds = time.monotonic() - began
        faults = [fault for task_id in ids for fault in await self._faults(task_id)]
        starts = self._starts()
        worktrees = await self._worktrees_left()
        await self.close()
        left = await self._processes_left()
        completed = self._tasks - sum("is not completed" in fault for fault in faults)
        return {
            "tasks": self._tasks,
            "iterations": self._iterations,
            "workers": self._workers,
            "kills": sum(killed.values()),
            "killed": dict(killed),
            "completed": completed,
            "iterations_committed": completed * self._iterations,
            "agent_starts": starts,
            "agent_starts_redone": starts - self._tasks * self._iterations,
            "faults": faults[:20],
            "processes_left": left,
            "worktrees_left": worktrees,
            "seconds": round(seconds, 1),
            "held": not faults and not left and not worktrees,
        }

    async def close(self) -> None:
        """End the workers, and the server with the last process that uses it."""
        for worker in self._further:
            worker.terminate()
        for worker in self._further:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(worker.wait, SECONDS_TO_END)
        self._further.clear()
        await self._stack.close()

    async def _submit(self) -> list[str]:
        ralph = await self._stack.ralph()
        repositories = [repository(self._folder / "projects" / f"p{number}") for number in range(self._tasks)]
        return [
            (await ralph.submit(f"task {number}", workspace=str(path), verify=["true"])).task_id
            for number, path in enumerate(repositories)
        ]

    async def _kill_and_wait(self, ids: Sequence[str], kills: int) -> Counter[str]:
        """Kill whenever so and so many iterations are committed, until all tasks have ended."""
        whole = self._tasks * self._iterations
        # The last ones come early enough for there to be something left to kill.
        due = sorted(self._chance.randrange(round(0.8 * whole)) for _ in range(kills))
        killed: Counter[str] = Counter()
        deadline = time.monotonic() + SECONDS_FOR_ALL
        said = 0
        while time.monotonic() < deadline:
            self._replace_workers()
            done, ended = await self._through_outages(lambda: self._progress(ids))
            if done >= said + whole // 10:
                said = done
                print(f"{done} of {whole} iterations, {sum(killed.values())} kills", file=sys.stderr, flush=True)
            if ended == len(ids):
                return killed
            if due and done >= due[0] and (kind := self._victims.kill_one()):
                killed[kind] += 1
                due.pop(0)
                continue
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        return killed

    def _replace_workers(self) -> None:
        """As a supervisor does. The one on demand is started again by whoever asks how a task stands."""
        self._further = [worker for worker in self._further if worker.poll() is None]
        while len(self._further) < self._workers - 1:
            with (self._folder / "workers.log").open("ab") as log:
                self._further.append(
                    subprocess.Popen(WORKER, env=self._environ, stdout=log, stderr=log, start_new_session=True)
                )

    async def _progress(self, ids: Sequence[str]) -> tuple[int, int]:
        """Committed iterations of all tasks, and how many tasks have ended."""
        ralph = await self._stack.ralph()
        stands = [await ralph.status(task_id) for task_id in ids]
        return sum(each.iteration for each in stands), sum(each.state in FINAL for each in stands)

    async def _through_outages(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        deadline = time.monotonic() + SECONDS_FOR_ALL
        while True:
            try:
                return await ask()
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def _faults(self, task_id: str) -> list[str]:
        """What is wrong with a task."""
        ralph = await self._stack.ralph()
        result = await ralph.result(task_id)
        faults = []
        if result.state != "completed":
            faults.append(f"{task_id} is not completed but {result.state}: {result.summary}")
        if result.iterations != self._iterations or len(result.commits) != self._iterations:
            faults.append(f"{task_id} has {result.iterations} iterations and {len(result.commits)} commits")
        where = Path(result.repository)
        if (on_branch := git(where, "rev-list", "--reverse", f"HEAD..{result.branch}").split()) != result.commits:
            faults.append(f"{task_id} has other commits on its branch: {on_branch}")
        # An agent that was killed counts as one that failed: what it had written by then is committed.
        killed = [n for n, code in enumerate(result.exit_codes, start=1) if code != "0"]
        half_done = {f"{part}_{n}.txt" for part in ("half", "done") for n in killed}
        whole = {f"done_{n}.txt" for n in range(1, self._iterations + 1)}
        files = set(git(where, "ls-tree", "-r", "--name-only", result.branch).split())
        if files - half_done != {"README"} | (whole - half_done):
            faults.append(f"{task_id} has the files {sorted(files)} after {result.exit_codes}")
        return faults

    def _starts(self) -> int:
        """How often an iteration began, which tells how much work the kills cost."""
        events = self._folder / "data" / "telemetry" / "ralph-events.jsonl"
        return events.read_text(encoding="utf-8").count('"event_type":"iteration_started"')

    async def _worktrees_left(self) -> int:
        folders = [self._folder / "data" / "ralph-wiggum" / name for name in ("worktrees", "git")]
        deadline = time.monotonic() + SECONDS_TO_END
        while True:
            left = sum(len(list(folder.iterdir())) for folder in folders if folder.is_dir())
            if not left or time.monotonic() > deadline:
                return left
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def _processes_left(self) -> list[str]:
        deadline = time.monotonic() + SECONDS_TO_END
        while True:
            found = [*self._victims.workers(), *self._victims.agents(), *self._victims.postgres()]
            if not found or time.monotonic() > deadline:
                return [" ".join(process.cmdline())[:200] for process in found if process.is_running()]
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
