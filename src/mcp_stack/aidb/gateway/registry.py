"""The registry: what every server offers, what of it was approved, and what may be shown."""

from __future__ import annotations

import asyncio
import difflib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from ...errors import ConflictError, NotFoundError, UnavailableError
from ...ports.tools import Entry, KnownTool, Offer, ToolRegistry
from .categories import category_of

logger = logging.getLogger(__name__)

WITHHELD = "Not shown: quarantined until `mcp-stack tools approve`."


class Registry:
    """The port `Tools` over the stored registry, and all that the gateway does with it.

    Args:
        store: Where it is kept.
        shipped: The tools that come with mcp-stack, by server; written to the store on first use.
        status: The state of a server's tools now: `reachable`, `known`, `unreachable` or `disabled`; empty for a
            server that is not configured here, whose tools are then not shown.
        state: A number that changes whenever `status` may answer differently.
        removed_after_seconds: How long a tool that its server lists no longer counts as unreachable.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: ToolRegistry,
        shipped: Mapping[str, Sequence[KnownTool]],
        status: Callable[[str], str],
        state: Callable[[], int],
        *,
        removed_after_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self._unshipped: Mapping[str, Sequence[KnownTool]] | None = shipped
        self._shipping = asyncio.Lock()
        self._status = status
        self._state = state
        self._removed_after_seconds = removed_after_seconds
        self._clock = clock

    def ship_anew(self, shipped: Mapping[str, Sequence[KnownTool]]) -> None:
        """Take over what comes with mcp-stack under other names, for the configuration has changed.

        Args:
            shipped: As the argument of that name.
        """
        self._unshipped = shipped

    async def all(self) -> list[KnownTool]:
        """See `Tools.all`."""
        shown = [self.shown(entry) for entry in await self.entries() if entry.offered.kind == "tool"]
        return [tool for tool in shown if tool.status]

    async def revision(self) -> int:
        """See `Tools.revision`."""
        await self._ship()
        return await self.store.revision() + self._state()

    async def entries(self, server: str = "") -> list[Entry]:
        """Everything that is known of a server, or of all, by name; what comes with mcp-stack included.

        Raises:
            UnavailableError: The store is down.
        """
        await self._ship()
        found = await self.store.entries(server)
        if self._unshipped is None:
            return found
        # Nothing can be written now, and what comes with mcp-stack is known all the same.
        now = datetime.now(UTC)
        ours = [
            Entry(tool, tool, "manifest", (), now, now, None)
            for name, tools in self._unshipped.items()
            if server in ("", name)
            for tool in tools
        ]
        others = [entry for entry in found if entry.offered.server not in self._unshipped]
        return sorted([*others, *ours], key=lambda entry: entry.offered.name)

    async def find(self, name: str) -> Entry:
        """One tool by the name that it is called by.

        Args:
            name: `server.tool`.

        Raises:
            NotFoundError: There is none of that name; names those that are near.
            UnavailableError: The store is down.
        """
        await self._ship()
        server, _, tool = name.partition(".")
        entry = await self.store.entry(server, tool) if tool else None
        if entry is None and self._unshipped is not None:
            entry = next((each for each in await self.entries(server) if each.offered.name == name), None)
        if entry is None or not self._status(server):
            raise NotFoundError(f"there is no tool {name[:200]!r}", _nearest(name, [t.name for t in await self.all()]))
        return entry

    async def approve(self, entry: Entry) -> None:
        """Approve what a tool offers now.

        Args:
            entry: As a person has seen it.

        Raises:
            ConflictError: Its server offers something else by now.
            UnavailableError: The store is down or full.
        """
        if not await self.store.approve(entry):
            raise ConflictError(f"{entry.offered.name} changed again meanwhile", "look at it once more")

    async def record(self, server: str, category: str, listing: Sequence[KnownTool]) -> None:
        """Take over what a server lists: new tools are trusted unless the scan objects, changed ones are quarantined.

        Args:
            server: The server.
            category: Of its tools, as configured; empty to go by what they say they do.
            listing: Its tools, resources and prompts.

        Raises:
            UnavailableError: The store is down or full.
        """
        from .scanning import scan  # noqa: PLC0415 - heavy: its patterns are compiled when it is imported

        known = {(entry.offered.kind, entry.offered.tool): entry for entry in await self.entries(server)}
        others: list[KnownTool] | None = None
        offers = []
        for listed in listing:
            before = known.get((listed.kind, listed.tool))
            tool = replace(listed, category=category or category_of(listed))
            if before is not None and before.offered.definition == tool.definition:
                offers.append(Offer(tool, before.findings))
                continue
            if others is None:
                others = [*(entry.offered for entry in await self.entries()), *listing]
            findings = await asyncio.to_thread(scan, tool, others)
            grave = any(finding.severity == "high" for finding in findings)
            offers.append(Offer(tool, tuple(asdict(finding) for finding in findings), trusted=not grave))
            if grave:
                logger.warning("%s is quarantined: %s", tool.name, ", ".join(each.rule for each in findings))
        await self.store.record(server, offers)

    def shown(self, entry: Entry) -> KnownTool:
        """What a client may be told of a tool: never a description that waits for approval."""
        status = self.status(entry)
        if not entry.quarantined:
            return replace(entry.offered, status=status)
        if entry.approved is not None:
            return replace(entry.approved, status=status)
        return replace(
            entry.offered,
            title="",
            description=WITHHELD,
            input_schema={"type": "object"},
            output_schema={},
            annotations={},
            status=status,
        )

    def status(self, entry: Entry) -> str:
        """The state of a tool; see `KnownTool.status`. Empty for one of a server that is not configured here."""
        of_server = self._status(entry.offered.server)
        if not of_server or of_server == "disabled":
            return of_server
        if entry.missing_since is not None:
            missing_seconds = self._clock() - entry.missing_since.timestamp()
            return "removed" if missing_seconds > self._removed_after_seconds else "unreachable"
        return "quarantined" if entry.quarantined else of_server

    async def _ship(self) -> None:
        """Write down what comes with mcp-stack, once in the life of a process."""
        async with self._shipping:
            if (shipped := self._unshipped) is None:
                return
            try:
                for server, tools in shipped.items():
                    await self.store.ship(server, tools)
            except UnavailableError as error:
                logger.warning("the tool registry is not up to date: %s", error)
            else:
                if self._unshipped is shipped:
                    self._unshipped = None


def _nearest(name: str, known: Sequence[str]) -> str:
    """What to do about a name that is none: call one that is like it, or search."""
    of_any_server = [each for each in known if each.partition(".")[2] == name.rpartition(".")[2]]
    near = list(dict.fromkeys([*of_any_server, *difflib.get_close_matches(name, known, n=3)]))[:3]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "find the tool with discover_tools, and call it by its full name, server.tool"
