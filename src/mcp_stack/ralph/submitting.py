"""Taking tasks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from ..errors import UnavailableError, UsageError
from ..ports.runs import ANYWHERE, NewRun
from ..validation import checked_number, checked_text
from .approvals import about_start
from .models import SubmittedTask
from .parts import Parts
from .verify import checked_commands
from .workspace import travels

MAX_TASK_CHARACTERS = 20_000
MAX_WORKSPACE_CHARACTERS = 4096
MAX_PROMISE_CHARACTERS = 200


class Submitting(Parts):
    """Takes tasks; the work is done by workers."""

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
        """Take a task; a worker begins with it at once, or when a person has approved it.

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
        name = self._checked_backend(backend)
        path, base_commit = await self._workspaces.resolve(workspace)
        run = NewRun(
            id=str(uuid.uuid4()),
            task=task,
            workspace=path,
            base_commit=base_commit,
            backend=name,
            queue=ANYWHERE if travels(path) else self._queue,
            max_iterations=max_iterations or self._settings.loop.max_iterations,
            verify=commands,
            completion_promise=promise,
            require_changes=require_changes,
            max_cost_usd=max_cost_usd,
            max_minutes=max_minutes,
            # The stricter of the two wins.
            require_approval=require_approval or self._settings.approval.require_approval,
        )
        if run.require_approval:
            await self._runs.submit(run, about_start(self._settings.approval.timeout_minutes * 60))
        else:
            await self._jobs.ensure_worker()
            await self._runs.submit(run)
        taken = await self._runs.get(run.id)
        self._telling.submitted(taken)
        return SubmittedTask(task_id=run.id, state=taken.state)

    def _checked_backend(self, backend: str) -> str:
        """The backend asked for, if it or its fallback can be used here."""
        name = backend or self._settings.backends.default
        agent = self._agents.get(name)
        if agent is None:
            raise UsageError(
                f"there is no backend {name[:80]!r}",
                f"use one of {', '.join(sorted(self._agents))}, or set ralph.backends.default to it",
            )
        try:
            agent.check()
        except UnavailableError:
            if not self._has_fallback(name):
                raise
        return name

    def _has_fallback(self, backend: str) -> bool:
        """Whether another backend can go on with the task; the loop goes over to it and says so."""
        name = self._settings.backends.fallback
        fallback = self._agents.get(name)
        if fallback is None or name == backend:
            return False
        try:
            fallback.check()
        except UnavailableError:
            return False
        return True
