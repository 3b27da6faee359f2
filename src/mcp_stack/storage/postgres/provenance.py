"""What documents were made from, which ones are nearly alike, and which ones lack vectors, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...ports.documents import Chunk
from ...ports.imports import Keyed, Recorded, Unembedded
from ...ports.vectors import Alike
from .queries import queries

if TYPE_CHECKING:
    from .pool import Connection, Database

PASSAGES_AT_ONCE = 2000
CHARACTERS_OF_A_DOCUMENT = 2000


class PostgresProvenance:
    """The port `Provenance` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("provenance")

    async def record(self, keys: Sequence[Keyed]) -> Recorded:
        """See `Provenance.record`."""
        if not keys:
            return Recorded()
        # In one order everywhere: two that record the same keys wait for each other, but never in a circle.
        wanted = {(each.collection, each.key): each.document_id for each in sorted(keys, key=_identity)}
        # Nearly always they are all new, or all the same as before.
        async with self._database.write_statement() as connection:
            if (await connection.execute(self._sql["add_keys"], _columns(wanted))).rowcount == len(wanted):
                return Recorded()
            row = await (await connection.execute(self._sql["count_settled"], _columns(wanted))).fetchone()
            if row is not None and row["keys"] == len(wanted):
                return Recorded()
        return await self._move(wanted)

    async def _move(self, wanted: dict[tuple[str, bytes], str]) -> Recorded:
        """Record keys of which some name another document."""
        async with self._database.write() as connection:
            cursor = await connection.execute(self._sql["hold"], {"ids": sorted(set(wanted.values()))})
            alive = {row["id"] for row in await cursor.fetchall()}
            lost = frozenset(wanted.values()) - alive
            wanted = {identity: document_id for identity, document_id in wanted.items() if document_id in alive}
            await connection.execute(self._sql["add_keys"], _columns(wanted))
            cursor = await connection.execute(self._sql["lock_keys"], _columns(wanted))
            before = {(row["collection"], bytes(row["key"])): row["document_id"] for row in await cursor.fetchall()}
            moved = {each: wanted[each] for each, document_id in before.items() if document_id != wanted[each]}
            replaced = sorted({before[each] for each in moved})
            removed: list[str] = []
            if moved:
                await connection.execute(self._sql["move_keys"], _columns(moved))
                pairs = {"before": [before[each] for each in moved], "after": list(moved.values())}
                await connection.execute(self._sql["carry_pins"], pairs)
                removed += await self._remove_unnamed(connection, "claim_unheld", replaced)
        if left := [each for each in replaced if each not in removed]:
            # Some were held a moment ago; now that nothing else is locked here they can be waited for.
            async with self._database.write() as connection:
                removed += await self._remove_unnamed(connection, "claim", left)
        if moved:
            # After the commit: whoever read the revision before it has still found what was removed.
            async with self._database.write_statement() as connection:
                await connection.execute(self._sql["bump_revision"])
        return Recorded(frozenset(moved.values()), tuple(removed), lost)

    async def _remove_unnamed(self, connection: Connection, claim: str, document_ids: list[str]) -> list[str]:
        """Remove those of some documents that no key names; `claim` says how they are locked."""
        cursor = await connection.execute(self._sql[claim], {"ids": document_ids})
        claimed = [row["id"] for row in await cursor.fetchall()]
        cursor = await connection.execute(self._sql["remove_unnamed"], {"ids": claimed})
        removed = [row["id"] for row in await cursor.fetchall()]
        await connection.execute(self._sql["remove_vectors"], {"ids": removed})
        return removed

    async def link(self, pairs: Sequence[Alike]) -> None:
        """See `Provenance.link`."""
        if pairs:
            values = {
                "ids": [pair.document_id for pair in pairs],
                "others": [pair.other_id for pair in pairs],
                "similarities": [pair.similarity for pair in pairs],
            }
            async with self._database.write() as connection:
                await connection.execute(self._sql["link"], values)

    async def mark_embedded(self, document_ids: Sequence[str], model: str, *, is_news: bool = True) -> None:
        """See `Provenance.mark_embedded`."""
        async with self._database.write_statement() as connection:
            await connection.execute(self._sql["mark_embedded"], {"ids": list(document_ids), "model": model})
            if is_news:
                await connection.execute(self._sql["bump_revision"])

    async def made_below(self, folder: str, *, after: str, limit: int) -> list[tuple[str, str]]:
        """See `Provenance.made_below`."""
        values = {"folder": folder.rstrip("/") + "/", "after": after, "limit": limit}
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql["made_below"], values)).fetchall()
            return [(row["source"], row["id"]) for row in rows]

    async def unembedded(self, model: str, limit: int) -> list[Unembedded]:
        """See `Provenance.unembedded`."""
        values = {
            "model": model,
            "limit": limit,
            "characters": CHARACTERS_OF_A_DOCUMENT,
            "passages": PASSAGES_AT_ONCE,
        }
        async with self._database.read() as connection:
            return [
                _unembedded(row) for row in await (await connection.execute(self._sql["unembedded"], values)).fetchall()
            ]

    async def has_unembedded(self, model: str) -> bool:
        """See `Provenance.has_unembedded`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["has_unembedded"], {"model": model})).fetchone()
            return bool(row and row["found"])


def _identity(keyed: Keyed) -> tuple[str, bytes]:
    return keyed.collection, keyed.key


def _columns(keys: dict[tuple[str, bytes], str]) -> dict[str, list[Any]]:
    return {
        "collections": [collection for collection, _ in keys],
        "keys": [key for _, key in keys],
        "ids": list(keys.values()),
    }


def _unembedded(row: dict[str, Any]) -> Unembedded:
    passages = zip(row.pop("ordinals"), row.pop("headings"), row.pop("contents"), strict=True)
    return Unembedded(**{**row, "tags": tuple(row["tags"])}, chunks=tuple(Chunk(*passage) for passage in passages))
