"""Jobs of the queue: their names, and how they are added inside somebody else's transaction."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ports.jobs import Argument

if TYPE_CHECKING:
    from procrastinate import App
    from psycopg import AsyncConnection

ITERATION = "ralph.iteration"
APPROVAL_TIMEOUT = "ralph.approval_timeout"


def machine_queue(data: Path) -> str:
    """The queue of a machine's worker.

    It is named after the host, and after the data folder too: two copies of mcp-stack on one host may share a
    database, but each has its own worktrees.

    Args:
        data: The data folder.
    """
    digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:8]
    return f"{socket.gethostname()[:100]}:{digest}"


def chores_queue(queue: str) -> str:
    """The second queue of a machine: everything but iterations, which may take all their places for hours.

    Args:
        queue: From `machine_queue`.
    """
    return f"{queue}:chores"


class JobAdder:
    """Adds jobs; needs no connection of its own."""

    def __init__(self) -> None:
        self._app: App | None = None

    async def add(
        self,
        connection: AsyncConnection[Any],
        job: str,
        arguments: Mapping[str, Argument],
        *,
        queue: str,
        lock: str = "",
        delay_seconds: float = 0,
    ) -> None:
        """Add a job; it exists from the commit of the caller's transaction on.

        Args:
            connection: In a transaction.
            job: Its name.
            arguments: What its handler is called with.
            queue: Whose worker may take it.
            lock: Jobs of the same lock are done one after the other; empty for none.
            delay_seconds: How long it waits before it may be taken.
        """
        if self._app is None:
            from procrastinate import App, PsycopgConnector  # noqa: PLC0415 - heavy: imported on first use

            self._app = App(connector=PsycopgConnector())
        deferrer = self._app.configure_task(
            job,
            connection=connection,
            lock=lock or None,
            queue=queue,
            schedule_in={"milliseconds": round(delay_seconds * 1000)} if delay_seconds > 0 else None,
        )
        await deferrer.defer_async(**arguments)

    async def add_iteration(
        self, connection: AsyncConnection[Any], *, run_id: str, n: int, queue: str, delay_seconds: float
    ) -> None:
        """Add the job of one of Ralph's iterations; the lock keeps two of a run from being worked on at once.

        Args:
            connection: In a transaction.
            run_id: The run.
            n: Number of the iteration.
            queue: Whose worker may take it.
            delay_seconds: How long it waits before it may be taken.
        """
        arguments: dict[str, Argument] = {"run_id": run_id, "n": n}
        await self.add(connection, ITERATION, arguments, queue=queue, lock=f"run:{run_id}", delay_seconds=delay_seconds)

    async def add_approval_timeout(
        self, connection: AsyncConnection[Any], *, run_id: str, number: int, queue: str, delay_seconds: float
    ) -> None:
        """Add the job that ends an approval which nobody answered.

        Args:
            connection: In a transaction.
            run_id: The run.
            number: Of the question.
            queue: Whose worker may take it.
            delay_seconds: How long a person has.
        """
        arguments: dict[str, Argument] = {"run_id": run_id, "number": number}
        await self.add(connection, APPROVAL_TIMEOUT, arguments, queue=queue, delay_seconds=delay_seconds)
