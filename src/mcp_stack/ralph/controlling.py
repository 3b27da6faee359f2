"""Approving, rejecting, steering, cancelling, resuming and rolling back tasks."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConflictError, DeniedError, NotFoundError, UnavailableError
from ..ports.run_control import Actor, NewLimits
from ..ports.runs import ANYWHERE, Run
from ..validation import checked_number, checked_text
from .approvals import still_open
from .models import TaskState
from .parts import Parts
from .states import AT_REST, CANCELLABLE, RESUMABLE, STEERABLE

MAX_NOTE_CHARACTERS = 2000
MAX_GUIDANCE_CHARACTERS = 10_000
# The agent and all its children are gone within two.
SECONDS_TO_LET_GO = 5.0
# What may answer a question: none of them is the agent, or the model that submitted the task.
APPROVING = frozenset({"terminal", "elicitation", "token"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that awaits approval, as it is shown to a person.

    Attributes:
        number: Of the question; an answer is to this one.
        task_id: The task.
        task: What was asked for.
        workspace: Where.
        backend: Which agent does it.
        verify: What decides whether it is done.
        guidance: What was said that no iteration has used yet.
        reason: Why somebody is asked.
        stat: The run's changes so far in one line.
        diff: What the question is about; empty before the first iteration.
        is_cut: The diff is longer than that.
        limits: In words.
    """

    number: int
    task_id: str
    task: str
    workspace: str
    backend: str
    verify: tuple[str, ...]
    guidance: tuple[str, ...]
    reason: str
    stat: str
    diff: str
    is_cut: bool
    limits: str


class Controlling(Parts):
    """Lets people and clients decide about tasks; all of it is in the audit log."""

    async def waiting(self, task_id: str, max_characters: int = 100_000) -> Waiting:
        """What a person has to know before approving a task.

        Args:
            task_id: From `submit`.
            max_characters: Of the diff.

        Raises:
            NotFoundError: There is no such task.
            ConflictError: It awaits no approval.
            UnavailableError: The database is down.
        """
        run = await self._run(task_id)
        if run.approval is None:
            raise _not_waiting(run)
        commits = {each.n: each for each in await self._runs.iterations(run.asked.id)}
        head = commits.get(run.head)
        before = commits.get(head.parent) if head else None
        diff, is_cut = await self._history.patch(run, before.commit if before else "", run.commit, max_characters)
        actions = await self._control.actions(run.asked.id)
        return Waiting(
            number=run.approval.number,
            task_id=run.asked.id,
            task=run.asked.task,
            workspace=run.asked.workspace or "a new repository",
            backend=run.backend,
            verify=run.asked.verify,
            guidance=tuple(each.note for each in actions if each.action == "steered" and not each.used_in),
            reason=run.approval.reason,
            stat=run.diff.stat,
            diff=diff,
            is_cut=is_cut,
            limits=_limits(run),
        )

    async def approve(self, waiting: Waiting, actor: Actor, note: str = "") -> TaskState:
        """Let a task go on.

        Args:
            waiting: As the person saw it.
            actor: Who says so; never an agent or a model.
            note: Why.

        Raises:
            DeniedError: It is not for this one to say.
            ConflictError: The question is not open any more, or is another one now.
            UnavailableError: The database is down, or there is no worker.
        """
        if actor.via not in APPROVING:
            raise DeniedError("a model does not approve its own tasks", how_to_approve(waiting.task_id))
        note = checked_note(note)
        run = await self._control.approve(waiting.task_id, waiting.number, actor, note)
        if run is None:
            raise _not_waiting(await self._run(waiting.task_id))
        self._telling.decided(run, approved=True, actor=actor, note=note)
        if run.state == "completed":
            await self._telling.ended(run)
            return _state(run, "it was complete, and is approved")
        await self._start_worker(run)
        return _state(run, "it goes on")

    async def reject(self, task_id: str, actor: Actor, note: str = "") -> TaskState:
        """Cancel a task that awaits approval.

        Args:
            task_id: From `submit`.
            actor: Who says so.
            note: Why.

        Raises:
            NotFoundError: There is no such task.
            ConflictError: It awaits no approval.
            UnavailableError: The database is down.
        """
        note = checked_note(note)
        before = await self._run(task_id)
        if before.approval is None:
            raise _not_waiting(before)
        run = await self._control.reject(before.asked.id, before.approval.number, actor, note)
        if run is None:
            raise _not_waiting(await self._run(task_id))
        self._telling.decided(run, approved=False, actor=actor, note=note)
        await self._telling.ended(run)
        return _state(run, "its commits are still there; resume_task asks again")

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
        return _state(run, "the iteration after the one at work heeds it" if at_work else "the next iteration heeds it")

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
            return _state(before, "it was cancelled before")
        run = await self._control.cancel(before.asked.id, actor) if before.state in CANCELLABLE else None
        if run is None:
            raise ConflictError(f"the task is {before.state}", "only a task that goes on can be cancelled")
        async with self._holding.alone(run.asked.id, SECONDS_TO_LET_GO) as is_gone:
            pass
        self._telling.acted("task_cancelled", run, actor)
        await self._telling.ended(run)
        return _state(
            run, "its commits are still there; resume_task goes on" if is_gone else "its agent is being ended"
        )

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
            return _state(run, how_to_approve(run.asked.id))
        await self._start_worker(run)
        return _state(run, "it goes on; its limits count from now")

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
        return _state(run, f"it stands where it stood after iteration {iteration}; resume_task goes on from there")

    async def _bring_back(self, run: Run, commit: str) -> None:
        """Have branch and worktree stand at a commit; on another machine the next iteration does it."""
        if not run.asked.base_commit or run.asked.queue not in (self._queue, ANYWHERE):
            return
        is_here = await self._history.has(run, run.commit) and await self._history.has(run, commit)
        if is_here or run.asked.queue == self._queue:
            await self._history.keep(run)
            await self._workspaces.prepare(run.asked, commit)

    async def _start_worker(self, run: Run) -> None:
        if run.asked.queue in (self._queue, ANYWHERE):
            await self._jobs.ensure_worker()


def checked_note(note: str) -> str:
    """A note as it is kept; UsageError if it is too long or has control characters."""
    return checked_text("note", note, MAX_NOTE_CHARACTERS, required=False)


def how_to_approve(task_id: str) -> str:
    """What a person has to do."""
    return f"a person approves it with `mcp-stack tasks approve {task_id}`"


def _limits(run: Run) -> str:
    asked = run.asked
    limits = [
        f"{asked.max_iterations} iterations" if asked.max_iterations else "",
        f"{asked.max_minutes:g} minutes" if asked.max_minutes else "",
        f"${asked.max_cost_usd:g}" if asked.max_cost_usd else "",
    ]
    return ", ".join(filter(None, limits)) or "none"


def _state(run: Run, note: str) -> TaskState:
    return TaskState(task_id=run.asked.id, state=run.state, note=note)


def _not_waiting(run: Run) -> ConflictError:
    if run.approval is not None:
        return ConflictError("the task awaits another approval by now", "look at it again")
    return ConflictError(f"the task awaits no approval, it is {run.state}", "see it with task_status")
