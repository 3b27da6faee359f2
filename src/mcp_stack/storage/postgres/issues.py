"""The issue tracker in PostgreSQL."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from ...errors import ConflictError, NotFoundError
from ...ports.issues import Filed, Issue, IssuePage, Note, Report, Severity, Status
from .queries import queries

if TYPE_CHECKING:
    from .pool import Database

MOST_INCIDENTS = 20
MOST_NOTES = 100


class PostgresIssues:
    """The port `Issues` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("issues")

    async def file(self, report: Report) -> Filed:
        """See `Issues.file`."""
        from psycopg.types.json import Jsonb  # noqa: PLC0415 - heavy: imported on first use

        values = {
            "id": uuid.uuid4(),
            "title": report.title,
            "severity": report.severity,
            "category": report.category,
            "description": report.description,
            "context": Jsonb(dict(report.context)),
            "signature": report.signature,
            "incidents": [report.incident] if report.incident else [],
            "most_incidents": MOST_INCIDENTS,
        }
        async with self._database.write() as connection:
            row = await (await connection.execute(self._sql["file"], values)).fetchone()
        assert row is not None, "an upsert returns its row"  # noqa: S101 - an SQL certainty
        return Filed(**row)

    async def list(
        self,
        *,
        severity: Severity | Literal[""] = "",
        status: Status | Literal[""] = "",
        category: str = "",
        limit: int = 20,
        offset: int = 0,
    ) -> IssuePage:
        """See `Issues.list`."""
        values = {"severity": severity, "status": status, "category": category, "limit": limit, "offset": offset}
        async with self._database.read() as connection:
            rows = await (await connection.execute(self._sql["list"], values)).fetchall()
            counted = await (await connection.execute(self._sql["count"], values)).fetchone()
        return IssuePage(tuple(_issue(row) for row in rows), counted["total"] if counted else 0)

    async def get(self, issue_id: str) -> Issue | None:
        """See `Issues.get`."""
        if (key := _uuid(issue_id)) is None:
            return None
        async with self._database.read() as connection:
            row = await (await connection.execute(self._sql["get"], {"id": key})).fetchone()
        return _issue(row) if row else None

    async def update(self, issue_id: str, status: Status | Literal[""], note: str) -> Issue:
        """See `Issues.update`."""
        from psycopg.errors import UniqueViolation  # noqa: PLC0415 - heavy: imported on first use

        row = None
        if (key := _uuid(issue_id)) is not None:
            values = {"id": key, "status": status, "note": note, "most_notes": MOST_NOTES}
            try:
                async with self._database.write() as connection:
                    row = await (await connection.execute(self._sql["update"], values)).fetchone()
            except UniqueViolation as error:
                raise ConflictError(
                    f"issue {issue_id} is closed, and a newer one counts the same error", "update that one"
                ) from error
        if row is None:
            raise NotFoundError(f"there is no issue {issue_id[:80]!r}", "see `list_issues` for the ids")
        return _issue(row)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _issue(row: dict[str, Any]) -> Issue:
    notes = tuple(Note(datetime.fromisoformat(each["at"]), each["status"], each["note"]) for each in row["notes"])
    return Issue(**{**row, "incidents": tuple(row["incidents"]), "notes": notes})
