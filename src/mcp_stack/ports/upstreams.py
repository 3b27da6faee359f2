"""Other MCP servers, as the gateway speaks to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from ..errors import UnavailableError
from .tools import KnownTool

Transport: TypeAlias = Literal["stdio", "sse", "streamable-http"]

# Tells a gateway that it was started by one: it then starts no servers of its own, which might start it again.
STARTED_BY_A_GATEWAY = "MCP_STACK_STARTED_BY_GATEWAY"


class Progress(Protocol):
    """Told how far a call has come."""

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """Once.

        Args:
            progress: How much is done.
            total: Of how much, if it is known.
            message: In words, if there are any.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server as it is configured.

    Attributes:
        name: What its tools are called after; it has no dot.
        origin: Where it is configured, for messages.
        command: What is started for stdio; no shell reads it.
        environment: Variables that it gets beside an allow-list of ours.
        folder: Where it is started; empty for the home folder.
        url: Where it listens, if it is not started by us.
        headers: Of every request to it.
        category: Of its tools; empty to go by their descriptions.
        timeout_seconds: How long a call may take without any sign of life.
        connect_timeout_seconds: How long it may take to start and to be listed.
        idle_seconds: After how long without a call it is stopped, if it was started by us.
        enabled: False: it is known, and never reached.
        ours: It comes with mcp-stack: it has our environment and ends itself.
        problem: Why its configuration cannot be used; empty if it can.
        remedy: What to do about that.
    """

    name: str
    transport: Transport
    origin: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: str = ""
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    category: str = ""
    timeout_seconds: float = 60
    connect_timeout_seconds: float = 60
    idle_seconds: float = 300
    enabled: bool = True
    ours: bool = False
    problem: str = ""
    remedy: str = ""

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of how it is reached; secrets and times aside."""
        reached = [self.transport, self.command, self.folder, self.url, sorted(self.environment), sorted(self.headers)]
        return hashlib.sha256(json.dumps(reached).encode()).digest()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server offers.

    Attributes:
        offered: Its tools, resources and prompts.
        notes: What was left out, and why; empty if nothing was.
    """

    offered: tuple[KnownTool, ...]
    notes: str = ""


class ProtocolError(Exception):
    """A server's own answer to a request is an error; it is passed on as it is.

    Args:
        code: Of JSON-RPC.
        message: Its words.
        data: Whatever it adds.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class SessionLostError(UnavailableError):
    """The server no longer knows the session, and did not look at the request."""


class CallTimeoutError(UnavailableError):
    """A call gave no sign of life in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answered.

    Attributes:
        result: The `CallToolResult` as it came over the wire.
        is_error: Whether it says that the tool failed.
        bytes: Its size.
    """

    result: Mapping[str, Any]
    is_error: bool
    bytes: int


class Session(Protocol):
    """A server that answers."""

    async def listing(self) -> Listing:
        """Ask for everything that it offers.

        Raises:
            UnavailableError: It is gone, or answers with what is no listing.
        """
        ...

    async def call(self, tool: str, arguments: Mapping[str, Any], progress: Progress | None) -> Answer:
        """Call a tool. If this is cancelled, the server is told so.

        Raises:
            ProtocolError: Its own error.
            UnavailableError: It is gone, or answers with what is no result.
        """
        ...

    async def ping(self) -> None:
        """Ask for any answer.

        Raises:
            UnavailableError: It is gone.
        """
        ...

    @property
    def is_over(self) -> bool:
        """Whether the connection is over."""
        ...

    async def ended(self) -> str:
        """Wait until the connection is over; why it is."""
        ...


class Connector(Protocol):
    """Reaches servers."""

    def connect(self, upstream: Upstream, changed: Callable[[], None]) -> AbstractAsyncContextManager[Session]:
        """Start a server or connect to it, for as long as the context lasts.

        Args:
            upstream: Which.
            changed: Called when it says that what it offers has changed.

        Raises:
            UnavailableError: It cannot be reached, or is none; says why, without secrets.
        """
        ...
