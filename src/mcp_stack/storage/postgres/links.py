"""How the PostgreSQL server is reached: the embedded one, or one that runs elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from pathlib import Path

    from .embedded import Attachment


class EmbeddedLink:
    """This process's share in the embedded server.

    Args:
        data_folder: Where its data is.
        start_timeout_seconds: How long a start may take.
    """

    kind = "embedded"

    def __init__(self, data_folder: Path, start_timeout_seconds: float) -> None:
        self._server = EmbeddedPostgres(data_folder, start_timeout_seconds=start_timeout_seconds)
        self._attachment: Attachment | None = None
        self._attaching = asyncio.Lock()

    async def conninfo(self) -> str:
        """Connection string of the running server, started first if it is not.

        Raises:
            UnavailableError: It does not start.
            DeniedError: The data folder belongs to another user.
        """
        async with self._attaching:
            if self._attachment is None:
                self._attachment = await asyncio.to_thread(self._server.attach)
                return self._attachment.conninfo
            return await asyncio.to_thread(self._server.ensure_running)

    def free_bytes(self) -> int:
        """Free bytes on the disk of its data."""
        return self._server.free_bytes()

    async def stop(self) -> None:
        """Stop the server, whoever uses it.

        Raises:
            UnavailableError: It does not stop in time.
        """
        await asyncio.to_thread(self._server.stop)

    async def close(self) -> None:
        """Give up the share; the last one out stops the server."""
        if self._attachment is not None:
            attachment, self._attachment = self._attachment, None
            await asyncio.to_thread(attachment.release)


class RemoteLink:
    """A server that others run.

    Args:
        url: `postgresql://` address or connection string.
    """

    kind = "configured"

    def __init__(self, url: str) -> None:
        self._url = url

    async def conninfo(self) -> str:
        """The configured connection string."""
        return self._url

    async def close(self) -> None:
        """Nothing to give up."""
