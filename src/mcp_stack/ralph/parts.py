"""What the service of the tools is made of, and what all of its parts need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from ..ports.agent import Agent
from ..ports.jobs import WorkerLauncher
from ..ports.run_control import Actor, RunControl
from ..ports.runs import ANYWHERE, Run, Runs
from ..settings.tree import Ralph as RalphSettings
from ..validation import checked_text
from .history import History
from .holding import Holding
from .telling import Telling
from .workspace import Workspaces

MAX_ID_CHARACTERS = 100
NOBODY = Actor("nobody", "timeout")


class Parts:
    """The parts of the service.

    Args:
        runs: Where runs are kept.
        control: Where approvals, guidance and the like are kept.
        jobs: Makes sure that there is a worker.
        workspaces: Checks what callers name as workspace.
        history: Looks into a task's commits.
        holding: Says who is at work on a task's files.
        agents: By backend name.
        telling: Says what happened.
        settings: The section `ralph`.
        logs: Folder of the runs' private folders, where the agents' output is.
        queue: Of this machine's worker.
        clock: The time, with its zone.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        control: RunControl,
        jobs: WorkerLauncher,
        workspaces: Workspaces,
        history: History,
        holding: Holding,
        agents: Mapping[str, Agent],
        telling: Telling,
        settings: RalphSettings,
        logs: Path,
        queue: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._control = control
        self._jobs = jobs
        self._workspaces = workspaces
        self._history = history
        self._holding = holding
        self._agents = agents
        self._telling = telling
        self._settings = settings
        self._logs = logs
        self._queue = queue
        self._clock = clock

    async def _run(self, task_id: str) -> Run:
        """A run as it stands; a question whose time is over is a no, also before the worker gets to it.

        Raises:
            NotFoundError: There is no such task.
            UsageError: The id is empty or too long.
            UnavailableError: The database is down.
        """
        run = await self._runs.get(checked_text("task_id", task_id, MAX_ID_CHARACTERS))
        if run.approval is None or run.approval.deadline > self._clock():
            return run
        note = "nobody answered in time"
        denied = await self._control.reject(run.asked.id, run.approval.number, NOBODY, note)
        if denied is None:
            return await self._runs.get(run.asked.id)
        self._telling.decided(denied, approved=False, actor=NOBODY, note=note)
        await self._telling.ended(denied)
        return denied

    async def _start_worker(self, run: Run) -> None:
        if run.asked.queue in (self._queue, ANYWHERE):
            await self._jobs.ensure_worker()
