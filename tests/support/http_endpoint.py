"""A scripted HTTP endpoint on this machine, for clients that only real HTTP exercises.

It runs uvicorn in a thread, so a test's own event loop stays free, and it can do what a mock cannot: drop the
connection, before the first byte or in the middle of a stream.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any] = field(default_factory=dict)


Reply: TypeAlias = Callable[[Received], Response]
"""Makes the response to a request."""

DROP = "\0drop"
"""In a stream's pieces: end the connection here, as a dying server would."""

STALL = "\0stall"
"""In a stream's pieces: send nothing more, and keep the connection open."""


class HttpEndpoint:
    """An HTTP server on an ephemeral loopback port; use it as a context manager.

    Attributes:
        received: Every request so far, the oldest first.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._script: deque[Reply] = deque()
        self._always: Reply | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    @property
    def connections(self) -> int:
        """How many are open."""
        assert self._server is not None
        return len(self._server.server_state.connections)

    def then(self, *replies: Reply) -> None:
        """Queue the replies to the next requests."""
        self._script.extend(replies)

    def always(self, reply: Reply) -> None:
        """Reply so to every request that the queue has nothing for."""
        self._always = reply

    def fixed_routes(self) -> Mapping[str, Reply]:
        """Paths that are answered the same each time, apart from the script; none by default."""
        return {}

    def app(self) -> Starlette:
        """What answers requests: the fixed routes, and the script."""
        routes = [Route(path, self._endpoint(reply)) for path, reply in self.fixed_routes().items()]
        return Starlette(routes=[*routes, Route("/{path:path}", self._endpoint(None), methods=["GET", "POST"])])

    def __enter__(self) -> Self:
        config = uvicorn.Config(self.app(), host="127.0.0.1", port=0, log_config=None, lifespan="off")
        self._server = server = uvicorn.Server(config)
        started = threading.Event()
        startup = server.startup

        async def startup_and_tell(*args: Any, **kwargs: Any) -> None:
            try:
                await startup(*args, **kwargs)
            finally:
                started.set()

        server.startup = startup_and_tell  # type: ignore[method-assign] # uvicorn has no hook for "now listening"
        self._thread = threading.Thread(target=server.run, name="scripted endpoint", daemon=True)
        self._thread.start()
        assert started.wait(10), "the scripted endpoint did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    def _endpoint(self, fixed: Reply | None) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            body = await request.body()
            received = Received(request.url.path, dict(request.headers), json.loads(body) if body else {})
            self.received.append(received)
            reply = fixed or (self._script.popleft() if self._script else self._always)
            if reply is None:
                return JSONResponse({"error": {"type": "script", "message": "the test's script is over"}}, 418)
            response = reply(received)
            if isinstance(response, StreamingResponse):
                response.body_iterator = self._until_drop(request, response.body_iterator)
            if isinstance(response, Dropped):
                self._abort(request)
            return response

        return respond

    async def _until_drop(self, request: Request, pieces: Any) -> AsyncIterator[str]:
        async for piece in pieces:
            if piece == DROP:
                self._abort(request)
                return
            if piece == STALL:
                await asyncio.Event().wait()
            yield piece

    def _abort(self, request: Request) -> None:
        assert self._server is not None
        assert request.client is not None
        for connection in list(self._server.server_state.connections):
            if getattr(connection, "client", None) == tuple(request.client):
                connection.transport.abort()


class Dropped(Response):
    """Stands for no response at all: the connection ends before the first byte."""


def dropped(_request: Received) -> Response:
    """The reply that is none."""
    return Dropped()


def failure(status: int, body: Mapping[str, Any], *, retry_after: float | None = None) -> Reply:
    """An error response.

    Args:
        status: HTTP status.
        body: JSON.
        retry_after: Seconds, in the header of that name.
    """
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
    return lambda _request: JSONResponse(dict(body), status, headers)


def event_stream(pieces: list[str]) -> Response:
    """Server-sent events, already encoded; `DROP` among them ends the connection."""

    async def body() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    return StreamingResponse(body(), media_type="text/event-stream")


def never_ending(event: str) -> Reply:
    """A stream of one event, again and again, until the client goes."""

    async def body() -> AsyncIterator[str]:
        while True:
            yield event
            await asyncio.sleep(0.005)

    return lambda _request: StreamingResponse(body(), media_type="text/event-stream")


def json_text(body: Mapping[str, Any]) -> Response:
    """JSON in ASCII, which also holds what UTF-8 cannot."""
    return Response(json.dumps(body), media_type="application/json")


def in_words(text: str) -> list[str]:
    """The text cut before each space, as a model streams it."""
    return re.findall(r"\s*\S+|\s+", text)
