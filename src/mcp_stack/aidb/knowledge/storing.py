"""Storing documents: each with its words at once, and with its vectors as soon as there are any."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import UnavailableError
from ...ports.documents import Documents, Existing, NewDocument
from ...ports.imports import Keyed, Provenance
from ...ports.vectors import Vectors
from .embedding import Embeddable, Embedded, Embedding

logger = logging.getLogger(__name__)

# As many as a process has connections, less one for everybody else.
AT_ONCE = 4
# Somebody may remove a document while it is being stored; not again and again.
MOST_TRIES = 3


def key_of(kind: str, name: str) -> bytes:
    """What a document is made from, as the store knows it.

    Args:
        kind: `file`, `text` or `fed`.
        name: A path, a hash, or what a feeder calls it.

    Returns:
        A SHA-256.
    """
    return hashlib.sha256(f"{kind}:{name}".encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A document to store.

    Attributes:
        document: With an id of its own.
        key: From `key_of`; the same key with another content replaces the document.
    """

    document: NewDocument
    key: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one document.

    Attributes:
        id: Of the document that has this content now.
        is_new: It was stored; otherwise there was one with the same content.
        replaces: It took the place of an older version.
        lacks_vectors: It has none of the current model.
        old_model: The model of those that it has; empty if it has none.
        there: The document as it was stored before; None if it is new.
    """

    id: str
    is_new: bool
    replaces: bool
    lacks_vectors: bool
    old_model: str = ""
    there: Existing | None = None


class Storing:
    """Stores documents, replaces older versions, and has them embedded."""

    def __init__(self, documents: Documents, provenance: Provenance, vectors: Vectors, embedding: Embedding) -> None:
        self._documents = documents
        self._provenance = provenance
        self._vectors = vectors
        self._embedding = embedding

    async def store(self, entries: Sequence[Entry]) -> list[Stored]:
        """Store documents with their words; each is found from then on. Doing it twice changes nothing.

        Args:
            entries: No two with the same collection and key.

        Returns:
            What became of each, in the same order.

        Raises:
            UnavailableError: The database is down or full.
        """
        results: list[Stored | None] = [None] * len(entries)
        waiting = list(range(len(entries)))
        for _ in range(MOST_TRIES):
            waiting = await self._try_to_store(entries, waiting, results)
            if not waiting:
                break
        stored = [result for result in results if result is not None]
        if len(stored) < len(entries):
            raise UnavailableError("documents are removed while they are imported", "import them again")
        return stored

    async def embed(self, entries: Sequence[Entry], stored: Sequence[Stored]) -> Embedded:
        """Make the vectors that are lacking.

        Args:
            entries: As they were stored.
            stored: What became of each.

        Raises:
            UnavailableError: The database is down or full.
        """
        lacking: dict[str, Embeddable] = {}
        for entry, result in zip(entries, stored, strict=True):
            if result.lacks_vectors:
                each = entry.document
                lacking[result.id] = Embeddable(
                    id=result.id,
                    title=each.title,
                    content=each.content,
                    collection=each.collection,
                    tags=each.tags,
                    chunks=each.chunks,
                    old_model=result.old_model,
                    is_news=each.is_news,
                )
        return await self._embedding.embed(list(lacking.values()))

    async def _try_to_store(
        self, entries: Sequence[Entry], waiting: Sequence[int], results: list[Stored | None]
    ) -> list[int]:
        """Store those that wait; which of them have to be stored again."""
        places = asyncio.Semaphore(AT_ONCE)

        async def add(number: int) -> Existing | None:
            async with places:
                return await self._documents.add(entries[number].document)

        added = await asyncio.gather(*(add(number) for number in waiting))
        ids = {
            number: existing.id if existing else entries[number].document.id
            for number, existing in zip(waiting, added, strict=True)
        }
        recorded = await self._provenance.record(
            [Keyed(entries[number].document.collection, entries[number].key, ids[number]) for number in waiting]
        )
        await self._forget(recorded.removed)
        again = []
        for number, existing in zip(waiting, added, strict=True):
            if ids[number] in recorded.lost:
                again.append(number)
                continue
            # One with the very id was stored by an import that was broken off: it is this one's own.
            own = existing is None or existing.id == entries[number].document.id
            results[number] = Stored(
                id=ids[number],
                is_new=own,
                replaces=own and ids[number] in recorded.replacing,
                lacks_vectors=existing is None or existing.embedding_model != self._embedding.model,
                old_model=existing.embedding_model if existing else "",
                there=None if own else existing,
            )
        return again

    async def _forget(self, removed: Sequence[str]) -> None:
        """Remove the vectors of replaced documents from a store of their own."""
        if removed:
            try:
                await self._vectors.delete_documents(removed)
            except UnavailableError as error:
                # They are found no more without their document, and collected as garbage.
                logger.warning("vectors of %d replaced documents stay: %s", len(removed), error)
