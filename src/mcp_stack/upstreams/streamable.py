"""A server that is reached over Streamable HTTP, by the SDK's transport in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mcp.client.streamable_http import streamable_http_client

from ..errors import UnavailableError
from ..ports.upstreams import Upstream
from .http import http_client, unreachable

if TYPE_CHECKING:
    from .wire import Ending

SECONDS_TO_LEAVE = 0.5


@asynccontextmanager
async def streamable_wire(upstream: Upstream, max_message_bytes: int, ending: Ending) -> AsyncIterator[tuple[Any, Any]]:
    """Connect to a server, for as long as the context lasts.

    The SDK's transport cancels whoever entered it when a request fails; in a task of its own it ends alone, and its
    streams with it.

    Args:
        upstream: Where it is.
        max_message_bytes: Longest message.
        ending: Told when it is over.

    Raises:
        UnavailableError: It cannot be reached.
    """
    streams: asyncio.Future[tuple[Any, Any]] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()
    running = asyncio.create_task(_run(upstream, max_message_bytes, ending, streams, leave))
    try:
        yield await streams
    finally:
        leave.set()
        ending.end("it was disconnected")
        await asyncio.wait({running}, timeout=SECONDS_TO_LEAVE)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _run(
    upstream: Upstream,
    max_message_bytes: int,
    ending: Ending,
    streams: asyncio.Future[tuple[Any, Any]],
    leave: asyncio.Event,
) -> None:
    try:
        async with (
            http_client(upstream, max_message_bytes, ending) as client,
            streamable_http_client(upstream.url, http_client=client, max_sse_event_size=max_message_bytes) as both,
        ):
            streams.set_result(both)
            await leave.wait()
    except Exception as error:  # noqa: BLE001 - whatever a transport raises, in groups too, ends this connection alone
        ending.end(unreachable(upstream, _first(error)))
        if not streams.done():
            streams.set_exception(UnavailableError(ending.reason))


def _first(error: BaseException) -> BaseException:
    """The error itself, or the first of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
