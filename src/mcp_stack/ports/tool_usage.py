"""Which tools were called, and succeeded, after which search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .embedder import Vector


@dataclass(frozen=True, slots=True)
class ToolExample:
    """A search after which a tool was called and succeeded.

    Attributes:
        tool: The tool, as `server.tool`.
        query: What was searched for.
        vector: The query's embedding, little-endian float32; empty if there was no embedder.
        clients: By how many different clients; counted up to a bound.
        revision: Grows with each change of any example.
    """

    tool: str
    query: str
    vector: bytes
    clients: int
    revision: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept.

    Attributes:
        of_client: Examples of one tool that one client brought.
        of_tool: Examples of one tool.
        in_all: Examples of all tools.
    """

    of_client: int
    of_tool: int
    in_all: int


class ToolUsage(Protocol):
    """The record of searches for tools and of the calls that followed, shared by all processes."""

    async def add_discovery(self, client: str, query: str, model: str, vector: Vector, tools: Sequence[str]) -> None:
        """Remember what a client searched for and what it was shown.

        Args:
            client: Who searched.
            query: For what.
            model: The embedding model; empty if there was none.
            vector: The query's embedding; empty if there was none.
            tools: What was shown, as `server.tool`.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def add_success(self, client: str, tool: str, *, within_seconds: float, bounds: Bounds) -> bool:
        """Make an example of the client's latest search that showed this tool.

        Args:
            client: Who called.
            tool: What was called and succeeded, as `server.tool`.
            within_seconds: How old the search may be.
            bounds: What is beyond them is forgotten, the least confirmed and oldest first.

        Returns:
            Whether there was such a search.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def revision(self) -> int:
        """A number that grows whenever examples change.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def examples(self, model: str, *, after: int, limit: int) -> list[ToolExample]:
        """The examples whose queries were embedded by a model, changed after a revision, the newest first.

        Raises:
            UnavailableError: The store is down.
        """
        ...
