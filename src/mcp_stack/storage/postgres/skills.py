"""Skills in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from ...ports.embedder import Vector
from ...ports.skills import Skill, SkillContent, SkillEntry, SkillFile, SkillMatch, SkillStatus
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database


class PostgresSkills:
    """The port `Skills` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("skills")

    async def put(
        self, slug: str, content: SkillContent, source: str, fingerprint: str
    ) -> Literal["new", "changed", "unchanged"]:
        """See `Skills.put`."""
        values = {
            "slug": slug,
            "name": content.name,
            "description": content.description,
            "content": content.content,
            "source": source,
            "tags": list(content.tags),
            "license": content.license,
            "allowed_tools": list(content.allowed_tools),
            "content_hash": bytes.fromhex(fingerprint),
        }
        files = [
            {
                "slug": slug,
                "path": file.path,
                "size": file.size,
                "sha256": bytes.fromhex(file.sha256),
                "content": file.content,
            }
            for file in content.files
        ]
        async with self._database.write() as connection, connection.cursor() as cursor:
            row = await (await connection.execute(self._sql["put"], values)).fetchone()
            if row is None:
                return "unchanged"
            await cursor.execute(self._sql["forget_files"], {"slug": slug})
            if files:
                await cursor.executemany(self._sql["add_file"], files)
        return "new" if row["is_new"] else "changed"

    async def entries(self, status: SkillStatus | Literal[""] = "") -> list[SkillEntry]:
        """See `Skills.entries`."""
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql["entries"], {"status": status})).fetchall()
        return [SkillEntry(**{**row, "tags": tuple(row["tags"])}) for row in rows]

    async def get(self, slug: str) -> Skill | None:
        """See `Skills.get`."""
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["get"], {"slug": slug})).fetchone()
        if row is None:
            return None
        return Skill(
            slug=row["slug"],
            status=row["status"],
            source=row["source"],
            fingerprint=row["fingerprint"],
            current=_content(row),
            approved=_content(row["approved"]) if row["approved"] is not None else None,
            document_id=row["document_id"],
        )

    async def decide(self, slug: str, status: SkillStatus, fingerprint: str) -> bool:
        """See `Skills.decide`."""
        from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

        skill = await self.get(slug)
        if skill is None or skill.fingerprint != fingerprint:
            return False
        values = {
            "slug": slug,
            "status": status,
            "approved": Jsonb(asdict(skill.current)) if status == "approved" else None,
            "content_hash": bytes.fromhex(fingerprint),  # asked again: it may have been imported just now
        }
        async with self._database.write() as connection:
            return await (await connection.execute(self._sql["decide"], values)).fetchone() is not None

    async def link(self, slug: str, document_id: str) -> None:
        """See `Skills.link`."""
        async with self._database.write() as connection:
            await connection.execute(self._sql["link"], {"slug": slug, "document_id": document_id})

    async def matches(self, query: str, vector: Vector | None, model: str) -> list[SkillMatch]:
        """See `Skills.matches`."""
        from pgvector import Vector as Embedding  # noqa: PLC0415 - heavy: imported on first use

        values = {"query": query, "vector": None if vector is None else Embedding(vector), "model": model}
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql["matches"], values)).fetchall()
        return [SkillMatch(**{**row, "tags": tuple(row["tags"])}) for row in rows]

    async def without_vector(self, model: str, limit: int) -> list[tuple[str, str, str]]:
        """See `Skills.without_vector`."""
        async with self._database.read() as connection:
            cursor = await connection.execute(self._sql["without_vector"], {"model": model, "limit": limit})
            return [(row["slug"], row["fingerprint"], row["text"]) for row in await cursor.fetchall()]

    async def add_vectors(self, model: str, vectors: Sequence[tuple[str, str, Vector]]) -> None:
        """See `Skills.add_vectors`."""
        from pgvector import Vector as Embedding  # noqa: PLC0415 - heavy: imported on first use

        rows = [
            {"model": model, "slug": slug, "content_hash": bytes.fromhex(fingerprint), "embedding": Embedding(vector)}
            for slug, fingerprint, vector in vectors
        ]
        async with self._database.write() as connection, connection.cursor() as cursor:
            await cursor.executemany(self._sql["add_vector"], rows)


def _content(row: dict[str, Any]) -> SkillContent:
    return SkillContent(
        name=row["name"],
        description=row["description"],
        content=row["content"],
        license=row["license"],
        tags=tuple(row["tags"]),
        allowed_tools=tuple(row["allowed_tools"]),
        files=tuple(SkillFile(**file) for file in row["files"]),
    )
