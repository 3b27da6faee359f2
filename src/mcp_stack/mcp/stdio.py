"""What stands between the SDK's stdio transport and the server: it sees every message, both ways.

It does three things that the SDK does not: requests that are under way when stdin ends get their reply, a line that is
no message gets an error instead of silence, and `server/discover` can be refused.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

logger = logging.getLogger(__name__)

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


class Relay:
    """Passes messages on.

    Args:
        incoming: From the transport.
        outgoing: To the transport.
        end: Ends the process with an exit status.
        legacy: Refuse `server/discover`.
        grace_seconds: How long requests may go on after stdin ended.
    """

    def __init__(
        self, incoming: Any, outgoing: Any, end: Callable[[int], None], *, legacy: bool, grace_seconds: float
    ) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._end = end
        self._legacy = legacy
        self._grace_seconds = grace_seconds
        self._open: set[types.RequestId] = set()
        self._all_answered = asyncio.Event()
        self._all_answered.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[Incoming, Outgoing]]:
        """The streams for the server, for as long as it runs."""
        to_server, requests = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        replies, from_server = anyio.create_memory_object_stream[SessionMessage](0)
        async with anyio.create_task_group() as group:
            group.start_soon(self._pass_in, to_server)
            group.start_soon(self._pass_out, from_server)
            yield requests, replies
            await replies.aclose()
            group.cancel_scope.cancel()
        # The transport writes until this is closed: without it a server would sit out the grace after its last reply.
        await self._outgoing.aclose()

    async def _pass_in(self, to_server: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        async with to_server:
            async for received in self._incoming:
                message = received
                if isinstance(message, Exception):
                    message = _read_again(message)
                    if isinstance(message.message, types.JSONRPCError):
                        await self._outgoing.send(message)
                        continue
                if isinstance(message.message, types.JSONRPCRequest):
                    if self._legacy and message.message.method == "server/discover":
                        await self._outgoing.send(
                            _error(message.message.id, types.METHOD_NOT_FOUND, "Method not found")
                        )
                        continue
                    self._open.add(message.message.id)
                    self._all_answered.clear()
                await to_server.send(message)
            # A tool that cannot be cancelled must not keep a server alive whose client is gone.
            asyncio.get_running_loop().call_later(self._grace_seconds, self._end, 0)
            await self._all_answered.wait()

    async def _pass_out(self, from_server: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async for message in from_server:
            await self._outgoing.send(message)
            if isinstance(message.message, types.JSONRPCResponse | types.JSONRPCError):
                self._open -= {message.message.id}
                if not self._open:
                    self._all_answered.set()


def _read_again(failure: Exception) -> SessionMessage:
    """The message in a line that the transport could not read, or the error to answer it with.

    The transport's parser refuses lone surrogates, which JSON allows: such a message is passed on, so that the tool
    refuses the argument that holds it.
    """
    if not isinstance(failure, ValidationError):
        return _error(None, types.INTERNAL_ERROR, "the message could not be read")
    errors = failure.errors(include_url=False, include_context=False)
    if errors[0]["type"] == "json_invalid":
        try:
            content = json.loads(errors[0]["input"])
        except (ValueError, RecursionError):
            return _error(None, types.PARSE_ERROR, "Parse error: the line is not JSON")
        if (refusal := _refusal_to_echo(content)) is not None:
            return refusal
    else:
        # An error shows no more than the member that it is about, except where one is missing: that is of the whole.
        content = next((error["input"] for error in errors if error["type"] == "missing"), errors[0]["input"])
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_python(content, by_name=False))
    except ValidationError:
        identifier = content.get("id") if isinstance(content, dict) else None
        known = identifier if isinstance(identifier, int | str) and not isinstance(identifier, bool) else None
        return _error(known, types.INVALID_REQUEST, "Invalid Request: the line is no JSON-RPC message")


def _refusal_to_echo(content: Any) -> SessionMessage | None:
    """The error to answer a message with of which the SDK sends something back that cannot be sent."""
    if not isinstance(content, dict):
        return None
    params = content.get("params")
    echoed = [content.get("id"), content.get("method"), params.get("_meta") if isinstance(params, dict) else None]
    try:
        json.dumps(echoed, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return _error(None, types.INVALID_REQUEST, "Invalid Request: id, method or _meta has half of a character")
    return None


def _error(identifier: types.RequestId | None, code: int, message: str) -> SessionMessage:
    error = types.ErrorData(code=code, message=message)
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=identifier, error=error))
