"""The tools of all MCP servers, as far as they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class KnownTool:
    """A tool of a server.

    Attributes:
        server: The server's name in the configuration.
        tool: The tool's name at its server.
        status: `reachable`, `unreachable`, or `known` while its server was not started yet.
    """

    server: str
    tool: str
    title: str
    description: str
    category: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any] = field(default_factory=dict)
    status: str = "known"

    @property
    def name(self) -> str:
        """The name under which it is discovered and called: `server.tool`."""
        return f"{self.server}.{self.tool}"


class Tools(Protocol):
    """The registry of tools."""

    async def replace(self, server: str, tools: Sequence[KnownTool]) -> None:
        """Make these the tools of a server.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def all(self) -> list[KnownTool]:
        """Every tool, by name.

        Raises:
            UnavailableError: The store is down.
        """
        ...
