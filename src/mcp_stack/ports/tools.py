"""The tools of all MCP servers, as far as they are known, and the record of their calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["tool", "resource", "prompt"]


@dataclass(frozen=True, slots=True)
class KnownTool:
    """A tool of a server, or one of its resources or prompts.

    Attributes:
        server: The server's name in the configuration; it has no dot.
        tool: The tool's name at its server; the address of a resource.
        status: `reachable` while its server is connected, `known` while it is not started, `unreachable` while it is
            down, `disabled`, `quarantined` while a change waits for approval, `removed` when its server has not listed
            it for a while. What is shown of a quarantined tool is what was approved, never what waits.
        output_schema: Empty if it declares none.
    """

    server: str
    tool: str
    title: str
    description: str
    category: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any] = field(default_factory=dict)
    status: str = "known"
    kind: Kind = "tool"
    output_schema: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name under which it is discovered and called: `server.tool`."""
        return f"{self.server}.{self.tool}"

    @property
    def definition(self) -> dict[str, Any]:
        """All that a client is told of it, and that its fingerprint covers."""
        return {
            "name": self.tool,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema,
            "outputSchema": self.output_schema,
            "annotations": self.annotations,
        }

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the definition, the order of keys aside."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).digest()


class Tools(Protocol):
    """The known tools, as the search for tools sees them."""

    async def all(self) -> list[KnownTool]:
        """Every tool that may be shown, by name; no resources and prompts.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def revision(self) -> int:
        """A number that changes whenever `all` would answer differently: cheap to ask before each search.

        Raises:
            UnavailableError: The store is down.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What the registry holds of one tool, resource or prompt.

    Attributes:
        offered: As its server listed it last.
        approved: As it was approved; None if it never was.
        approved_by: `manifest` (shipped with mcp-stack), `first use` or `person`; empty if it never was approved.
        findings: What the scan of its description found: rule, severity and evidence of each.
        missing_since: When its server stopped listing it; None while it is listed.
    """

    offered: KnownTool
    approved: KnownTool | None
    approved_by: str
    findings: tuple[Mapping[str, str], ...]
    first_seen: datetime
    last_seen: datetime
    missing_since: datetime | None

    @property
    def quarantined(self) -> bool:
        """Whether it waits for a person's approval."""
        return self.approved is None or self.approved.definition != self.offered.definition


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool as its server lists it now.

    Attributes:
        findings: See `Entry`.
        trusted: Approve it if it is seen for the first time.
    """

    tool: KnownTool
    findings: tuple[Mapping[str, str], ...] = ()
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """What is remembered of a server beyond the life of one process.

    Attributes:
        configuration: Fingerprint of how it is reached when it was listed last; empty if it never was.
        last_seen: When it last answered; None if it never did.
        failed_at: When it last failed; None if it did not since it last answered.
        last_error: Why.
        notes: What of its listing was left out, and why; empty if nothing was.
    """

    name: str
    configuration: bytes
    last_seen: datetime | None
    failed_at: datetime | None
    last_error: str
    notes: str


class ToolRegistry(Protocol):
    """The registry of tools, shared by all processes. Every method raises UnavailableError if the store is down."""

    async def record(self, server: str, offers: Sequence[Offer]) -> None:
        """Make these the tools, resources and prompts that a server lists; others of it are missing from now on."""
        ...

    async def ship(self, server: str, tools: Sequence[KnownTool]) -> None:
        """Make these the tools of a server that comes with mcp-stack: approved, whatever was there before."""
        ...

    async def entry(self, server: str, tool: str) -> Entry | None:
        """One tool."""
        ...

    async def entries(self, server: str = "") -> list[Entry]:
        """Every tool, resource and prompt of a server, or of all servers, by name."""
        ...

    async def revision(self) -> int:
        """A number that grows with each change of an entry."""
        ...

    async def approve(self, entry: Entry) -> bool:
        """Approve what an entry offers.

        Returns:
            False if its server offers something else by now.
        """
        ...

    async def categorize(self, server: str, tool: str, category: str) -> bool:
        """Give a tool a category that later listings leave alone; False if there is no such tool."""
        ...

    async def servers(self) -> list[ServerRecord]:
        """What is remembered of each server."""
        ...

    async def listed(self, server: str, configuration: bytes, notes: str) -> None:
        """Remember that a server answered and was listed."""
        ...

    async def failed(self, server: str, error: str) -> None:
        """Remember why a server could not be reached."""
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call, for the audit log.

    Attributes:
        client: Who called.
        outcome: `ok`; `tool_error`, a result that says so; `protocol_error` of the upstream; `refused` by the gateway;
            `unavailable`, `timeout`, `cancelled`; `failed`, a bug.
        code: The error's code; empty for none.
        arguments: The arguments themselves, only where the settings ask for them.
    """

    client: str
    server: str
    tool: str
    outcome: str
    code: str
    duration_ms: float
    request_bytes: int
    response_bytes: int
    arguments_sha256: bytes
    argument_names: tuple[str, ...]
    arguments: Mapping[str, Any] | None = None


class CallLog(Protocol):
    """The audit log of calls."""

    async def add(self, call: ToolCall) -> None:
        """Write down a call.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def prune(self, max_age_days: int) -> int:
        """Forget old calls; how many there were.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...
