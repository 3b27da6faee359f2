"""`mcp-stack documents`: what is in the knowledge base, and what must stay there."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ..composition import Stack
from ..ports.catalogue import Selection
from ..settings import load_settings
from ..validation import checked_number, checked_text

if TYPE_CHECKING:
    from ..aidb.knowledge.catalogue import DocumentCatalogue

T = TypeVar("T")

MOST_LISTED = 1000
TITLE_CHARACTERS = 60


def run_documents(chosen: argparse.Namespace) -> int:
    """Do what `mcp-stack documents ACTION` says.

    Args:
        chosen: The arguments.

    Returns:
        The exit status.

    Raises:
        UsageError, NotFoundError, UnavailableError: As the actions.
    """
    match chosen.action:
        case "list":
            return list_documents(
                collection=chosen.collection, title=chosen.title, source=chosen.source, limit=chosen.limit
            )
        case "delete":
            return delete_document(chosen.id)
        case _:
            return pin_document(chosen.id, pinned=chosen.action == "pin")


def list_documents(*, collection: str, title: str, source: str, limit: int) -> int:
    """Print documents, the newest first.

    Args:
        collection: Only this one; empty for all.
        title: Only those whose title contains it.
        source: Only those whose source begins with it.
        limit: Most to print.

    Raises:
        UsageError: An argument is not acceptable.
        UnavailableError: The database is down.
    """
    selection = Selection(
        collection=checked_text("collection", collection, 100, required=False),
        title=checked_text("title", title, 300, required=False),
        source=checked_text("source", source, 1000, required=False),
    )
    checked_number("limit", limit, 1, MOST_LISTED)
    found = _with(lambda documents: documents.page(selection, limit=limit, cursor=""))
    for each in found.documents:
        mark = "pinned" if each.pinned else each.origin
        print(f"{each.id}  {mark:<6}  {each.collection}  {(each.title or each.source)[:TITLE_CHARACTERS]}")
    print(f"{len(found.documents)} of {found.total} documents")
    return 0


def pin_document(document_id: str, *, pinned: bool) -> int:
    """Spare a document from being collected as garbage, or no longer.

    Raises:
        NotFoundError: There is no such document.
        UnavailableError: The database is down.
    """
    _with(lambda documents: documents.pin(document_id, pinned=pinned))
    print("it is never collected as garbage" if pinned else "it may be collected as garbage")
    return 0


def delete_document(document_id: str) -> int:
    """Remove a document with everything that hangs on it.

    Raises:
        NotFoundError: There is no such document.
        UnavailableError: The database is down.
    """
    deleted = _with(lambda documents: documents.delete(document_id))
    print(f"deleted {deleted.title or deleted.id} (passages: {deleted.chunks})")
    for note in deleted.notes:
        print(note)
    return 0


def _with(action: Callable[[DocumentCatalogue], Awaitable[T]]) -> T:
    """Do something with the documents, and close what was opened."""

    async def run() -> T:
        stack = Stack(load_settings())
        try:
            return await action(await stack.documents())
        finally:
            await stack.close()

    return asyncio.run(run())
