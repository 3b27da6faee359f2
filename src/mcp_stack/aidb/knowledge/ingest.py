"""Bringing documents into the knowledge base."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

from ...errors import DeniedError, UsageError
from ...ports.events import Events
from ...validation import checked_text
from ..arguments import checked_tags
from .background import Background
from .embedding import Embedded
from .entries import Labels, entry_of, file_key, unused_labels
from .files import Files, name_of
from .folders import FolderImports, Progress
from .formats.isolation import IsolatedReader
from .formats.kinds import ISOLATED, Kind, kind_of, may_hold_secret
from .formats.nixos import COLLECTION as NIXOS_DOCS
from .formats.nixos import is_options
from .formats.parsed import Parsed
from .formats.reading import HEAD_BYTES, Source, read
from .models import ImportResult
from .storing import Entry, Stored, Storing, key_of

# A client waits for one document, and gives up after a minute: half of that is for reading it, most of the rest for
# embedding it. What takes longer, or has more passages than that, is embedded in the background.
SECONDS_WHILE_THE_CALLER_WAITS = 30.0
SECONDS_TO_EMBED = 15.0
PASSAGES_WHILE_THE_CALLER_WAITS = 1000
_HTML = ("<!doctype html", "<html")


class Ingest:
    """Imports texts, files and folders.

    A document is stored with its words first, in one transaction; its vectors follow. If there is no embedder, or it
    fails, the document is found by its words all the same.
    """

    def __init__(
        self,
        *,
        storing: Storing,
        folders: FolderImports,
        background: Background,
        files: Files,
        events: Events,
        max_bytes: int,
    ) -> None:
        self._storing = storing
        self._folders = folders
        self._background = background
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
            path: A file, or a folder whose files are imported; empty if a text is given.
            title: Empty for the document's own, or the file's name.
            collection: Empty for `codebase-context` for source code, `imported` for everything else.
            tags: Labels to filter by.
            source: Where it is from; empty for the path.
            progress: Awaited as the files of a folder are done.

        Raises:
            UsageError: Neither or both of text and path are given, or one is not acceptable.
            DeniedError: The path is outside the allowed roots.
            NotFoundError: The path does not exist.
            UnavailableError: The database is down or full, or a folder's worker cannot be started.
        """
        if bool(text.strip()) == bool(path.strip()):
            raise UsageError("exactly one of text and path is needed", "give the text itself, or a file or folder")
        labels = Labels(
            title=checked_text("title", title, 300, required=False),
            collection=checked_text("collection", collection, 100, required=False),
            tags=checked_tags(tags),
            source=checked_text("source", source, 1000, required=False),
        )
        if text.strip():
            return await self._import_text(text, labels)
        target = self._files.resolve(path)
        if target.is_dir():
            return await self._folders.run(target, labels, progress)
        return await self._import_file(target, labels, progress)

    async def _import_text(self, text: str, labels: Labels) -> ImportResult:
        if len(text.encode("utf-8", "surrogatepass")) > self._max_bytes:
            raise UsageError("text is too long", f"at most {self._max_bytes} bytes can be imported at once")
        # PostgreSQL has no NUL in its texts, and a lone surrogate is no character.
        content = checked_text("text", text, self._max_bytes)
        name = "text.html" if content[:100].lower().startswith(_HTML) else "text.md"
        (parsed,) = await self._read(Source(name, labels.collection), content.encode(), kind_of(name, b""))
        key = key_of("text", hashlib.sha256(content.encode()).hexdigest())
        with_source = replace(labels, source=labels.source or "text")
        entry = entry_of(parsed, with_source, kind=None, key=key, seed="", max_bytes=self._max_bytes)
        return await self._finish(entry, parsed, labels)

    async def _import_file(self, file: Path, labels: Labels, progress: Progress | None) -> ImportResult:
        if labels.collection == NIXOS_DOCS and is_options(file.name, self._files.head(file, HEAD_BYTES)):
            return await self._folders.run(file, labels, progress)
        data = await asyncio.to_thread(self._files.read, file)
        if may_hold_secret(file.name, data[:HEAD_BYTES]):
            raise DeniedError(f"{name_of(file)} may hold a secret", "if it holds none, give its content as text")
        kind = kind_of(file.name, data[:HEAD_BYTES])
        (parsed,) = await self._read(Source(file.name, labels.collection), data, kind)
        key = file_key(str(file), parsed)
        with_source = replace(labels, source=labels.source or name_of(file))
        entry = entry_of(parsed, with_source, kind=kind, key=key, seed="", max_bytes=self._max_bytes)
        return await self._finish(entry, parsed, labels)

    async def _read(self, source: Source, data: bytes, kind: Kind | None) -> list[Parsed]:
        if kind in ISOLATED:
            async with IsolatedReader(seconds=SECONDS_WHILE_THE_CALLER_WAITS) as reader:
                return await reader.read(source, data)
        return await asyncio.to_thread(read, source, data)

    async def _embedded(self, entry: Entry, stored: Stored) -> Embedded | None:
        """What came of embedding a document, or None if it takes too long for somebody who waits."""
        if len(entry.document.chunks) > PASSAGES_WHILE_THE_CALLER_WAITS:
            return None
        try:
            async with asyncio.timeout(SECONDS_TO_EMBED):
                return await self._storing.embed([entry], [stored])
        except TimeoutError:
            return None

    async def _finish(self, entry: Entry, parsed: Parsed, labels: Labels) -> ImportResult:
        (stored,) = await self._storing.store([entry])
        notes = [note for note in (parsed.note, unused_labels(labels, entry, stored)) if note]
        embedded = await self._embedded(entry, stored)
        if embedded is None:
            await self._background.embed_soon()
            notes.append("found by words at once, by meaning as soon as its passages are embedded in the background")
        elif embedded.note:
            notes.append(embedded.note)
        if stored.is_new:
            self._events.record(
                "import",
                document_id=stored.id,
                source=entry.document.source,
                collection=entry.document.collection,
                chunks=len(entry.document.chunks),
            )
        return ImportResult(
            document_id=stored.id,
            chunks=len(entry.document.chunks) if stored.is_new else 0,
            duplicate_of="" if stored.is_new else stored.id,
            documents=1 if stored.is_new else 0,
            replaced=1 if stored.replaces else 0,
            duplicates=0 if stored.is_new else 1,
            near_duplicates=list(embedded.near_duplicates) if embedded else [],
            skipped=[],
            notes=notes,
            state="done",
            import_id="",
        )
