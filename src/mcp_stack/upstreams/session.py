"""A server that answers: the port `Session` over the SDK's client."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import anyio
import mcp_types as types
from mcp.client.session import ClientSession
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp.shared.message import SessionMessage
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from .. import __version__
from ..errors import UnavailableError
from ..ports.upstreams import Answer, Listing, Progress, ProtocolError, SessionLostError, Upstream
from .listing import list_everything
from .wire import GARBAGE, Ending

logger = logging.getLogger(__name__)

# A server may say so much and no more in a second: reading costs us more than saying costs it.
MESSAGES_A_SECOND = 1000
# Errors that the SDK's Streamable HTTP transport makes up when there is no answer to a request.
MADE_UP = (
    "SSE stream failed",
    "SSE stream ended",
    "Failed to parse",
    "server answered a request with 202",
    "Server returned an error response",
    "Session terminated",
    "Unexpected content type",
    "Redirect to ",
)
LIST_CHANGED = (
    types.ToolListChangedNotification,
    types.ResourceListChangedNotification,
    types.PromptListChangedNotification,
)


class Throttled:
    """A stream of messages that passes on so many a second; who sends more has to wait.

    Args:
        stream: The stream of a transport.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._window = 0.0
        self._count = 0

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        message: SessionMessage | Exception = await self._stream.receive()
        now = time.monotonic()
        if now - self._window >= 1:
            self._window, self._count = now, 0
        self._count += 1
        if self._count > MESSAGES_A_SECOND:
            await asyncio.sleep(self._window + 1 - now)
        return message

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    def __aiter__(self) -> Throttled:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


class McpSession:
    """See `Session`.

    Args:
        upstream: The server.
        read: What it sends.
        write: What it is sent.
        ending: Told by the transport when it is over.
        changed: Called when it says that its lists have changed.
    """

    def __init__(self, upstream: Upstream, read: Any, write: Any, ending: Ending, changed: Callable[[], None]) -> None:
        self._upstream = upstream
        self._ending = ending
        self._changed = changed
        self._dispatcher: JSONRPCDispatcher[Any] = JSONRPCDispatcher(Throttled(read), write)
        self.client = ClientSession(
            dispatcher=self._dispatcher,
            message_handler=self._notified,
            client_info=types.Implementation(name="mcp-stack", version=__version__),
        )

    async def negotiate(self) -> None:
        """Shake hands; with a server that only knows the revision without a handshake, ask what it offers.

        Raises:
            UnavailableError: It is gone, or speaks another protocol.
        """
        try:
            try:
                await self.client.initialize()
            except MCPError as error:
                if error.code not in (types.UNSUPPORTED_PROTOCOL_VERSION, types.METHOD_NOT_FOUND):
                    raise
                await self.client.discover()
        except MCPError as error:
            raise self._gone(f"it refuses to start a session: {error.message}") from error
        except (ValidationError, RuntimeError) as error:
            raise self._gone("it answers, but not as an MCP server does") from error

    @property
    def is_modern(self) -> bool:
        """Whether it speaks the revision without a handshake, where changes have to be listened for."""
        return self.client.protocol_version in MODERN_PROTOCOL_VERSIONS

    async def listen(self) -> None:
        """Wait for changes of its lists and tell of them; returns when it says no more."""
        from mcp.client.subscriptions import SubscriptionLost, listen  # noqa: PLC0415 - the rarer revision needs it

        try:
            async with listen(
                self.client, tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True
            ) as events:
                async for _ in events:
                    self._changed()
        except (MCPError, SubscriptionLost, TimeoutError) as error:
            logger.info("changes of %s come with the next look at it: %s", self._upstream.name, error)

    async def listing(self) -> Listing:
        """See `Session.listing`."""
        capabilities = self.client.server_capabilities
        declared = capabilities.model_dump(by_alias=True, exclude_none=True) if capabilities else {}
        try:
            return await list_everything(self._upstream.name, declared, self._ask)
        except ProtocolError as error:
            raise self._gone(f"it does not list its tools: {error.message}") from error
        except UnavailableError as error:
            raise self._gone(error.problem) from error

    async def call(self, tool: str, arguments: Mapping[str, Any], progress: Progress | None) -> Answer:
        """See `Session.call`."""
        result = await self._ask("tools/call", {"name": tool, "arguments": dict(arguments)}, progress)
        if result.get("resultType") == "input_required":
            raise UnavailableError(
                f"{self._upstream.name}.{tool} wants to ask the user something, which a gateway cannot pass on",
                "connect your client to that server itself for this tool",
            )
        try:
            types.CallToolResult.model_validate(result, by_name=False)
        except ValidationError as error:
            raise self._gone(f"its answer to {tool} is no tool result") from error
        return Answer(result, bool(result.get("isError")), len(json.dumps(result)))

    async def ping(self) -> None:
        """See `Session.ping`."""
        try:
            if self.is_modern:
                await self.client.send_discover(str(self.client.protocol_version))
            else:
                await self._ask("ping", {})
        except (ProtocolError, MCPError) as error:
            logger.debug("%s answered a ping with an error, which is an answer: %s", self._upstream.name, error)

    @property
    def is_over(self) -> bool:
        """See `Session.is_over`."""
        return self._ending.is_over

    async def ended(self) -> str:
        """See `Session.ended`."""
        return await self._ending.wait()

    async def _ask(self, method: str, params: dict[str, Any], progress: Progress | None = None) -> Mapping[str, Any]:
        """Send a request; its result as it came, for the SDK's own methods refuse a list for one bad member.

        Raises:
            ProtocolError: The server's own error.
            UnavailableError: It is gone.
        """
        data: dict[str, Any] = {"method": method, "params": params}
        options: CallOptions = {}
        if progress is not None:
            options["on_progress"] = progress
        self.client._stamp(data, options)  # what the negotiated revision wants in every request
        try:
            return await self._dispatcher.send_raw_request(method, data["params"], options)
        except MCPError as error:
            made_up = error.message == GARBAGE or error.message.startswith(MADE_UP)
            if self._ending.is_over or made_up or error.message == "Connection closed":
                raise self._gone(self._described(error.message)) from error
            if self._ending.status == 400 and "session" in error.message.lower():
                # As some servers put it.
                self._ending.forgotten = True
                self._ending.end(f"it no longer knows this session: {error.message}")
                raise self._gone("") from error
            raise ProtocolError(error.code, error.message, error.data) from error

    async def _notified(self, message: object) -> None:
        if isinstance(message, LIST_CHANGED):
            self._changed()

    def _described(self, made_up: str) -> str:
        if made_up == GARBAGE:
            return "what it answers is no message"
        if self._ending.status and made_up.startswith("Server returned an error response"):
            return f"it answered with status {self._ending.status}"
        return made_up

    def _gone(self, reason: str) -> UnavailableError:
        """The error for a failed request: if the connection is over, why it is."""
        kind = SessionLostError if self._ending.forgotten else UnavailableError
        return kind(self._ending.reason if self._ending.is_over else self._ending.shown(reason))
