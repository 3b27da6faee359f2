"""From what a reader found to documents that can be stored."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import UsageError
from ...ports.documents import NewDocument
from ...validation import checked_text
from .formats.kinds import Kind
from .formats.parsed import CONTROL, Parsed
from .presets import collection_for, tags_for
from .storing import Entry, Stored, key_of

MAX_TITLE = 300


@dataclass(frozen=True, slots=True)
class Labels:
    """What the importer says of a document.

    Attributes:
        title: Empty for the document's own.
        collection: Empty if it depends on the kind.
        tags: Its own, without those of the collection.
        source: Where it is from.
    """

    title: str
    collection: str
    tags: tuple[str, ...]
    source: str


def entry_of(parsed: Parsed, labels: Labels, *, kind: Kind | None, key: bytes, seed: str, max_bytes: int) -> Entry:
    """A document to store.

    Args:
        parsed: What the reader found.
        labels: What the importer says.
        kind: Of the file; None for a text.
        key: What it is made from.
        seed: Names the document in its import: the same one gives the same id, so that an import that was broken off
            knows its own. Empty for a fresh id.
        max_bytes: Largest content.

    Raises:
        UsageError: The content is blank, too large, or has control characters.
    """
    # PostgreSQL has no NUL in its texts, and a lone surrogate is no character.
    content = checked_text("text", parsed.content, max_bytes)
    if not parsed.chunks:
        raise UsageError("the text is empty", "there is nothing to import")
    if len(content.encode()) > max_bytes:
        raise UsageError("the text is too long", f"at most {max_bytes} bytes can be imported at once")
    collection = labels.collection or collection_for(kind)
    document = NewDocument(
        id=str(_seeded(seed) if seed else uuid.uuid4()),
        title=_storable(labels.title or parsed.title)[:MAX_TITLE],
        content=content,
        content_hash=hashlib.sha256(content.encode()).digest(),
        source=f"{labels.source}#{parsed.fragment}" if parsed.fragment else labels.source,
        collection=collection,
        tags=tags_for(collection, labels.tags),
        chunks=parsed.chunks,
    )
    return Entry(document, key)


def file_key(path: str, parsed: Parsed) -> bytes:
    """What a document of a file is made from.

    Args:
        path: Of the file, absolute.
        parsed: The document.
    """
    return key_of("file", f"{path}#{parsed.fragment}" if parsed.fragment else path)


def unused_labels(given: Labels, entry: Entry, stored: Stored) -> str:
    """What to say where a document was stored before under other labels: importing it again changes nothing.

    Args:
        given: What the importer says now; what is empty asks for nothing.
        entry: What was to be stored.
        stored: What became of it.

    Returns:
        Empty if nothing that the importer said is left out.
    """
    if (there := stored.there) is None:
        return ""
    unused = [
        name
        for name, is_unused in (
            ("title", given.title and entry.document.title != there.title),
            ("tags", not set(given.tags) <= set(there.tags)),
            ("source", given.source and entry.document.source != there.source),
        )
        if is_unused
    ]
    if not unused:
        return ""
    return (
        f"what was stored before stays as it was, so these were not used for it: {', '.join(unused)}; to change them, "
        "remove it with delete_document and import it again"
    )


def distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Without a second entry of the same collection and key.

    Args:
        entries: Of one import.
    """
    return list({(entry.document.collection, entry.key): entry for entry in entries}.values())


def _seeded(seed: str) -> uuid.UUID:
    # Names of files may have bytes that are not UTF-8, which uuid5 does not take.
    return uuid.UUID(bytes=hashlib.sha256(seed.encode("utf-8", "surrogateescape")).digest()[:16], version=5)


def _storable(title: str) -> str:
    """A title that is the name of a file, with U+FFFD for bytes that are not UTF-8."""
    return CONTROL.sub(" ", title.encode("utf-8", "surrogateescape").decode("utf-8", "replace")).strip()
