"""The knowledge base's documents and their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document, short enough to be embedded whole.

    Attributes:
        ordinal: 1.. in reading order.
        heading: The headings above it, outermost first, joined by ` > `; empty before the first one.
        content: Its text, headings left out.
    """

    ordinal: int
    heading: str
    content: str


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to add.

    Attributes:
        id: A UUID as text.
        content_hash: SHA-256 of the content.
        source: Where it is from: a path, an address, a name.
        origin: Who brought it: `user`, or `fed` by a feeder.
    """

    id: str
    title: str
    content: str
    content_hash: bytes
    source: str
    collection: str
    tags: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    origin: str = "user"


@dataclass(frozen=True, slots=True)
class LexicalHit:
    """A document found by its words.

    Attributes:
        score: BM25, unbounded, higher is better; comparable within one search only.
    """

    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a document that was found: its best passage."""

    document_id: str
    title: str
    source: str
    collection: str
    ordinal: int
    heading: str
    content: str
    tags: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Existing:
    """The document that has the same content.

    Attributes:
        embedding_model: Which model's vectors it has; empty if it has none.
    """

    id: str
    embedding_model: str


class Documents(Protocol):
    """Documents, their chunks and their posting lists, in one transaction each."""

    async def add(self, document: NewDocument) -> Existing | None:
        """Store a document with its chunks and postings, unless the collection has the same content.

        Returns:
            None if it was stored, else the document with the same content.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def mark_embedded(self, document_id: str, model: str) -> None:
        """Record that the document's vectors of this model are stored.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def lexical_search(
        self, query: str, *, limit: int, collection: str = "", tags: Sequence[str] = ()
    ) -> list[LexicalHit]:
        """Documents that share words with the query, ranked by BM25, best first.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def excerpts(self, query: str, passages: Sequence[tuple[str, int]]) -> list[Excerpt]:
        """The documents with the passages to show, in the order given; deleted ones are left out.

        Args:
            query: Chooses the passage where none is given.
            passages: Document id and chunk ordinal; ordinal 0 where no chunk is known.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def revision(self) -> int:
        """A number that grows whenever the knowledge base changes.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def count(self) -> int:
        """Number of documents.

        Raises:
            UnavailableError: The store is down.
        """
        ...
