"""Requests to servers that are reached over HTTP: bounded answers, and refusals in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2

from ..errors import UnavailableError
from ..ports.upstreams import SessionLostError, Upstream
from .wire import origin

if TYPE_CHECKING:
    from .wire import Ending

SECONDS_TO_CONNECT = 10.0


def http_client(upstream: Upstream, max_message_bytes: int, ending: Ending) -> httpx2.AsyncClient:
    """A client with the server's headers that reads no more than it should.

    Args:
        upstream: The server.
        max_message_bytes: Longest answer.
        ending: Told why, if the server will have nothing to do with us.
    """

    async def check(response: httpx2.Response) -> None:
        bounded(response, max_message_bytes)
        if response.status_code >= 400:
            ending.status = response.status_code
        if (refusal := _refusal(upstream, response)) is not None:
            ending.forgotten = isinstance(refusal, SessionLostError)
            ending.end(refusal.problem)
            raise refusal

    return httpx2.AsyncClient(
        # Compressed, a few bytes can become any number of them.
        headers={**upstream.headers, "Accept-Encoding": "identity"},
        # How long an answer may take is the caller's to say: a stream is silent until something happens.
        timeout=httpx2.Timeout(SECONDS_TO_CONNECT, read=None),
        event_hooks={"response": [check]},
    )


def bounded(response: httpx2.Response, max_bytes: int) -> None:
    """Have reading a response fail where it gets too long; events of a stream are bounded one by one elsewhere."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnavailableError("it sent compressed data though none was asked for")
    if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        response.stream = _Bounded(response.stream, max_bytes)


def unreachable(upstream: Upstream, error: BaseException) -> str:
    """What to say of a failed request."""
    if isinstance(error, UnavailableError):
        return error.problem
    match error:
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            return f"nothing answers at {origin(upstream.url)} ({error or type(error).__name__})"
        case httpx2.HTTPStatusError():
            return f"{origin(upstream.url)} answered with status {error.response.status_code}"
    return f"{origin(upstream.url)}: {error or type(error).__name__}"


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: object, max_bytes: int) -> None:
        self._stream = stream
        self._left = max_bytes
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:  # type: ignore[attr-defined]  # an asynchronous stream: the client is one
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx2.StreamError(
                    f"it sent an answer of more than {self._max_bytes} bytes (limit: tools.max_message_bytes)"
                )
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()  # type: ignore[attr-defined]  # as above


def _refusal(upstream: Upstream, response: httpx2.Response) -> UnavailableError | None:
    """The error, if no later request can fare better on this connection."""
    request = response.request
    if request.method != "POST":
        return None
    where = origin(upstream.url)
    if response.status_code in (401, 403, 407):
        return UnavailableError(
            f"{where} answered with status {response.status_code}: it wants other credentials",
            f"correct its headers in {upstream.origin}",
        )
    if response.status_code == 404 and "mcp-session-id" in request.headers:
        return SessionLostError(f"{where} no longer knows this session")
    return None
