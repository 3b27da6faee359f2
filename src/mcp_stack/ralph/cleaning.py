"""Removing what tasks leave on a machine some days after they have ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ..errors import NotFoundError
from ..ports.runs import Run, Runs
from .history import History
from .holding import Holding
from .mending import remove
from .states import FINAL

logger = logging.getLogger(__name__)

# In Ralph's folder, each with a folder for each task. What a task achieved is in none of them: its branch is in its
# repository, and what happened is in the database.
PASSING = ("worktrees", "git", "checkpoints", "logs")


class Cleaning:
    """Removes worktrees, checkpoints and logs of tasks that ended long ago. A task may be resumed all the same.

    Args:
        runs: Say which have ended, and when.
        history: Knows of the commits that a rollback left behind.
        holding: Keeps workers from a task's files meanwhile.
        folder: Ralph's folder in the data folder.
        keep_days: After the end; 0 removes a task's files as soon as it has ended.
        clock: The time, with its zone.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        history: History,
        holding: Holding,
        folder: Path,
        keep_days: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._runs = runs
        self._history = history
        self._holding = holding
        self._folder = folder
        self._keep = timedelta(days=keep_days)
        self._clock = clock

    async def clean(self) -> int:
        """Look at all tasks of this machine.

        Returns:
            Of how many tasks something was removed.

        Raises:
            UnavailableError: The database is down.
        """
        removed = 0
        for task_id in await asyncio.to_thread(self._tasks):
            try:
                run = await self._runs.get(task_id)
            except NotFoundError:
                continue  # of another database that uses this folder
            removed += await self.clean_after(run)
        if removed:
            logger.info("the files of %s tasks that ended were removed", removed)
        return removed

    async def clean_after(self, run: Run) -> bool:
        """Remove a task's files, if it ended long enough ago.

        Returns:
            False if they are still wanted or somebody is at work on them.
        """
        if run.state not in FINAL or run.finished_at is None or self._clock() < run.finished_at + self._keep:
            return False
        async with self._holding.alone(run.asked.id, 0) as is_alone:
            if is_alone:
                await self._history.forget(run)
                await asyncio.to_thread(self._remove, run.asked.id)
        return is_alone

    def _tasks(self) -> list[str]:
        folders = [self._folder / name for name in PASSING]
        return sorted({path.name for folder in folders if folder.is_dir() for path in folder.iterdir()})

    def _remove(self, task_id: str) -> None:
        for name in PASSING:
            remove(self._folder / name / task_id)
