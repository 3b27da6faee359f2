"""Reaching a server over whichever transport it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from ..errors import UnavailableError
from ..ports.upstreams import Upstream
from .session import McpSession
from .wire import Ending

T = TypeVar("T")


class McpConnector:
    """The port `Connector`.

    Args:
        environ: Our environment.
        max_message_bytes: A server that sends more in one message is cut off.
    """

    def __init__(self, environ: Mapping[str, str], *, max_message_bytes: int) -> None:
        self._environ = environ
        self._max_message_bytes = max_message_bytes

    @asynccontextmanager
    async def connect(self, upstream: Upstream, changed: Callable[[], None]) -> AsyncIterator[McpSession]:
        """See `Connector.connect`."""
        ending = Ending(upstream)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + upstream.connect_timeout_seconds
        async with AsyncExitStack() as stack:
            wire = stack.enter_async_context(self._wire(upstream, ending))
            read, write = await _until(deadline, wire, upstream, ending)
            session = McpSession(upstream, read, write, ending, changed)
            listening: asyncio.Task[None] | None = None
            failure: Exception | None = None
            async with session.client:
                try:
                    await _until(deadline, session.negotiate(), upstream, ending)
                    if session.is_modern:
                        listening = asyncio.create_task(session.listen())
                    yield session
                except Exception as error:  # noqa: BLE001 - raised below, for the SDK would wrap it in a group
                    failure = error
                finally:
                    if listening is not None:
                        listening.cancel()
                        await asyncio.gather(listening, return_exceptions=True)
            if failure is not None:
                raise failure

    def _wire(self, upstream: Upstream, ending: Ending) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        match upstream.transport:
            case "stdio":
                from .stdio import stdio_wire  # noqa: PLC0415 - heavy: imported on first use

                return stdio_wire(upstream, self._environ, self._max_message_bytes, ending)
            case "sse":
                from .sse import sse_wire  # noqa: PLC0415 - heavy: imported on first use

                return sse_wire(upstream, self._max_message_bytes, ending)
            case "streamable-http":
                from .streamable import streamable_wire  # noqa: PLC0415 - heavy: imported on first use

                return streamable_wire(upstream, self._max_message_bytes, ending)


async def _until(deadline: float, work: Awaitable[T], upstream: Upstream, ending: Ending) -> T:
    try:
        async with asyncio.timeout_at(deadline):
            return await work
    except TimeoutError:
        reason = f"it did not answer within {upstream.connect_timeout_seconds:.0f} s of its start"
        ending.end(f"{reason}; {ending.hint}" if ending.hint else reason)
        raise UnavailableError(ending.reason) from None
