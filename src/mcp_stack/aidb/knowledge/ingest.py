"""Bringing documents into the knowledge base."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import StackError, UnavailableError, UsageError
from ...ports.documents import Documents, NewDocument
from ...ports.embedder import Embedder
from ...ports.events import Events
from ...ports.vectors import Point, Vectors
from ...validation import checked_text
from ..arguments import checked_tags
from .chunking import chunk, title_of
from .files import Files, name_of
from .models import ImportResult

logger = logging.getLogger(__name__)

DEFAULT_COLLECTION = "imported"

Progress = Callable[[int, int, str], Awaitable[None]]
"""Told how many files are done, how many there are, and the name of the one that was just done."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What became of one document."""

    id: str
    chunks: int
    duplicate_of: str
    note: str


class Ingest:
    """Imports texts, files and folders.

    A document is stored with its words first, in one transaction; its vectors follow. If there is no embedder, or it
    fails, the document is found by its words all the same.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        vectors: Vectors,
        embedder: Embedder,
        files: Files,
        events: Events,
        max_bytes: int,
    ) -> None:
        self._documents = documents
        self._vectors = vectors
        self._embedder = embedder
        self._files = files
        self._events = events
        self._max_bytes = max_bytes

    async def import_document(
        self,
        *,
        text: str,
        path: str,
        title: str,
        collection: str,
        tags: list[str],
        source: str,
        progress: Progress | None = None,
    ) -> ImportResult:
        """Import a text, or the file or folder at a path.

        Args:
            text: The document itself; empty if a path is given.
            path: A file, or a folder whose text files are imported; empty if a text is given.
            title: Empty for the first heading, or the file's name.
            collection: Empty for `imported`.
            tags: Labels to filter by.
            source: Where it is from; empty for the path.
            progress: Awaited after each file of a folder.

        Raises:
            UsageError: Neither or both of text and path are given, or one is not acceptable.
            DeniedError: The path is outside the allowed roots.
            NotFoundError: The path does not exist.
            UnavailableError: The database is down or full.
        """
        if bool(text.strip()) == bool(path.strip()):
            raise UsageError("exactly one of text and path is needed", "give the text itself, or a file or folder")
        collection = checked_text("collection", collection, 100, required=False) or DEFAULT_COLLECTION
        title = checked_text("title", title, 300, required=False)
        source = checked_text("source", source, 1000, required=False)
        labels = checked_tags(tags)
        if text.strip():
            if len(text.encode("utf-8", "surrogatepass")) > self._max_bytes:
                raise UsageError("text is too long", f"at most {self._max_bytes} bytes can be imported at once")
            stored = await self._store(text, title, source or "text", collection, labels)
            return _result(stored)
        target = self._files.resolve(path)
        if target.is_dir():
            return await self._import_folder(target, collection, labels, progress)
        content = self._files.read_text(target)
        stored = await self._store(content, title or title_of(content), source or name_of(target), collection, labels)
        return _result(stored)

    async def _import_folder(
        self, folder: Path, collection: str, tags: tuple[str, ...], progress: Progress | None
    ) -> ImportResult:
        files = list(self._files.walk(folder))
        if not files:
            raise UsageError(f"{folder} has no text files", "it needs .md, .txt, .rst or .adoc files")
        added = duplicates = chunks = 0
        skipped: list[str] = []
        notes: list[str] = []
        for number, file in enumerate(files, start=1):
            try:
                content = self._files.read_text(file)
                stored = await self._store(content, title_of(content) or file.stem, name_of(file), collection, tags)
            except UnavailableError:
                raise
            except StackError as error:
                skipped.append(f"{name_of(file.relative_to(folder))}: {error.problem}")
            else:
                chunks += stored.chunks
                added += not stored.duplicate_of
                duplicates += bool(stored.duplicate_of)
                if stored.note and stored.note not in notes:
                    notes.append(stored.note)
            if progress:
                await progress(number, len(files), name_of(file.relative_to(folder)))
        return ImportResult(
            document_id="",
            chunks=chunks,
            duplicate_of="",
            documents=added,
            duplicates=duplicates,
            skipped=skipped,
            notes=notes,
        )

    async def _store(self, text: str, title: str, source: str, collection: str, tags: tuple[str, ...]) -> _Stored:
        # PostgreSQL has no NUL in its texts, and a lone surrogate is no character.
        content = checked_text("text", text, self._max_bytes)
        document = NewDocument(
            id=str(uuid.uuid4()),
            title=title or title_of(content),
            content=content,
            content_hash=hashlib.sha256(content.encode()).digest(),
            source=source,
            collection=collection,
            tags=tags,
            chunks=await asyncio.to_thread(chunk, content),
        )
        if existing := await self._documents.add(document):
            note = ""
            if existing.embedding_model != self._embedder.model:
                # An import that was broken off, or ran before there was an embedder, is completed by the next one.
                note = await self._embed(replace(document, id=existing.id))
            return _Stored(existing.id, 0, existing.id, note)
        note = await self._embed(document)
        self._events.record(
            "import", document_id=document.id, source=source, collection=collection, chunks=len(document.chunks)
        )
        return _Stored(document.id, len(document.chunks), "", note)

    async def _embed(self, document: NewDocument) -> str:
        """Store the document's vectors; what is in the way, if something is."""
        texts = [f"{document.title}\n{document.content[:2000]}"]
        texts += [f"{document.title}\n{part.heading}\n{part.content}" for part in document.chunks]
        try:
            vectors = await self._embedder.embed_documents(texts)
            namespace = uuid.UUID(document.id)
            points = [
                Point(str(uuid.uuid5(namespace, str(ordinal))), vector, document.id, ordinal, document.tags)
                for ordinal, vector in enumerate(vectors)
            ]
            await self._vectors.upsert(document.collection, self._embedder.model, points)
        except UnavailableError as error:
            # The caller is told in the notes, once for a whole folder.
            logger.info("document %s is found by its words only: %s", document.id, error)
            return f"found by words only: {error.problem}; {error.remedy}"
        await self._documents.mark_embedded(document.id, self._embedder.model)
        return ""


def _result(stored: _Stored) -> ImportResult:
    return ImportResult(
        document_id=stored.id,
        chunks=stored.chunks,
        duplicate_of=stored.duplicate_of,
        documents=0 if stored.duplicate_of else 1,
        duplicates=1 if stored.duplicate_of else 0,
        skipped=[],
        notes=[stored.note] if stored.note else [],
    )
