"""What others are told of a run: events, and the files about this machine's tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from ..ports.events import Events
from ..ports.run_control import Actor
from ..ports.runs import ANYWHERE, Ending, Iteration, Run, Runs
from .checkpoints import Checkpoints
from .states import FINAL

logger = logging.getLogger(__name__)

MAX_INDEXED_RUNS = 200


class Telling:
    """Records events, and keeps the index of tasks up to date.

    Args:
        runs: Where runs are kept.
        checkpoints: Writes the index.
        events: Telemetry.
        queue: Of this machine's worker.
        clock: The time, with its zone.
    """

    def __init__(
        self, runs: Runs, checkpoints: Checkpoints, events: Events, queue: str, clock: Callable[[], datetime]
    ) -> None:
        self._runs = runs
        self._queues = (queue, ANYWHERE)
        self._checkpoints = checkpoints
        self._events = events
        self._clock = clock

    def submitted(self, run: Run) -> None:
        """A task was taken."""
        self._events.record(
            "task_submitted",
            task_id=run.asked.id,
            task=run.asked.task,
            workspace=run.asked.workspace,
            backend=run.asked.backend,
            max_iterations=run.asked.max_iterations,
            verify=list(run.asked.verify),
            require_approval=run.asked.require_approval,
        )
        self.asked(run)

    def asked(self, run: Run) -> None:
        """A person is asked, if a question is open."""
        if run.approval is not None:
            self._events.record(
                "approval_requested",
                task_id=run.asked.id,
                iteration=run.head,
                approval=run.approval.number,
                reason=run.approval.reason,
                deadline=run.approval.deadline.isoformat(),
            )

    def started(self, run_id: str, n: int, backend: str) -> None:
        """An iteration begins."""
        self._events.record("iteration_started", task_id=run_id, iteration=n, backend=backend)

    async def finished(self, run_id: str, iteration: Iteration, ending: Ending) -> None:
        """An iteration was committed."""
        self._events.record(
            "iteration_finished",
            task_id=run_id,
            iteration=iteration.n,
            backend=iteration.backend,
            sandbox=iteration.sandbox,
            exit_code=iteration.exit_code,
            verified=iteration.verified,
            changed=iteration.changed,
            files_modified=iteration.step.files,
            lines_changed=iteration.step.lines,
            duration_seconds=round((iteration.finished_at - iteration.started_at).total_seconds(), 3),
            cost=iteration.cost_usd,
            tokens=iteration.tokens,
            risk=iteration.risk,
            touched_tests=list(iteration.touched_tests),
            measure=iteration.measure,
            state=ending.state,
        )
        if iteration.blocked:
            self._events.record("exit_blocked", task_id=run_id, iteration=iteration.n, exit_code=iteration.exit_code)
        self._events.record("checkpoint_saved", task_id=run_id, iteration=iteration.n, commit=iteration.commit)
        run = await self._runs.get(run_id)
        self.asked(run)
        if ending.state == "stalled":
            self._events.record("stalled", task_id=run_id, iteration=iteration.n, report=iteration.reason)
        if ending.state in FINAL:
            await self.ended(run)
        else:
            await self.index()

    def decided(self, run: Run, *, approved: bool, actor: Actor, note: str) -> None:
        """A question was answered."""
        self._events.record(
            "approved" if approved else "rejected",
            task_id=run.asked.id,
            iteration=run.head,
            by=actor.name,
            via=actor.via,
            note=note,
        )

    def acted(self, event: str, run: Run, actor: Actor, note: str = "") -> None:
        """Somebody did something else with a task."""
        self._events.record(
            event, task_id=run.asked.id, iteration=run.head, by=actor.name, via=actor.via, note=note, state=run.state
        )

    async def ended(self, run: Run) -> None:
        """A run has ended, completed or not."""
        iterations = await self._runs.iterations(run.asked.id)
        began, ended = run.started_at or run.submitted_at, run.finished_at or self._clock()
        self._events.record(
            "task_completed",
            task_id=run.asked.id,
            state=run.state,
            backend=run.backend,
            iterations=run.iteration,
            exit_codes=[exit_code_text(iteration) for iteration in iterations],
            duration_seconds=round((ended - began).total_seconds(), 3),
            files_modified=run.diff.files,
            lines_changed=run.diff.lines,
            cost=run.cost_usd,
            tokens=run.tokens,
            error=run.last_error,
        )
        await self.index()

    async def index(self) -> None:
        """Write the index of tasks; if that fails it is logged."""
        runs = await self._runs.latest(self._queues, MAX_INDEXED_RUNS)
        try:
            await asyncio.to_thread(self._checkpoints.save_index, runs)
        except OSError as error:
            logger.warning("the index of tasks was not written: %s", error)


def exit_code_text(iteration: Iteration) -> str:
    """An exit code for people: `0`, or `2 (blocked)`."""
    return f"{iteration.exit_code} (blocked)" if iteration.blocked else str(iteration.exit_code)
