"""Iterations as jobs: done once, given up when nothing mends them, and left at once when somebody cancels the task."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from ..errors import InternalError, NotFoundError, StackError, UnavailableError
from ..ports.run_control import Actor, RunControl
from ..ports.runs import Ending, Iteration, Run, Runs
from ..settings.tree import Loop as LoopSettings
from .bundles import Bundles
from .checkpoints import Checkpoints
from .cleaning import Cleaning
from .git import GitError, no_space
from .holding import Holding
from .iteration import Iterating
from .running import Work
from .states import AT_REST, FINAL
from .telling import Telling
from .workspace import Workspaces, travels
from .worktree import Worktree

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.4
NOBODY = Actor("nobody", "timeout")


class _WithdrawnError(Exception):
    """The run was taken out of the worker's hands."""


class Loop:
    """Does iterations, as jobs of a worker. Doing one again, after a crash or twice at once, does no harm.

    Args:
        runs: Where runs are kept.
        control: What people said and did.
        workspaces: Where they are worked on.
        bundles: Carries them from machine to machine.
        iterating: Does one.
        checkpoints: Writes what happened to files.
        telling: Says what happened.
        holding: Keeps others from the files meanwhile.
        cleaning: Removes the files of what has ended.
        settings: `ralph.loop`.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        control: RunControl,
        workspaces: Workspaces,
        bundles: Bundles,
        iterating: Iterating,
        checkpoints: Checkpoints,
        telling: Telling,
        holding: Holding,
        cleaning: Cleaning,
        settings: LoopSettings,
    ) -> None:
        self._runs = runs
        self._control = control
        self._workspaces = workspaces
        self._bundles = bundles
        self._iterating = iterating
        self._checkpoints = checkpoints
        self._telling = telling
        self._holding = holding
        self._cleaning = cleaning
        self._settings = settings

    async def iterate(self, run_id: str, n: int) -> None:
        """Do iteration `n` of a run, unless it is done or the run has ended.

        Args:
            run_id: The run.
            n: From 1.

        Raises:
            UnavailableError: The database is down or the disk is full: nothing was committed, call it again later.
        """
        async with self._holding.at_work(run_id):
            run = await self._runs.get(run_id)
            if run.iteration == n - 1 and run.state not in AT_REST:
                await self._iterate(run, n)
        if not self._settings.keep_days:
            await self._cleaning.clean_after(await self._runs.get(run_id))

    async def deny_unanswered(self, run_id: str, number: int) -> None:
        """Take silence for a no: cancel a run whose question nobody answered in time.

        Args:
            run_id: The run.
            number: Of the question; nothing happens if it was answered.

        Raises:
            UnavailableError: The database is down.
        """
        note = "nobody answered in time"
        try:
            run = await self._control.reject(run_id, number, NOBODY, note)
        except NotFoundError:
            return
        if run is not None:
            self._telling.decided(run, approved=False, actor=NOBODY, note=note)
            await self._telling.ended(run)

    async def _iterate(self, run: Run, n: int) -> None:
        run_id = run.asked.id
        worktree = await self._attempt(run, n, self._prepare(run))
        if worktree is None or not await self._runs.begin(run_id, n, worktree.base_commit, run.epoch):
            return
        self._telling.started(run_id, n, run.backend)
        run = await self._runs.get(run_id)
        history = await self._runs.iterations(run_id)
        guidance = [each for each in await self._control.actions(run_id) if 0 < each.used_in <= n]
        work = Work(run, n, worktree, history, guidance)
        done = await self._attempt(run, n, self._until_withdrawn(run, n, self._step(work)))
        if done is None:
            return
        iteration, ending, bundle = done
        # A bug here must not have the agent run again and again.
        if await self._attempt(run, n, self._runs.finish(run_id, iteration, ending, run.epoch, bundle)):
            await self._telling.finished(run_id, iteration, ending)

    async def _prepare(self, run: Run) -> Worktree:
        """The worktree at the run's commit, which another machine may have made."""
        try:
            if await self._bundles.lacks(run):
                await self._bundles.take_in(run, await self._runs.bundles(run.asked.id))
            return await self._workspaces.prepare(run.asked, run.commit)
        except GitError as error:
            if run.commit and travels(run.asked.workspace):
                # Another machine can do it, for it has: this one has no access, say, or the origin lost the base.
                raise UnavailableError(error.problem, error.remedy) from error
            raise

    async def _step(self, work: Work) -> tuple[Iteration, Ending, bytes]:
        """What was done, and the commit for other machines."""
        iteration, ending = await self._iterating.iterate(work)
        if ending.state == "stalled" and await self._was_steered(work.run.asked.id):
            ending = replace(ending, state="running")  # somebody knew better while the agent was at work
        if ending.state in FINAL or iteration.n % self._settings.checkpoint_interval == 0:
            await asyncio.to_thread(self._checkpoints.save, work.run.asked, iteration, ending)
        parent = work.run.commit or work.worktree.base_commit
        return iteration, ending, await self._bundles.made(work.run, parent)

    async def _was_steered(self, run_id: str) -> bool:
        return any(each.action == "steered" and not each.used_in for each in await self._control.actions(run_id))

    async def _until_withdrawn(self, run: Run, n: int, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of the work, which is ended with its agent as soon as somebody takes the run away."""
        working = asyncio.ensure_future(work)
        try:
            while True:
                done, _ = await asyncio.wait({working}, timeout=SECONDS_BETWEEN_LOOKS)
                if done:
                    return working.result()
                # A database that is down says nothing about the run.
                with suppress(UnavailableError):
                    if not await self._runs.is_wanted(run.asked.id, n, run.epoch):
                        raise _WithdrawnError
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _attempt(self, run: Run, n: int, work: Coroutine[Any, Any, Result]) -> Result | None:
        """The result of work outside of the database; None if it failed in a way that trying again does not mend."""
        try:
            return await work
        except _WithdrawnError:
            logger.info("iteration %s of %s was left: the task was taken away", n, run.asked.id)
        except (UnavailableError, OSError) as error:
            if isinstance(error, OSError) and not no_space(error):
                await self._give_up(run, n, f"the worker could not do it ({error})")
                return None
            problem = error.problem if isinstance(error, UnavailableError) else f"the disk is full ({error})"
            await self._runs.set_aside(run.asked.id, n, "retrying", problem, run.epoch)
            raise UnavailableError(problem, "the task goes on by itself when that is mended") from error
        except StackError as error:
            await self._give_up(run, n, str(error))
        except Exception:
            incident = uuid.uuid4().hex[:12]
            logger.exception("iteration %s of %s failed, incident %s", n, run.asked.id, incident)
            await self._give_up(run, n, str(InternalError(incident)))
        return None

    async def _give_up(self, run: Run, n: int, error: str) -> None:
        if await self._runs.set_aside(run.asked.id, n, "failed", error, run.epoch):
            await self._telling.ended(await self._runs.get(run.asked.id))
