"""Work that outlives the process that asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

Argument: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job that is done again and again.

    Attributes:
        job: Its name.
        cron: When, in the machine's time zone: minute, hour, day of month, month, day of week.
        every_machine: Each machine of a shared database does it; otherwise one does it for all.
    """

    job: str
    cron: str
    every_machine: bool = False


class WorkerLauncher(Protocol):
    """Sees to it that jobs are worked on."""

    async def ensure_worker(self) -> None:
        """Start this machine's detached worker unless one is running.

        Raises:
            UnavailableError: The worker could not be started.
        """
        ...


class Jobs(WorkerLauncher, Protocol):
    """The jobs of this machine."""

    async def defer(self, job: str, *, lock: str = "", **arguments: Argument) -> None:
        """Have a job done by this machine's worker, which is started if there is none.

        A job whose worker dies is done again, so it must bear being done twice.

        Args:
            job: Its name.
            lock: Jobs of the same lock are done one after the other; empty for none.
            arguments: What its handler is called with.

        Raises:
            UnavailableError: The database is down or full, or the worker could not be started.
        """
        ...
