"""Work that outlives the process that asked for it."""

from __future__ import annotations

from typing import Protocol


class Jobs(Protocol):
    """Makes sure that deferred jobs are worked on."""

    async def ensure_worker(self) -> None:
        """Start this machine's detached worker unless one is running.

        Raises:
            UnavailableError: The worker could not be started.
        """
        ...
