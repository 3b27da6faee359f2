"""The gateway as its tools see it: arguments checked, work handed on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import StackError, UsageError
from ...ports.tools import Entry
from ...ports.upstreams import Answer, Progress
from ...settings import Settings
from ...validation import checked_choice, checked_context, checked_text
from ..arguments import MAX_NAME, checked_limit, checked_query
from .calls import Request, ToolCalls
from .discovery import ToolIndex
from .learning import ToolLearning
from .models import DiscoveryResult, ServerList, ServerSummary
from .registry import Registry
from .supervisor import ServerState, Supervisor

DETAILS = ("summary", "schema")
# `server.tool`
MAX_TOOL_NAME = 300


@dataclass(frozen=True, slots=True)
class Gateway:
    """The services behind the gateway's tools."""

    settings: Settings
    tools: ToolIndex
    learning: ToolLearning
    calls: ToolCalls
    registry: Registry
    supervisor: Supervisor

    @property
    def notes(self) -> list[str]:
        """What is wrong with the configuration of servers as a whole."""
        return self.supervisor.configuration.current.notes

    async def discover_tools(
        self, *, query: str, server: str, category: str, limit: int, detail: str, client: str = ""
    ) -> DiscoveryResult:
        """Find tools.

        Args:
            query: What is to be done; empty for a listing.
            server: Only tools of this server; empty for all.
            category: Only tools of this category; empty for all.
            limit: How many.
            detail: `summary`, or `schema` for the input schemas too.
            client: Who asks; from the calls that follow, the ranking learns. Empty for somebody who calls nothing.

        Raises:
            UsageError: An argument is not acceptable.
            UnavailableError: The database is down.
        """
        text = checked_query(self.settings, query) if query else ""
        checked_choice("detail", detail, DETAILS)
        wanted_server = checked_text("server", server, MAX_NAME, required=False)
        wanted_category = checked_text("category", category, MAX_NAME, required=False)
        checked_limit(limit)
        notes = await self.listing_problem(wanted_server)
        with_schema = detail == "schema" or not self.settings.tools.progressive_disclosure
        found = await self.tools.discover(
            text, server=wanted_server, category=wanted_category, limit=limit, with_schema=with_schema
        )
        if client:
            self.learning.discovered(client, text, [tool.name for tool in found.tools])
        return found.model_copy(update={"notes": [*notes, *found.notes]}) if notes else found

    async def listing_problem(self, server: str) -> list[str]:
        """List a server that somebody asks for and that was never listed; why it cannot be, if so."""
        if not server:
            return []
        try:
            await self.supervisor.ensure_listed(server)
        except StackError as error:
            return [f"{error.problem}; {error.remedy}"]
        return []

    async def call_tool(
        self, client: str, *, name: str, arguments: Mapping[str, Any], progress: Progress | None
    ) -> Answer:
        """Call another server's tool; see `ToolCalls.call`.

        Raises:
            UsageError: An argument is not acceptable.
        """
        tool = checked_text("name", name, MAX_TOOL_NAME)
        limit = self.settings.tools.max_message_bytes
        items = checked_context(arguments, limit, "arguments")
        encoded = json.dumps(arguments, sort_keys=True, ensure_ascii=False).encode()
        if len(encoded) > limit:
            raise UsageError(f"arguments have {len(encoded)} bytes", f"at most {limit} are allowed")
        return await self.calls.call(Request(client, tool, arguments, items, encoded), progress)

    async def list_servers(self) -> ServerList:
        """Every configured server and how it is doing.

        Raises:
            UnavailableError: The database is down.
        """
        states = await self.supervisor.states()
        entries: dict[str, list[Entry]] = {}
        for entry in await self.registry.entries():
            entries.setdefault(entry.offered.server, []).append(entry)
        servers = [self._summary(state, entries.get(state.upstream.name, [])) for state in states]
        return ServerList(servers=servers, notes=self.notes)

    async def definition(self, *, server: str, tool: str) -> dict[str, Any]:
        """All that may be shown of one tool.

        Raises:
            NotFoundError: There is no such tool.
            UnavailableError: The database is down.
        """
        shown = self.registry.shown(await self.registry.find(f"{server}.{tool}"))
        return {"server": server, "status": shown.status, "category": shown.category, **shown.definition}

    async def names(self) -> list[tuple[str, str]]:
        """Server and name of every tool that may be shown.

        Raises:
            UnavailableError: The database is down.
        """
        return [(tool.server, tool.tool) for tool in await self.registry.all()]

    def _summary(self, state: ServerState, entries: list[Entry]) -> ServerSummary:
        tools = [entry for entry in entries if entry.offered.kind == "tool"]
        count = Counter(self.registry.status(entry) for entry in tools)
        kinds = Counter(entry.offered.kind for entry in entries)
        record = state.record
        return ServerSummary(
            name=state.upstream.name,
            transport=state.upstream.transport,
            status=state.status,
            tools=len(tools) - count["removed"],
            resources=kinds["resource"],
            prompts=kinds["prompt"],
            quarantined=count["quarantined"],
            flagged=sum(bool(entry.findings) for entry in tools),
            last_seen=record.last_seen.isoformat(timespec="seconds") if record and record.last_seen else "",
            last_error=state.error,
            notes=record.notes if record else "",
        )
