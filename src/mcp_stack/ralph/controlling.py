"""Steering, cancelling, resuming and rolling back tasks."""

from __future__ import annotations

from ..errors import ConflictError, NotFoundError, UnavailableError
from ..ports.run_control import Actor, NewLimits
from ..ports.runs import ANYWHERE, Run
from ..validation import checked_number, checked_text
from .approvals import still_open
from .deciding import after, how_to_approve
from .models import TaskState
from .parts import Parts
from .states import AT_REST, CANCELLABLE, RESUMABLE, STEERABLE

MAX_GUIDANCE_CHARACTERS = 10_000
# The agent and all its children are gone within two.
SECONDS_TO_LET_GO = 5.0


class Controlling(Parts):
    """Lets people and clients direct tasks; all of it is in the audit log."""

    async def steer(self, task_id: str, guidance: str, actor: Actor) -> TaskState:
        """Add guidance to the next iteration's prompt.

        Args:
            task_id: From `submit`.
            guidance: What the agent shall heed.
            actor: Who says so.

        Raises:
            NotFoundError: There is no such task.
            ConflictError: It is completed.
            UnavailableError: The database is down.
        """
        guidance = checked_text("guidance", guidance, MAX_GUIDANCE_CHARACTERS)
        before = await self._run(task_id)
        run = await self._control.steer(before.asked.id, guidance, actor) if before.state in STEERABLE else None
        if run is None:
            raise ConflictError("the task is completed", "roll it back first, or submit another one")
        self._telling.acted("task_steered", run, actor, guidance)
        at_work = run.state == "running"
        return after(run, "the iteration after the one at work heeds it" if at_work else "the next iteration heeds it")

    async def cancel(self, task_id: str, actor: Actor) -> TaskState:
        """End a task; its agent is gone when this returns, if it works on this machine.

        Args:
            task_id: From `submit`.
            actor: Who says so.

        Raises:
            NotFoundError: There is no such task.
            ConflictError: It has ended otherwise.
            UnavailableError: The database is down.
        """
        before = await self._run(task_id)
        if before.state == "cancelled":
            return after(before, "it was cancelled before")
        run = await self._control.cancel(before.asked.id, actor) if before.state in CANCELLABLE else None
        if run is None:
            raise ConflictError(f"the task is {before.state}", "only a task that goes on can be cancelled")
        async with self._holding.alone(run.asked.id, SECONDS_TO_LET_GO) as is_gone:
            pass
        self._telling.acted("task_cancelled", run, actor)
        await self._telling.ended(run)
        return after(run, "its commits are still there; resume_task goes on" if is_gone else "its agent is being ended")

    async def resume(self, task_id: str, actor: Actor, limits: NewLimits | None = None) -> TaskState:
        """Let a task go on that was cancelled, failed, stalled, or reached a limit; its limits count from now.

        Args:
            task_id: From `submit`.
            actor: Who says so.
            limits: What to change; None for nothing.

        Raises:
            NotFoundError: There is no such task.
            UsageError: A limit is out of bounds.
            ConflictError: It goes on already, or is completed.
            UnavailableError: The database is down, or there is no worker.
        """
        limits = limits or NewLimits()
        checked_number("max_iterations", limits.max_iterations or 0, 0, 1_000_000)
        checked_number("max_minutes", limits.max_minutes or 0, 0, 1e6)
        checked_number("max_cost_usd", limits.max_cost_usd or 0, 0, 1e9)
        before = await self._run(task_id)
        run = None
        if before.state in RESUMABLE:
            iterations = await self._runs.iterations(before.asked.id)
            actions = await self._control.actions(before.asked.id)
            approval = self._settings.approval
            question = still_open(
                require_approval=before.asked.require_approval,
                head=next((each for each in iterations if each.n == before.head), None),
                approved={each.iteration for each in actions if each.action == "approved"},
                threshold=approval.approval_threshold,
                timeout_seconds=approval.timeout_minutes * 60,
            )
            run = await self._control.resume(before.asked.id, limits, question, actor)
        if run is None:
            remedy = "roll it back first" if before.state == "completed" else "follow it with task_status"
            raise ConflictError(f"the task is {before.state}", remedy)
        self._telling.acted("task_resumed", run, actor)
        if run.approval is not None:
            self._telling.asked(run)
            return after(run, how_to_approve(run.asked.id))
        await self._start_worker(run)
        return after(run, "it goes on; its limits count from now")

    async def roll_back(self, task_id: str, iteration: int, actor: Actor) -> TaskState:
        """Bring a task's branch and worktree to where they were after an iteration.

        Later iterations stay in the history as undone, and the next one has the next number. The task is then
        cancelled until it is resumed.

        Args:
            task_id: From `submit`.
            iteration: 0 for the state before the first.
            actor: Who says so.

        Raises:
            UsageError: The number is negative.
            NotFoundError: There is no such task or iteration.
            ConflictError: It goes on: cancel it first. Or its repository is gone.
            UnavailableError: The database is down, or the agent does not end.
        """
        checked_number("iteration", iteration, 0, 1_000_000_000)
        before = await self._run(task_id)
        commits = {each.n: each.commit for each in await self._runs.iterations(before.asked.id)}
        if iteration and iteration not in commits:
            raise NotFoundError(
                f"the task has no iteration {iteration}", f"it has {len(commits)} so far; task_log lists them"
            )
        if before.state not in AT_REST:
            raise ConflictError(f"the task is {before.state}", "cancel it first")
        async with self._holding.alone(before.asked.id, SECONDS_TO_LET_GO) as is_alone:
            if not is_alone:
                raise UnavailableError("its agent is still being ended", "try again in a moment")
            await self._bring_back(before, commits.get(iteration, ""))
            # Should this fail, the next iteration begins with bringing the files back to what the database says.
            run = await self._control.roll_back(before.asked.id, iteration, actor)
            if run is None:
                raise ConflictError("the task goes on meanwhile", "cancel it first")
        self._telling.acted("task_rolled_back", run, actor, f"to iteration {iteration}")
        await self._telling.index()
        return after(run, f"it stands where it stood after iteration {iteration}; resume_task goes on from there")

    async def _bring_back(self, run: Run, commit: str) -> None:
        """Have branch and worktree stand at a commit; on another machine the next iteration does it."""
        if not run.asked.base_commit or run.asked.queue not in (self._queue, ANYWHERE):
            return
        is_here = await self._history.has(run, run.commit) and await self._history.has(run, commit)
        if is_here or run.asked.queue == self._queue:
            await self._history.keep(run)
            await self._workspaces.prepare(run.asked, commit)
