"""What may stand in an argument of a prompt or in the address of a resource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..settings.tree import COLLECTIONS
from .prompts import ASK, TRIAGE
from .resources import SKILL, TOOL

if TYPE_CHECKING:
    from ..mcp.app import StackServer
    from .gateway.service import Gateway
    from .service import Aidb


def declare(server: StackServer, services: Callable[[], Awaitable[Aidb]]) -> None:
    """Declare the completions.

    Args:
        server: Where.
        services: Gives the opened services; awaited at each request.
    """
    known = _ToolNames()

    @server.declare_completion((ASK, "collection"))
    async def collections(given: Mapping[str, str]) -> Iterable[str]:
        del given
        return {*COLLECTIONS, *await (await services()).knowledge.documents.collections()}

    @server.declare_completion((TRIAGE, "issue_id"))
    async def issues(given: Mapping[str, str]) -> Iterable[str]:
        del given
        found = await (await services()).desk.list_issues(
            severity="", status="open", category="", issue_id="", limit=100, offset=0
        )
        return [issue.id for issue in found.issues]

    @server.declare_completion((SKILL, "slug"))
    async def skills(given: Mapping[str, str]) -> Iterable[str]:
        del given
        return [each.slug for each in await (await services()).desk.skills.entries("approved")]

    @server.declare_completion((TOOL, "server"))
    async def servers(given: Mapping[str, str]) -> Iterable[str]:
        del given
        return {server for server, _ in await known.all((await services()).gateway)}

    @server.declare_completion((TOOL, "tool"))
    async def tools(given: Mapping[str, str]) -> Iterable[str]:
        chosen = given.get("server", "")
        return {tool for server, tool in await known.all((await services()).gateway) if chosen in ("", server)}


class _ToolNames:
    """The names of all tools, read again only when the registry has changed: somebody is typing."""

    def __init__(self) -> None:
        self._revision = -1
        self._names: list[tuple[str, str]] = []

    async def all(self, gateway: Gateway) -> list[tuple[str, str]]:
        """Server and name of every tool that may be shown."""
        revision = await gateway.registry.revision()
        if revision != self._revision:
            self._names, self._revision = await gateway.names(), revision
        return self._names
