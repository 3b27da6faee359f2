"""Jobs of the queue: their names, and how they are added inside somebody else's transaction."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from procrastinate import App
    from psycopg import AsyncConnection

ITERATION = "ralph.iteration"


def machine_queue(data: Path) -> str:
    """The queue of a machine's worker.

    It is named after the host, and after the data folder too: two copies of mcp-stack on one host may share a
    database, but each has its own worktrees.

    Args:
        data: The data folder.
    """
    digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:8]
    return f"{socket.gethostname()[:100]}:{digest}"


class IterationJobs:
    """Adds the jobs of Ralph's iterations; needs no connection of its own."""

    def __init__(self) -> None:
        self._app: App | None = None

    async def defer(
        self, connection: AsyncConnection[Any], *, run_id: str, n: int, queue: str, delay_seconds: float
    ) -> None:
        """Add the job of one iteration; it exists from the commit of the caller's transaction on.

        The lock keeps two iterations of a run from being worked on at once.

        Args:
            connection: In a transaction.
            run_id: The run.
            n: Number of the iteration.
            queue: Whose worker may take it.
            delay_seconds: How long it waits before it may be taken.
        """
        if self._app is None:
            from procrastinate import App, PsycopgConnector  # noqa: PLC0415 - heavy: imported on first use

            self._app = App(connector=PsycopgConnector())
        job = self._app.configure_task(
            ITERATION,
            connection=connection,
            lock=f"run:{run_id}",
            queue=queue,
            schedule_in={"milliseconds": round(delay_seconds * 1000)} if delay_seconds > 0 else None,
        )
        await job.defer_async(run_id=run_id, n=n)
