"""What may stand in an argument of a prompt or in the address of a resource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..settings.tree import COLLECTIONS
from .prompts import ASK, TRIAGE
from .resources import SKILL, TOOL

if TYPE_CHECKING:
    from ..mcp.app import StackServer
    from .service import Aidb


def declare(server: StackServer, services: Callable[[], Awaitable[Aidb]]) -> None:
    """Declare the completions.

    Args:
        server: Where.
        services: Gives the opened services; awaited at each request.
    """

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
        return {server for server, _ in await (await services()).gateway.names()}

    @server.declare_completion((TOOL, "tool"))
    async def tools(given: Mapping[str, str]) -> Iterable[str]:
        chosen = given.get("server", "")
        return {tool for server, tool in await (await services()).gateway.names() if chosen in ("", server)}
