"""Collecting garbage in a test, and what is left afterwards."""

from __future__ import annotations

from mcp_stack.aidb.knowledge.models import GarbageReport
from mcp_stack.composition import Stack
from tests.support.stack import add


async def collect(stack: Stack, *, dry_run: bool = False, told: bool = False) -> GarbageReport:
    knowledge = (await stack.aidb()).knowledge
    return await knowledge.collect_garbage(dry_run=dry_run, include_user_documents=told)


async def fed(stack: Stack, text: str, *, days_old: int = 0, collection: str = "error-solutions") -> str:
    """A document that a feeder brought some days ago; its id."""
    document_id = (await add(stack, text=text, collection=collection)).document_id
    async with stack._stores.database.write() as connection:
        await connection.execute(
            "update imported_documents set origin = 'fed', created_at = now() - make_interval(days => %(days)s),"
            " updated_at = now() - make_interval(days => %(days)s) where id = %(id)s",
            {"id": document_id, "days": days_old},
        )
    return document_id


async def users(stack: Stack, text: str, *, days_old: int = 0) -> str:
    """A document that a user imported some days ago; its id."""
    document_id = await fed(stack, text, days_old=days_old)
    async with stack._stores.database.write() as connection:
        await connection.execute("update imported_documents set origin = 'user' where id = %s", [document_id])
    return document_id


async def documents(stack: Stack) -> set[str]:
    async with stack._stores.database.read() as connection:
        cursor = await connection.execute("select id::text as id from imported_documents")
        return {row["id"] for row in await cursor.fetchall()}


async def with_vectors(stack: Stack) -> set[str]:
    return {each.document_id async for batch in stack._stores.vectors.stored() for each in batch}


def counts(report: GarbageReport) -> dict[str, int]:
    return {each.kind: each.removed for each in report.kinds if each.removed}
