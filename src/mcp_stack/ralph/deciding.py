"""Asking a person about a task, and what the person answers."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConflictError, DeniedError
from ..ports.run_control import Actor
from ..ports.runs import Run
from ..validation import checked_text
from .models import TaskState
from .parts import Parts

MAX_NOTE_CHARACTERS = 2000
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


class Deciding(Parts):
    """Lets people approve and reject tasks."""

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
        return Waiting(
            number=run.approval.number,
            task_id=run.asked.id,
            task=run.asked.task,
            workspace=run.asked.workspace or "a new repository",
            backend=run.backend,
            verify=run.asked.verify,
            guidance=await self._unused_guidance(run.asked.id),
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
        if await self._unused_guidance(waiting.task_id) != waiting.guidance:
            raise ConflictError("guidance was given since the question was shown", "look at the task again")
        run = await self._control.approve(waiting.task_id, waiting.number, actor, note)
        if run is None:
            raise _not_waiting(await self._run(waiting.task_id))
        self._telling.decided(run, approved=True, actor=actor, note=note)
        if run.state == "completed":
            await self._telling.ended(run)
            return after(run, "it was complete, and is approved")
        await self._start_worker(run)
        return after(run, "it goes on")

    async def _unused_guidance(self, task_id: str) -> tuple[str, ...]:
        """What was said that no iteration has used yet."""
        actions = await self._control.actions(task_id)
        return tuple(each.note for each in actions if each.action == "steered" and not each.used_in)

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
        return after(run, "its commits are still there; resume_task asks again")


def checked_note(note: str) -> str:
    """A note as it is kept; UsageError if it is too long or has control characters."""
    return checked_text("note", note, MAX_NOTE_CHARACTERS, required=False)


def how_to_approve(task_id: str) -> str:
    """What a person has to do."""
    return f"a person approves it with `mcp-stack tasks approve {task_id}`"


def after(run: Run, note: str) -> TaskState:
    """What a caller is told once something was done.

    Args:
        run: As it stands.
        note: What happens next, or how to go on.
    """
    return TaskState(task_id=run.asked.id, state=run.state, note=note)


def _limits(run: Run) -> str:
    asked = run.asked
    limits = [
        f"{asked.max_iterations} iterations" if asked.max_iterations else "",
        f"{asked.max_minutes:g} minutes" if asked.max_minutes else "",
        f"${asked.max_cost_usd:g}" if asked.max_cost_usd else "",
    ]
    return ", ".join(filter(None, limits)) or "none"


def _not_waiting(run: Run) -> ConflictError:
    if run.approval is not None:
        return ConflictError("the task awaits another approval by now", "look at it again")
    return ConflictError(f"the task awaits no approval, it is {run.state}", "see it with task_status")
