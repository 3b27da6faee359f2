"""A server that is reached over SSE, the transport of the 2024-11-05 revision: a stream of events, and POSTs to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from urllib.parse import urljoin, urlsplit

import anyio
import httpx2
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from httpx2 import EventSource
from mcp.shared.message import SessionMessage

from ..errors import UnavailableError
from ..ports.upstreams import Upstream
from .http import http_client, unreachable
from .stdio import Incoming, Outgoing
from .wire import Ending, origin

LONGEST_ENDPOINT = 4096


@asynccontextmanager
async def sse_wire(
    upstream: Upstream, max_message_bytes: int, ending: Ending
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Connect to a server, for as long as the context lasts.

    Args:
        upstream: Where it is.
        max_message_bytes: A server that sends a longer event is cut off.
        ending: Told when it is over.

    Raises:
        UnavailableError: It cannot be reached.
    """
    to_us, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_us = anyio.create_memory_object_stream[SessionMessage](0)
    tasks: list[asyncio.Task[None]] = []
    async with http_client(upstream, max_message_bytes, ending) as client:
        try:
            async with client.stream("GET", upstream.url, headers={"Accept": "text/event-stream"}) as response:
                response.raise_for_status()
                source = EventSource(response, max_event_size=max_message_bytes)
                async with aclosing(_events(source)) as events:
                    endpoint = _endpoint(upstream, await anext(events, None))
                    tasks.append(asyncio.create_task(_read(upstream, events, to_us, ending)))
                    tasks.append(asyncio.create_task(_write(upstream, client, endpoint, from_us, ending)))
                    try:
                        yield incoming, outgoing
                    finally:
                        ending.end("it was disconnected")
                        for task in tasks:
                            task.cancel()
                        await asyncio.gather(*tasks, return_exceptions=True)
        except httpx2.HTTPError as error:
            ending.end(unreachable(upstream, error))
            raise UnavailableError(ending.reason) from error
        finally:
            for stream in (to_us, incoming, outgoing, from_us):
                stream.close()


async def _events(source: EventSource) -> AsyncGenerator[httpx2.ServerSentEvent]:
    async for event in source:
        yield event


def _endpoint(upstream: Upstream, event: httpx2.ServerSentEvent | None) -> str:
    """Where messages are posted: on the server itself, for they carry its headers."""
    if event is None or event.event != "endpoint" or len(event.data) > LONGEST_ENDPOINT:
        raise UnavailableError(f"{origin(upstream.url)} does not speak SSE", "say transport: streamable-http")
    endpoint = urljoin(upstream.url, event.data)
    ours, theirs = urlsplit(upstream.url), urlsplit(endpoint)
    if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
        raise UnavailableError(f"{origin(upstream.url)} wants its messages sent to {origin(endpoint)}")
    return endpoint


async def _read(
    upstream: Upstream,
    events: AsyncIterator[httpx2.ServerSentEvent],
    to_us: MemoryObjectSendStream[SessionMessage | Exception],
    ending: Ending,
) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async with to_us:
            try:
                async for event in events:
                    if event.event == "message" and event.data:
                        await to_us.send(_message(event.data))
                ending.end(f"{origin(upstream.url)} closed the stream")
            except (httpx2.HTTPError, httpx2.StreamError) as error:
                ending.end(unreachable(upstream, error))


async def _write(
    upstream: Upstream,
    client: httpx2.AsyncClient,
    endpoint: str,
    from_us: MemoryObjectReceiveStream[SessionMessage],
    ending: Ending,
) -> None:
    try:
        async with from_us:
            async for message in from_us:
                body = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                headers = {"Content-Type": "application/json"}
                # Its body says nothing and is not read.
                async with client.stream("POST", endpoint, content=body, headers=headers) as response:
                    response.raise_for_status()
    except (httpx2.HTTPError, httpx2.StreamError, UnavailableError) as error:
        ending.end(unreachable(upstream, error))


def _message(data: str) -> SessionMessage | Exception:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(data, by_name=False))
    except ValueError as error:
        return error
