"""The gateway as its tools see it: arguments checked, work handed on."""

from __future__ import annotations

from dataclasses import dataclass

from ...settings import Settings
from ...validation import checked_choice, checked_text
from ..arguments import MAX_NAME, checked_limit, checked_query
from .discovery import ToolIndex
from .models import DiscoveryResult

DETAILS = ("summary", "schema")


@dataclass(frozen=True, slots=True)
class Gateway:
    """The services behind the gateway's tools."""

    settings: Settings
    tools: ToolIndex

    async def discover_tools(
        self, *, query: str, server: str, category: str, limit: int, detail: str
    ) -> DiscoveryResult:
        """Find tools.

        Raises:
            UsageError: An argument is not acceptable.
            UnavailableError: The database is down.
        """
        text = checked_query(self.settings, query) if query else ""
        checked_choice("detail", detail, DETAILS)
        wanted_server = checked_text("server", server, MAX_NAME, required=False)
        wanted_category = checked_text("category", category, MAX_NAME, required=False)
        checked_limit(limit)
        return await self.tools.discover(
            text, server=wanted_server, category=wanted_category, limit=limit, with_schema=detail == "schema"
        )
