"""The documents as their tools see them: listed, read, deleted, pinned."""

from __future__ import annotations

import logging
import re
import uuid
from datetime import UTC
from typing import Any

from ...errors import NotFoundError, UnavailableError, UsageError
from ...ports.catalogue import Catalogue, Listed, Selection
from ...ports.events import Events
from ...ports.vectors import Vectors
from ...validation import checked_text
from .models import DeletedDocument, DocumentContent, DocumentList, DocumentSummary, NearDuplicate

logger = logging.getLogger(__name__)

MAX_ID_CHARACTERS = 100
MAX_CURSOR_CHARACTERS = 100
_CURSOR = re.compile(r"before-([1-9][0-9]{0,17})")


class DocumentCatalogue:
    """Lists, reads and deletes documents.

    Args:
        catalogue: Where they are.
        vectors: Theirs.
        events: Telemetry.
    """

    def __init__(self, catalogue: Catalogue, vectors: Vectors, events: Events) -> None:
        self._catalogue = catalogue
        self._vectors = vectors
        self._events = events

    async def page(self, selection: Selection, *, limit: int, cursor: str) -> DocumentList:
        """List documents, newest first. Pages are stable: what is added or deleted meanwhile moves no other document.

        Args:
            selection: Which ones.
            limit: Most to return.
            cursor: From the page before; empty for the first.

        Raises:
            UsageError: The cursor is none.
            UnavailableError: The database is down.
        """
        page = await self._catalogue.page(selection, limit=limit, before=_before(cursor))
        following = f"before-{page.documents[-1].number}" if page.more else ""
        return DocumentList(
            documents=[DocumentSummary(**_summary(each)) for each in page.documents],
            next_cursor=following,
            total=page.total,
        )

    async def get(self, document_id: str, *, offset: int, length: int) -> DocumentContent:
        """A document with a part of its content.

        Args:
            document_id: Its id.
            offset: Characters to leave out.
            length: Most characters to return.

        Raises:
            UsageError: The id is empty, too long, or has control characters.
            NotFoundError: There is no such document.
            UnavailableError: The database is down.
        """
        part = await self._catalogue.part(checked_document_id(document_id), offset=offset, length=length)
        if part is None:
            raise unknown_document(document_id)
        end = offset + len(part.content)
        return DocumentContent(
            **_summary(part.document),
            content=part.content,
            characters=part.characters,
            offset=offset,
            next_offset=end if part.content and end < part.characters else 0,
            near_duplicates=[
                NearDuplicate(id=each.id, title=each.title, similarity=round(each.similarity, 4))
                for each in part.near_duplicates
            ],
        )

    async def delete(self, document_id: str) -> DeletedDocument:
        """Delete a document with its passages, words, vectors and links; no answer that cites it is given again.

        From the first step on nothing shows it. If its vectors cannot be removed, the next collection of garbage does.

        Raises:
            UsageError, NotFoundError, UnavailableError: As `get`.
        """
        document = await self._catalogue.remove(checked_document_id(document_id))
        if document is None:
            raise unknown_document(document_id)
        notes = []
        try:
            await self._vectors.delete_document(document.id)
        except UnavailableError as error:
            logger.warning("the vectors of document %s are left to the garbage collection: %s", document.id, error)
            notes.append(f"its vectors go with the next collection of garbage: {error.problem}")
        self._events.record(
            "document_deleted", document_id=document.id, source=document.source, collection=document.collection
        )
        return DeletedDocument(
            id=document.id,
            title=document.title,
            collection=document.collection,
            chunks=document.chunks,
            notes=notes,
        )

    async def collections(self) -> list[str]:
        """The collections that have documents, by name.

        Raises:
            UnavailableError: The database is down.
        """
        return await self._catalogue.collections()

    async def pin(self, document_id: str, *, pinned: bool) -> None:
        """Spare a document from being collected as garbage, or no longer.

        Raises:
            UsageError, NotFoundError, UnavailableError: As `get`.
        """
        if not await self._catalogue.pin(checked_document_id(document_id), pinned=pinned):
            raise unknown_document(document_id)


def checked_document_id(document_id: str) -> str:
    """The id of a document as it is stored.

    Raises:
        UsageError: It is empty, too long, or has control characters.
        NotFoundError: No document can have it.
    """
    try:
        return str(uuid.UUID(checked_text("id", document_id, MAX_ID_CHARACTERS)))
    except ValueError:
        raise unknown_document(document_id) from None


def unknown_document(document_id: str) -> NotFoundError:
    """There is no such document."""
    return NotFoundError(f"there is no document {document_id[:80]!r}", "ids come from list_documents")


def _before(cursor: str) -> int:
    if not (text := checked_text("cursor", cursor, MAX_CURSOR_CHARACTERS, required=False)):
        return 0
    if (found := _CURSOR.fullmatch(text)) is None:
        raise UsageError("cursor is none of list_documents", "pass next_cursor of the page before, or nothing")
    return int(found[1])


def _summary(document: Listed) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "source": document.source,
        "collection": document.collection,
        "tags": list(document.tags),
        "chunks": document.chunks,
        "origin": document.origin,
        "pinned": document.pinned,
        "created_at": document.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "updated_at": document.updated_at.astimezone(UTC).isoformat(timespec="seconds"),
    }
