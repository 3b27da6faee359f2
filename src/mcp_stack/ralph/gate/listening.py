"""The proxy's HTTP server: in the running event loop, on a loopback port of the system's choice."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from ...errors import UnavailableError

MAX_CONNECTIONS = 256
SECONDS_TO_CLOSE = 1


class _Server(uvicorn.Server):
    """Signals belong to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """Serves an application while it is open.

    Args:
        application: An ASGI application.
    """

    def __init__(self, application: Any) -> None:
        self._server = _Server(
            uvicorn.Config(
                application,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=SECONDS_TO_CLOSE,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def open(self) -> str:
        """Begin to listen.

        Returns:
            Where, without a trailing slash.

        Raises:
            UnavailableError: There is no port to be had.
        """
        # With the protocol said, asyncio turns Nagle's algorithm off, which costs 40 ms a reply.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.bind(("127.0.0.1", 0))
        except OSError as error:
            listening.close()
            raise UnavailableError(f"no port for the model proxy ({error})", "end what holds them all") from error
        listening.listen()
        listening.setblocking(False)
        # Connections that come before the server has started wait in the socket's queue.
        self._serving = asyncio.create_task(self._server.serve([listening]), name="model proxy")
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening; what is under way ends."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
