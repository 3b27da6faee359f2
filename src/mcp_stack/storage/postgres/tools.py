"""The tool registry and the audit log of calls in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...ports.tools import Entry, KnownTool, Offer, ServerRecord, ToolCall
from .queries import queries

if TYPE_CHECKING:
    from .pool import Connection, Database


class PostgresTools:
    """The port `ToolRegistry` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("tools")

    async def record(self, server: str, offers: Sequence[Offer]) -> None:
        """See `ToolRegistry.record`."""
        async with self._database.write() as connection:
            await connection.execute(self._sql["lock_server"], {"server": server})
            before = await self._recorded(connection, server)
            await connection.execute(self._sql["seen"], {"server": server})
            fresh = [offer for offer in offers if not _as_before(offer, before)]
            missing = await connection.execute(self._sql["missing"], {"server": server, "listed": _keys(offers)})
            if fresh:
                async with connection.cursor() as cursor:
                    await cursor.executemany(
                        self._sql["record"], [_row(offer, "first use" if offer.trusted else "") for offer in fresh]
                    )
            if fresh or missing.rowcount:
                await connection.execute(self._sql["changed"])

    async def ship(self, server: str, tools: Sequence[KnownTool]) -> None:
        """See `ToolRegistry.ship`."""
        offers = [Offer(tool) for tool in tools]
        async with self._database.write() as connection:
            await connection.execute(self._sql["lock_server"], {"server": server})
            before = await self._recorded(connection, server)
            gone = await connection.execute(self._sql["forget_shipped"], {"server": server, "listed": _keys(offers)})
            fresh = [
                offer
                for offer in offers
                if not _as_before(offer, before)
                or before[offer.tool.kind, offer.tool.tool]["approved_by"] != "manifest"
            ]
            if fresh:
                rows = [_row(offer, "manifest") for offer in fresh]
                async with connection.cursor() as cursor:
                    await cursor.executemany(self._sql["record"], rows)
                    await cursor.executemany(self._sql["ship"], rows)
            if fresh or gone.rowcount:
                await connection.execute(self._sql["changed"])

    async def entry(self, server: str, tool: str) -> Entry | None:
        """See `ToolRegistry.entry`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["entry"], {"server": server, "tool": tool})
            row = await cursor.fetchone()
        return _entry(row) if row else None

    async def entries(self, server: str = "") -> list[Entry]:
        """See `ToolRegistry.entries`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["entries"], {"server": server})
            return [_entry(row) for row in await cursor.fetchall()]

    async def revision(self) -> int:
        """See `ToolRegistry.revision`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["revision"])).fetchone()
        return int(row["revision"]) if row else 0

    async def approve(self, entry: Entry) -> bool:
        """See `ToolRegistry.approve`."""
        async with self._database.write() as connection:
            done = await connection.execute(self._sql["approve"], _row(Offer(entry.offered), "person"))
            if done.rowcount:
                await connection.execute(self._sql["changed"])
            return done.rowcount > 0

    async def categorize(self, server: str, tool: str, category: str) -> bool:
        """See `ToolRegistry.categorize`."""
        async with self._database.write() as connection:
            done = await connection.execute(
                self._sql["categorize"], {"server": server, "tool": tool, "category": category}
            )
            if done.rowcount:
                await connection.execute(self._sql["changed"])
            return done.rowcount > 0

    async def servers(self) -> list[ServerRecord]:
        """See `ToolRegistry.servers`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["servers"])
            return [ServerRecord(**row) for row in await cursor.fetchall()]

    async def listed(self, server: str, configuration: bytes, notes: str) -> None:
        """See `ToolRegistry.listed`."""
        async with self._database.write() as connection:
            await connection.execute(
                self._sql["server_listed"], {"name": server, "configuration": configuration, "notes": notes}
            )

    async def failed(self, server: str, error: str) -> None:
        """See `ToolRegistry.failed`."""
        async with self._database.write() as connection:
            await connection.execute(self._sql["server_failed"], {"name": server, "error": error})

    async def _recorded(self, connection: Connection, server: str) -> dict[tuple[str, str], dict[str, Any]]:
        cursor = await connection.execute(self._sql["same"], {"server": server})
        return {(row["kind"], row["tool"]): row for row in await cursor.fetchall()}


class PostgresCallLog:
    """The port `CallLog` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("tools")

    async def add(self, call: ToolCall) -> None:
        """See `CallLog.add`."""
        from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

        row = {
            "client": call.client,
            "server": call.server,
            "tool": call.tool,
            "outcome": call.outcome,
            "code": call.code,
            "duration_ms": call.duration_ms,
            "request_bytes": call.request_bytes,
            "response_bytes": call.response_bytes,
            "arguments_sha256": call.arguments_sha256,
            "argument_names": list(call.argument_names),
            "arguments": None if call.arguments is None else Jsonb(dict(call.arguments)),
        }
        async with self._database.write() as connection:
            await connection.execute(self._sql["add_call"], row)

    async def prune(self, max_age_days: int) -> int:
        """See `CallLog.prune`."""
        async with self._database.write() as connection:
            return (await connection.execute(self._sql["prune_calls"], {"days": max_age_days})).rowcount


def _keys(offers: Sequence[Offer]) -> list[str]:
    return [f"{offer.tool.kind} {offer.tool.tool}" for offer in offers]


def _as_before(offer: Offer, before: Mapping[tuple[str, str], Mapping[str, Any]]) -> bool:
    """Whether the registry holds exactly this, so that nothing has to be written."""
    row = before.get((offer.tool.kind, offer.tool.tool))
    return (
        row is not None
        and not row["missing"]
        and bytes(row["fingerprint"]) == offer.tool.fingerprint
        and (row["category_given"] or row["category"] == offer.tool.category)
        and row["findings"] == [dict(finding) for finding in offer.findings]
    )


def _row(offer: Offer, approved_by: str) -> dict[str, Any]:
    from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

    tool = offer.tool
    return {
        "kind": tool.kind,
        "name": tool.name,
        "server": tool.server,
        "tool": tool.tool,
        "title": tool.title,
        "description": tool.description,
        "category": tool.category,
        "input_schema": Jsonb(tool.input_schema),
        "output_schema": Jsonb(tool.output_schema),
        "annotations": Jsonb(tool.annotations),
        "fingerprint": tool.fingerprint,
        "findings": Jsonb([dict(finding) for finding in offer.findings]),
        "definition": Jsonb(tool.definition),
        "approved_by": approved_by,
    }


def _entry(row: Mapping[str, Any]) -> Entry:
    offered = KnownTool(
        server=row["server"],
        tool=row["tool"],
        title=row["title"],
        description=row["description"],
        category=row["category"],
        input_schema=row["input_schema"],
        annotations=row["annotations"],
        kind=row["kind"],
        output_schema=row["output_schema"],
    )
    return Entry(
        offered=offered,
        approved=None if row["approved"] is None else _approved(offered, row["approved"]),
        approved_by=row["approved_by"],
        findings=tuple(row["findings"]),
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        missing_since=row["missing_since"],
    )


def _approved(offered: KnownTool, definition: Mapping[str, Any]) -> KnownTool:
    """The tool as it was approved, from its definition under the names of the protocol."""
    return replace(
        offered,
        title=definition["title"],
        description=definition["description"],
        input_schema=definition["inputSchema"],
        output_schema=definition["outputSchema"],
        annotations=definition["annotations"],
    )
