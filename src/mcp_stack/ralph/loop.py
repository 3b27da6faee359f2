"""One iteration: the agent, a commit, the verification, and what follows from them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InternalError, StackError, UnavailableError
from ..ports.agent import Agent, Assignment
from ..ports.events import Events
from ..ports.runs import Ending, Iteration, Run, Runs
from ..settings.tree import Loop as LoopSettings
from .checkpoints import Checkpoints
from .git import no_space
from .prompt import feedback, prompt
from .states import FINAL, Facts, Limits, decide, is_usage_message, keeps_promise, move
from .verify import READ_FILES, Verifier, detect
from .workspace import Workspaces
from .worktree import Worktree

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

MAX_INDEXED_RUNS = 200
DETAIL_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class _Step:
    """What an iteration did, before it is committed to the database."""

    iteration: Iteration
    ending: Ending


class Loop:
    """Does iterations, as jobs of a worker. Doing one again, after a crash or twice at once, does no harm.

    Args:
        runs: Where runs are kept.
        workspaces: Where they are worked on.
        agents: By backend name.
        verifier: Runs the verify commands.
        checkpoints: Writes what happened to files.
        events: Telemetry.
        settings: `ralph.loop`.
        folder: Ralph's folder in the data folder.
        clock: The time, with its zone.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        workspaces: Workspaces,
        agents: Mapping[str, Agent],
        verifier: Verifier,
        checkpoints: Checkpoints,
        events: Events,
        settings: LoopSettings,
        folder: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._workspaces = workspaces
        self._agents = agents
        self._verifier = verifier
        self._checkpoints = checkpoints
        self._events = events
        self._settings = settings
        self._folder = folder
        self._clock = clock

    async def iterate(self, run_id: str, n: int) -> None:
        """Do iteration `n` of a run, unless it is done or the run has ended.

        Args:
            run_id: The run.
            n: From 1.

        Raises:
            UnavailableError: The database is down or the disk is full: nothing was committed, call it again later.
        """
        run = await self._runs.get(run_id)
        if run.iteration != n - 1 or run.state in FINAL:
            return
        agent = self._agents.get(run.asked.backend)
        try:
            if agent is None:
                raise UnavailableError(f"this machine's worker has no backend {run.asked.backend!r}", "install it")
            agent.check()
        except UnavailableError as error:
            await self._give_up(run, n, str(error))
            return
        worktree = await self._attempt(run, n, self._workspaces.prepare(run.asked, run.commit))
        if worktree is None or not await self._runs.begin(run_id, n, worktree.base_commit):
            return
        self._events.record("iteration_started", task_id=run_id, iteration=n, backend=run.asked.backend)
        run = replace(run, asked=replace(run.asked, base_commit=worktree.base_commit))
        history = await self._runs.iterations(run_id)
        step = await self._attempt(run, n, self._step(run, n, agent, worktree, history))
        if step is None or not await self._runs.finish(run_id, step.iteration, step.ending):
            return
        await self._tell(run_id, step)

    async def _attempt(self, run: Run, n: int, work: Coroutine[Any, Any, Result]) -> Result | None:
        """The result of work outside of the database; None if it failed in a way that trying again does not mend."""
        try:
            return await work
        except (UnavailableError, OSError) as error:
            if isinstance(error, OSError) and not no_space(error):
                await self._give_up(run, n, f"the worker could not do it ({error})")
                return None
            problem = error.problem if isinstance(error, UnavailableError) else f"the disk is full ({error})"
            await self._runs.set_aside(run.asked.id, n, "retrying", problem)
            raise UnavailableError(problem, "the task goes on by itself when that is mended") from error
        except StackError as error:
            await self._give_up(run, n, str(error))
        except Exception:
            incident = uuid.uuid4().hex[:12]
            logger.exception("iteration %s of %s failed, incident %s", n, run.asked.id, incident)
            await self._give_up(run, n, str(InternalError(incident)))
        return None

    async def _step(self, run: Run, n: int, agent: Agent, worktree: Worktree, history: Sequence[Iteration]) -> _Step:
        asked = run.asked
        started = self._clock()
        scratch = self._folder / "logs" / asked.id
        await asyncio.to_thread(scratch.mkdir, mode=0o700, parents=True, exist_ok=True)
        assignment = Assignment(
            task_id=asked.id,
            iteration=n,
            prompt=prompt(asked, n, run.feedback),
            worktree=worktree.path,
            scratch=scratch,
            timeout_seconds=self._seconds_left(run, started),
        )
        outcome = await agent.run(assignment)
        # Committed before it is verified: what the verification leaves behind is no part of the work.
        saved = await worktree.checkpoint(run.commit, _message(asked.task, n, outcome.exit_code))
        commit, notes = saved.commit, saved.notes
        step_diff = await worktree.diff(run.commit or worktree.base_commit, commit)
        diff = await worktree.diff(worktree.base_commit, commit)
        commands = asked.verify
        # Those of the base come first, for the agent can write the others; they are better than none all the same.
        if not commands and not (commands := await _detected(worktree, worktree.base_commit)):
            commands = await _detected(worktree, commit)
            if commands:
                notes += (f"the tests that were run (`{commands[0]}`) are the agent's own: there were none before",)
        report = await self._verifier.run(commands, worktree.path, scratch, scratch / f"verify_{n}.log")
        finished = self._clock()

        blocked = outcome.exit_code == self._settings.exit_code_block
        changed = step_diff.files > 0
        facts = Facts(
            n=n,
            exit_code=outcome.exit_code,
            blocked=blocked,
            verified=report.passed if commands else outcome.exit_code == 0,
            promised=keeps_promise(outcome.output_tail, asked.completion_promise),
            any_changes=diff.files > 0,
            fruitless=0 if changed else 1 + _fruitless(history),
            usage_error=blocked
            and not changed
            and is_usage_message(outcome.output_tail)
            and bool(history and history[-1].blocked and not history[-1].changed),
            minutes=(finished - (run.started_at or started)).total_seconds() / 60,
            cost_usd=run.cost_usd + outcome.cost_usd,
        )
        limits = Limits(asked.require_changes, asked.max_iterations, asked.max_minutes, asked.max_cost_usd)
        decision = decide(facts, limits)
        iteration = Iteration(
            n=n,
            exit_code=outcome.exit_code,
            blocked=blocked,
            changed=changed,
            verified=facts.verified,
            detail=(report.output or outcome.output_tail)[-DETAIL_CHARACTERS:],
            commit=commit,
            cost_usd=outcome.cost_usd,
            tokens=outcome.tokens,
            started_at=started,
            finished_at=finished,
        )
        if decision.state == "completed":
            said = " ".join(f"{note[:1].upper()}{note[1:]}." for note in notes)
        else:
            decision = replace(decision, reason="; ".join((decision.reason, *notes)))
            said = feedback(decision, outcome, report)
        ending = Ending(move("running", decision.state), decision.reason, said, diff, decision.pause_seconds)
        if decision.state in FINAL or n % self._settings.checkpoint_interval == 0:
            await asyncio.to_thread(self._checkpoints.save, asked, iteration, ending)
        return _Step(iteration, ending)

    def _seconds_left(self, run: Run, now: datetime) -> float:
        seconds = self._settings.iteration_timeout_seconds
        if run.asked.max_minutes > 0:
            used = (now - (run.started_at or now)).total_seconds()
            seconds = min(seconds, max(1.0, run.asked.max_minutes * 60 - used))
        return seconds

    async def _give_up(self, run: Run, n: int, error: str) -> None:
        if await self._runs.set_aside(run.asked.id, n, "failed", error):
            await self._tell_the_end(run.asked.id)

    async def _tell(self, run_id: str, step: _Step) -> None:
        iteration, ending = step.iteration, step.ending
        self._events.record(
            "iteration_finished",
            task_id=run_id,
            iteration=iteration.n,
            exit_code=iteration.exit_code,
            verified=iteration.verified,
            changed=iteration.changed,
            duration_seconds=round((iteration.finished_at - iteration.started_at).total_seconds(), 3),
            state=ending.state,
        )
        if iteration.blocked:
            self._events.record("exit_blocked", task_id=run_id, iteration=iteration.n, exit_code=iteration.exit_code)
        self._events.record("checkpoint_saved", task_id=run_id, iteration=iteration.n, commit=iteration.commit)
        if ending.state in FINAL:
            await self._tell_the_end(run_id)
        else:
            await self._index((await self._runs.get(run_id)).asked.queue)

    async def _tell_the_end(self, run_id: str) -> None:
        run = await self._runs.get(run_id)
        iterations = await self._runs.iterations(run_id)
        began, ended = run.started_at or run.submitted_at, run.finished_at or self._clock()
        self._events.record(
            "task_completed",
            task_id=run_id,
            state=run.state,
            backend=run.asked.backend,
            iterations=run.iteration,
            exit_codes=[exit_code_text(iteration) for iteration in iterations],
            duration_seconds=round((ended - began).total_seconds(), 3),
            files_modified=run.diff.files,
            lines_changed=run.diff.lines,
            error=run.last_error,
        )
        await self._index(run.asked.queue)

    async def _index(self, queue: str) -> None:
        runs = await self._runs.latest(queue, MAX_INDEXED_RUNS)
        try:
            await asyncio.to_thread(self._checkpoints.save_index, runs)
        except OSError as error:
            logger.warning("the index of tasks was not written: %s", error)


def exit_code_text(iteration: Iteration) -> str:
    """An exit code for people: `0`, or `2 (blocked)`."""
    return f"{iteration.exit_code} (blocked)" if iteration.blocked else str(iteration.exit_code)


def _fruitless(history: Sequence[Iteration]) -> int:
    """How many of the last iterations in a row changed nothing."""
    return sum(1 for _ in takewhile(lambda iteration: not iteration.changed, reversed(history)))


async def _detected(worktree: Worktree, commit: str) -> tuple[str, ...]:
    """The verify command that the files of a commit call for."""
    files = await worktree.files(commit)
    texts = {file: await worktree.text(commit, file) for file in files & READ_FILES}
    return detect(files, texts.__getitem__)


def _message(task: str, n: int, exit_code: int) -> str:
    subject = " ".join(task.split())[:60]
    return f"ralph: iteration {n}: {subject}\n\nExit code of the agent: {exit_code}\n"
