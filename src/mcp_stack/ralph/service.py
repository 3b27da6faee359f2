"""What Ralph does for its callers: take tasks, and say how they stand."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ..errors import UnavailableError, UsageError
from ..ports.agent import Agent
from ..ports.events import Events
from ..ports.jobs import WorkerLauncher
from ..ports.runs import NewRun, Run, Runs
from ..settings.tree import Ralph as RalphSettings
from ..validation import checked_number, checked_text
from .loop import exit_code_text
from .models import SubmittedTask, TaskResult, TaskStatus
from .states import FINAL
from .verify import checked_commands
from .workspace import Workspaces, branch_of

MAX_TASK_CHARACTERS = 20_000
MAX_WORKSPACE_CHARACTERS = 4096
MAX_PROMISE_CHARACTERS = 200
MAX_ID_CHARACTERS = 100
# Clients give up on a call after 60 s.
MAX_WAIT_SECONDS = 50.0
SECONDS_BETWEEN_LOOKS = 0.2


class Ralph:
    """Takes tasks and says how they stand; the work is done by workers.

    Args:
        runs: Where runs are kept.
        jobs: Makes sure that there is a worker.
        workspaces: Checks what callers name as workspace.
        agents: By backend name.
        events: Telemetry.
        settings: The section `ralph`.
        queue: Of this machine's worker.
        clock: The time, with its zone.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        jobs: WorkerLauncher,
        workspaces: Workspaces,
        agents: Mapping[str, Agent],
        events: Events,
        settings: RalphSettings,
        queue: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._jobs = jobs
        self._workspaces = workspaces
        self._agents = agents
        self._events = events
        self._settings = settings
        self._queue = queue
        self._clock = clock

    async def submit(
        self,
        task: str,
        *,
        workspace: str = "",
        backend: str = "",
        max_iterations: int = 0,
        require_approval: bool = False,
        verify: Sequence[str] = (),
        completion_promise: str = "",
        require_changes: bool = True,
        max_cost_usd: float = 0.0,
        max_minutes: float = 0.0,
    ) -> SubmittedTask:
        """Take a task; a worker begins with it at once.

        Args:
            task: What to do, in words; at most 20,000 characters.
            workspace: Path of a git repository in an allowed root, a git URL, or empty for a new repository.
            backend: The agent; empty for the configured one.
            max_iterations: 0 for the configured limit, which by default is none.
            require_approval: Ask a person first.
            verify: Commands that must exit 0; without any they are detected.
            completion_promise: The agent's last line must be exactly this; empty for none.
            require_changes: The task is not complete without a diff.
            max_cost_usd: 0 for no limit; counts what the agent reports.
            max_minutes: 0 for no limit.

        Raises:
            UsageError: An argument is wrong, the backend is unknown or the workspace is no git repository.
            NotFoundError: There is no such workspace.
            DeniedError: The workspace is outside the allowed roots.
            UnavailableError: The backend, the database, the disk or the worker is not available: nothing was taken.
        """
        task = checked_text("task", task, MAX_TASK_CHARACTERS)
        workspace = checked_text("workspace", workspace, MAX_WORKSPACE_CHARACTERS, required=False)
        promise = checked_text("completion_promise", completion_promise, MAX_PROMISE_CHARACTERS, required=False)
        if len(promise.splitlines()) > 1:
            raise UsageError("completion_promise has several lines", "give one line")
        checked_number("max_iterations", max_iterations, 0, 1_000_000)
        checked_number("max_cost_usd", max_cost_usd, 0, 1e9)
        checked_number("max_minutes", max_minutes, 0, 1e6)
        commands = checked_commands(verify)
        if require_approval or self._settings.approval.require_approval:
            raise UnavailableError(
                "this version cannot ask a person for approval, and does not start a task without it",
                "submit it with require_approval=false where ralph.approval.require_approval allows that",
            )
        name = self._checked_backend(backend)
        path, base_commit = await self._workspaces.resolve(workspace)
        run = NewRun(
            id=str(uuid.uuid4()),
            task=task,
            workspace=path,
            base_commit=base_commit,
            backend=name,
            queue=self._queue,
            max_iterations=max_iterations or self._settings.loop.max_iterations,
            verify=commands,
            completion_promise=promise,
            require_changes=require_changes,
            max_cost_usd=max_cost_usd,
            max_minutes=max_minutes,
        )
        await self._jobs.ensure_worker()
        await self._runs.submit(run)
        self._events.record(
            "task_submitted",
            task_id=run.id,
            task=task,
            workspace=path,
            backend=name,
            max_iterations=run.max_iterations,
            verify=list(commands),
        )
        return SubmittedTask(task_id=run.id, state="queued")

    async def status(self, task_id: str, wait_seconds: float = 0.0) -> TaskStatus:
        """How a task stands.

        Args:
            task_id: From `submit`.
            wait_seconds: Wait up to so long, 50 at most, for its state or iteration to change.

        Raises:
            NotFoundError: There is no such task.
            UsageError: `wait_seconds` is out of bounds.
            UnavailableError: The database is down.
        """
        checked_number("wait_seconds", wait_seconds, 0, MAX_WAIT_SECONDS)
        run = first = await self._runs.get(checked_text("task_id", task_id, MAX_ID_CHARACTERS))
        if run.state not in FINAL and run.asked.queue == self._queue:
            # Unfinished work whose worker went away, with a reboot say, goes on as soon as somebody asks for it.
            await self._jobs.ensure_worker()
        deadline = time.monotonic() + wait_seconds
        while run.state not in FINAL and (run.state, run.iteration) == (first.state, first.iteration):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(SECONDS_BETWEEN_LOOKS, left))
            run = await self._runs.get(first.asked.id)
        return TaskStatus(
            task_id=run.asked.id,
            state=run.state,
            iteration=run.iteration,
            last_exit_code=run.last_exit_code,
            last_error=run.last_error,
            backend=run.asked.backend,
            started_at=run.started_at.isoformat() if run.started_at else "",
            cost=run.cost_usd,
            tokens=run.tokens,
            diff_stat=run.diff.stat,
            waiting_for=_WAITING_FOR.get(run.state, ""),
        )

    async def result(self, task_id: str) -> TaskResult:
        """What came of a task, or what there is so far.

        Args:
            task_id: From `submit`.

        Raises:
            NotFoundError: There is no such task.
            UnavailableError: The database is down.
        """
        task_id = checked_text("task_id", task_id, MAX_ID_CHARACTERS)
        run = await self._runs.get(task_id)
        iterations = [iteration for iteration in await self._runs.iterations(task_id) if iteration.n <= run.iteration]
        ended = run.finished_at or self._clock()
        return TaskResult(
            task_id=run.asked.id,
            state=run.state,
            iterations=run.iteration,
            files_modified=run.diff.files,
            lines_changed=run.diff.lines,
            exit_codes=[exit_code_text(iteration) for iteration in iterations],
            duration_seconds=round((ended - run.started_at).total_seconds(), 3) if run.started_at else 0.0,
            repository=str(self._workspaces.repository(run.asked)),
            branch=branch_of(run.asked.id),
            commits=[iteration.commit for iteration in iterations],
            summary=_summary(run),
        )

    def _checked_backend(self, backend: str) -> str:
        name = backend or self._settings.backends.default
        agent = self._agents.get(name)
        if agent is None:
            raise UsageError(
                f"there is no backend {name[:80]!r}",
                f"use one of {', '.join(sorted(self._agents))}, or set ralph.backends.default to it",
            )
        agent.check()
        return name


_WITHOUT_COMMANDS = "without verify commands it rests on the detected tests, or else on the agent's exit code"
_WAITING_FOR = {"queued": "a free worker", "retrying": "a pause after a failure", "awaiting_approval": "approval"}


def _summary(run: Run) -> str:
    count = f"{run.iteration} iteration{'' if run.iteration == 1 else 's'}"
    work = f"{run.diff.stat or 'No changes'}, on branch {branch_of(run.asked.id)}."
    if run.state == "completed":
        basis = "everything was verified" if run.asked.verify else _WITHOUT_COMMANDS
        return f"Task completed in {count}; {basis}. {work} {run.feedback}".rstrip()
    if run.state in FINAL:
        return f"Task ended as {run.state} after {count}: {run.last_error or 'no reason was given'}. {work}"
    return f"Task is {run.state}, {count} done so far. {work}"
