"""The proxy's HTTP side: who may ask, how much, and what happens when an agent goes away."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

from ...ports.agent_models import Body, Dialect, ModelRefusedError
from .access import Access
from .forwarding import Forwarding
from .refusals import error_body, refusal

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 32_000_000
"""Anthropic's own limit."""

MAX_VALUES = 1_000_000
"""Of one request, by its brackets and commas, those in texts too: once read, the two bytes of `[]` take thirty times
as much."""

_KEPT_HEADERS = ("anthropic-beta", "anthropic-version")
_CHAT, _MESSAGES, _COUNT, _MODELS = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/models"
_METHODS = {_CHAT: "POST", _MESSAGES: "POST", _COUNT: "POST", _MODELS: "GET"}

Result = TypeVar("Result")

Scope: TypeAlias = Mapping[str, Any]
Receive: TypeAlias = Callable[[], Coroutine[Any, Any, Mapping[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


class GateEndpoint:
    """An ASGI application that speaks OpenAI's and Anthropic's API to whoever has the key of an open access.

    Args:
        accesses: The open ones.
        forwarding: Carries calls to the model.
    """

    def __init__(self, accesses: Iterable[Access], forwarding: Forwarding) -> None:
        self._accesses = accesses
        self._forwarding = forwarding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = _Exchange(scope, receive, send)
        try:
            access = self._admitted(exchange)
            async with access.request():
                await self._served(exchange, access)
        except ModelRefusedError as error:
            await exchange.refuse(error, final=error.status in (401, 402))
        except ConnectionError:
            return  # the agent is gone
        except Exception:
            incident = uuid.uuid4().hex[:12]
            logger.exception("a request of an agent failed, incident %s", incident)
            await exchange.refuse(ModelRefusedError(500, f"unexpected error {incident}; see the worker's log"))

    def _admitted(self, exchange: _Exchange) -> Access:
        """Whose key the request has; looked at before anything else of it.

        Raises:
            ModelRefusedError: Nobody's, or there is nothing at its path.
        """
        key = exchange.key
        found = [access for access in self._accesses if access.is_opened_by(key)]
        if not found:
            problem = "the key is unknown or has expired: it is worth nothing once the iteration is over"
            raise ModelRefusedError(401, problem, error_code="invalid_api_key")
        if _METHODS.get(exchange.path) != exchange.method:
            known = ", ".join(f"{method} {path}" for path, method in _METHODS.items())
            raise ModelRefusedError(404, f"there is no {exchange.method} {exchange.path} here, but {known}")
        return found[0]

    async def _served(self, exchange: _Exchange, access: Access) -> None:
        """Answer until the answer is complete, the agent is gone or the access has ended."""
        over = access.closed.wait
        request = await _unless(exchange.body(), over) if exchange.method == "POST" else {}
        if request is not None and await _unless(self._answer(exchange, access, request), over, exchange.gone):
            return
        if access.closed.is_set():
            raise ModelRefusedError(401, "the key has expired: the iteration is over", error_code="invalid_api_key")

    async def _answer(self, exchange: _Exchange, access: Access, request: Body) -> bool:
        """True, once the answer was sent."""
        if exchange.path == _MODELS:
            await exchange.reply(_listed(access.access.model))
        elif exchange.path == _COUNT:
            tokens = await self._forwarding.count_tokens(exchange.dialect, request, exchange.kept_headers)
            await exchange.reply({"input_tokens": tokens})
        elif request.get("stream"):
            await self._stream(exchange, access, request)
        else:
            reply = await self._forwarding.complete(access, exchange.dialect, request, exchange.kept_headers)
            await exchange.reply(reply)
        return True

    async def _stream(self, exchange: _Exchange, access: Access, request: Body) -> None:
        events = self._forwarding.stream(access, exchange.dialect, request, exchange.kept_headers)
        async with aclosing(events):
            async for event in events:
                await exchange.push(event)
        await exchange.finish_stream()


class _Exchange:
    """One HTTP request, and the response to it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"].rstrip("/")
        self.dialect: Dialect = "anthropic" if self.path.startswith(_MESSAGES) else "openai"
        self._headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._receive = receive
        self._send = send
        self._begun = False

    @property
    def key(self) -> str:
        """As either API's clients send it."""
        kind, _, key = self._headers.get("authorization", "").partition(" ")
        return key.strip() if kind.lower() == "bearer" else self._headers.get("x-api-key", "")

    @property
    def kept_headers(self) -> dict[str, str]:
        """Those that mean something to the model."""
        return {name: self._headers[name] for name in _KEPT_HEADERS if name in self._headers}

    async def body(self) -> Body:
        """The JSON object that was sent.

        Raises:
            ModelRefusedError: It is too long, or none.
            ConnectionError: The agent went away.
        """
        whole, size, more = bytearray(), 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            piece = message.get("body", b"")
            size += len(piece)
            # What is too long is read on, up to a point, for a client that is still writing reads no refusal.
            if size <= MAX_BODY_BYTES:
                whole += piece
            elif size > 4 * MAX_BODY_BYTES:
                break
            more = message.get("more_body", False)
        if size > MAX_BODY_BYTES:
            raise ModelRefusedError(413, f"the request is longer than {MAX_BODY_BYTES} bytes; shorten the conversation")
        if whole.count(b",") + whole.count(b"[") + whole.count(b"{") > MAX_VALUES:
            raise ModelRefusedError(413, f"the request has more than {MAX_VALUES} values; shorten the conversation")
        try:
            request = json.loads(whole, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ModelRefusedError(400, f"the request is not JSON ({type(error).__name__})") from error
        if not isinstance(request, dict):
            raise ModelRefusedError(400, "the request is no JSON object")
        return request

    async def gone(self) -> None:
        """Returns when the agent has gone away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def reply(self, body: Body, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole response."""
        await self._begin(status, {"content-type": "application/json", **(headers or {})})
        await self._send({"type": "http.response.body", "body": json.dumps(body).encode()})

    async def push(self, event: Body) -> None:
        """Send an event of a stream; the first one begins it."""
        await self._begin_stream()
        head = f"event: {event['type']}\n" if self.dialect == "anthropic" else ""
        text = f"{head}data: {json.dumps(event)}\n\n"
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def finish_stream(self) -> None:
        """Send the end of a stream, which may have had no event."""
        await self._begin_stream()
        end = b"" if self.dialect == "anthropic" else b"data: [DONE]\n\n"
        await self._send({"type": "http.response.body", "body": end})

    async def refuse(self, error: ModelRefusedError, *, final: bool = False) -> None:
        """Send an error: as a response, or as the last event of a stream that has begun."""
        if self._begun:
            await self.push(error_body(error, self.dialect))
            await self._send({"type": "http.response.body", "body": b""})
            return
        said = refusal(error, self.dialect, final=final)
        await self.reply(said.body, said.status, said.headers)

    async def _begin_stream(self) -> None:
        if not self._begun:
            await self._begin(200, {"content-type": "text/event-stream", "cache-control": "no-store"})

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._begun = True
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})


async def _unless(work: Coroutine[Any, Any, Result], *ends: Callable[[], Coroutine[Any, Any, object]]) -> Result | None:
    """The result of work, or None if one of the ends came first; the work is then cancelled and has ended."""
    working = asyncio.create_task(work)
    waiting = [asyncio.create_task(end()) for end in ends]
    try:
        await asyncio.wait([working, *waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, *waiting):
            task.cancel()
        await asyncio.gather(working, *waiting, return_exceptions=True)
    return None if working.cancelled() else working.result()


def _listed(model: str) -> Body:
    """The list of models, with the fields that the clients of either API read."""
    entry = {
        "id": model,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "mcp-stack",
        "type": "model",
        "display_name": model,
        "created_at": "1970-01-01T00:00:00Z",
    }
    return {"object": "list", "data": [entry], "has_more": False, "first_id": model, "last_id": model}


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
