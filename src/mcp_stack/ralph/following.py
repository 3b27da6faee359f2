"""Saying how tasks stand and what came of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Literal, get_args

from ..errors import NotFoundError
from ..ports.agent import AgentInfo
from ..ports.run_control import Action
from ..ports.runs import ANYWHERE, Iteration, Run, State
from ..validation import checked_choice, checked_number
from .models import (
    Backend,
    BackendList,
    ListedTask,
    LoggedAction,
    LoggedIteration,
    TaskList,
    TaskLog,
    TaskResult,
    TaskStatus,
)
from .parts import Parts
from .states import FINAL
from .telling import exit_code_text
from .workspace import branch_of

# Clients give up on a call after 60 s.
MAX_WAIT_SECONDS = 50.0
SECONDS_BETWEEN_LOOKS = 0.2
MOST_LISTED = 50
TASK_CHARACTERS = 200
ERROR_CHARACTERS = 300
DIFF_CHARACTERS = 20_000

_WITHOUT_COMMANDS = "without verify commands it rests on the detected tests, or else on the agent's exit code"


class Following(Parts):
    """Says how tasks stand."""

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
        run = first = await self._run(task_id)
        if run.state not in FINAL and run.approval is None and run.asked.queue in (self._queue, ANYWHERE):
            # Unfinished work whose worker went away, with a reboot say, goes on as soon as somebody asks for it.
            await self._jobs.ensure_worker()
        deadline = time.monotonic() + wait_seconds
        while run.state not in FINAL and (run.state, run.iteration) == (first.state, first.iteration):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(SECONDS_BETWEEN_LOOKS, left))
            run = await self._run(task_id)
        return TaskStatus(
            task_id=run.asked.id,
            state=run.state,
            iteration=run.iteration,
            last_exit_code=run.last_exit_code,
            last_error=run.last_error,
            backend=run.backend,
            started_at=run.started_at.isoformat() if run.started_at else "",
            cost=run.cost_usd,
            tokens=run.tokens,
            diff_stat=run.diff.stat,
            edited_tests=list(await self._runs.touched_tests(run.asked.id)) if run.iteration else [],
            waiting_for=_waiting_for(run),
        )

    async def result(self, task_id: str) -> TaskResult:
        """What came of a task, or what there is so far.

        Args:
            task_id: From `submit`.

        Raises:
            NotFoundError: There is no such task.
            UnavailableError: The database is down.
        """
        run = await self._run(task_id)
        iterations = [each for each in await self._runs.iterations(run.asked.id) if each.n <= run.iteration]
        edited = list(await self._runs.touched_tests(run.asked.id))
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
            commits=[iteration.commit for iteration in iterations if not iteration.undone],
            edited_tests=edited,
            summary=_summary(run, edited),
        )

    async def tasks(self, state: State | Literal[""] = "") -> TaskList:
        """The newest tasks.

        Args:
            state: Only those in this state; empty for all.

        Raises:
            UsageError: There is no such state.
            UnavailableError: The database is down.
        """
        checked_choice("state", state, ("", *get_args(State)))
        runs, total = await self._runs.in_state(state, MOST_LISTED)
        return TaskList(
            tasks=[
                ListedTask(
                    task_id=run.asked.id,
                    task=run.asked.task[:TASK_CHARACTERS],
                    state=run.state,
                    iteration=run.iteration,
                    backend=run.backend,
                    workspace=run.asked.workspace,
                    submitted_at=run.submitted_at.isoformat(),
                    last_error=run.last_error[:ERROR_CHARACTERS],
                )
                for run in runs
            ],
            total=total,
        )

    async def log(self, task_id: str, iteration: int = 0) -> TaskLog:
        """What happened to a task.

        Args:
            task_id: From `submit`.
            iteration: With all there is to say about this one; 0 for all in short.

        Raises:
            UsageError: The number is negative.
            NotFoundError: There is no such task or iteration.
            UnavailableError: The database is down.
        """
        checked_number("iteration", iteration, 0, 1_000_000_000)
        run = await self._run(task_id)
        iterations = await self._runs.iterations(run.asked.id)
        chosen = [each for each in iterations if iteration in (0, each.n)][-MOST_LISTED:]
        diff = output = ""
        if iteration:
            if not chosen:
                raise NotFoundError(
                    f"the task has no iteration {iteration}", f"it has {len(iterations)} so far; 0 lists them"
                )
            commits = {each.n: each.commit for each in iterations}
            diff, _ = await self._history.patch(
                run, commits.get(chosen[0].parent, ""), chosen[0].commit, DIFF_CHARACTERS
            )
            output = str(self._logs / run.asked.id / f"agent_{iteration}.log")
        actions = [each for each in await self._control.actions(run.asked.id) if iteration in (0, each.iteration)]
        return TaskLog(
            task_id=run.asked.id,
            state=run.state,
            iterations=[_logged(each, in_full=bool(iteration)) for each in chosen],
            actions=[_acted(each) for each in actions[-MOST_LISTED:]],
            diff=diff,
            output_file=output,
        )

    async def backends(self) -> BackendList:
        """The coding agents: which are installed, and how to get the others."""
        names = sorted(self._agents)
        found: list[AgentInfo] = await asyncio.gather(*(self._agents[name].info() for name in names))
        chosen = self._settings.backends
        return BackendList(
            backends=[
                Backend(
                    name=name,
                    installed=info.installed,
                    version=info.version,
                    how_to_install=info.how_to_install,
                    is_default=name == chosen.default,
                    is_fallback=name == chosen.fallback,
                )
                for name, info in zip(names, found, strict=True)
            ]
        )


def _waiting_for(run: Run) -> str:
    if run.approval is not None:
        return (
            f"approval until {run.approval.deadline.isoformat(timespec='seconds')}: {run.approval.reason}; a person "
            f"approves with `mcp-stack tasks approve {run.asked.id}`"
        )
    return {"queued": "a free worker", "retrying": "a pause after a failure"}.get(run.state, "")


def _summary(run: Run, edited: Sequence[str]) -> str:
    count = f"{run.iteration} iteration{'' if run.iteration == 1 else 's'}"
    work = f"{run.diff.stat or 'No changes'}, on branch {branch_of(run.asked.id)}."
    if edited:
        work += f" Look at the tests that it edited: {', '.join(edited[:5])}."
    if run.state == "completed":
        basis = "everything was verified" if run.asked.verify else _WITHOUT_COMMANDS
        return f"Task completed in {count}; {basis}. {work} {run.feedback}".rstrip()
    if run.state in FINAL:
        return f"Task ended as {run.state} after {count}: {run.last_error or 'no reason was given'}. {work}"
    return f"Task is {run.state}, {count} done so far. {work}"


def _logged(iteration: Iteration, *, in_full: bool) -> LoggedIteration:
    return LoggedIteration(
        iteration=iteration.n,
        started_from=iteration.parent,
        undone=iteration.undone,
        backend=iteration.backend,
        sandbox=iteration.sandbox,
        exit_code=exit_code_text(iteration),
        verified=iteration.verified,
        reason=iteration.reason,
        measure=iteration.measure,
        risk=iteration.risk,
        risk_reasons=list(iteration.risk_reasons),
        edited_tests=list(iteration.touched_tests),
        files_modified=iteration.step.files,
        lines_changed=iteration.step.lines,
        diff_stat=iteration.step.stat,
        commit=iteration.commit,
        cost=iteration.cost_usd,
        tokens=iteration.tokens,
        started_at=iteration.started_at.isoformat(),
        duration_seconds=round((iteration.finished_at - iteration.started_at).total_seconds(), 3),
        detail=iteration.detail if in_full else iteration.detail[:ERROR_CHARACTERS],
    )


def _acted(action: Action) -> LoggedAction:
    return LoggedAction(
        at=action.at.isoformat(),
        action=action.action,
        iteration=action.iteration,
        by=action.actor.name,
        via=action.actor.via,
        note=action.note,
    )
