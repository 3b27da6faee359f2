"""The knowledge base's documents and their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

BM25_K1: Final = 1.2
"""How soon the repetition of a word stops to count; b, the weight of the length, is 0.75."""


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
        is_news: Answers that were given without it may be out of date.
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
    is_news: bool = True


@dataclass(frozen=True, slots=True)
class LexicalHit:
    """A document found by its words.

    Attributes:
        score: BM25, unbounded, higher is better; comparable within one search only.
        coverage: Share of the question that the document has the words of, in (0, 1], rare words counting more.
    """

    document_id: str
    score: float
    coverage: float


@dataclass(frozen=True, slots=True)
class QuestionWords:
    """The words of a question as the store weighs them; for its own use but for `best_score`.

    Attributes:
        weights: Inverse document frequency, by the store's number of the word.
        mean_length: Words of a document on average, where scores are computed from it; 0 where stored ones serve.
    """

    weights: Mapping[int, float]
    mean_length: float = 0.0

    @property
    def best_score(self) -> float:
        """What no document's score exceeds: that of one with every word so often that once more makes no difference."""
        return (BM25_K1 + 1) * sum(self.weights.values())


@dataclass(frozen=True, slots=True)
class LexicalHits:
    """Result of a search by words.

    Attributes:
        hits: Best first.
        words: Of the question.
    """

    hits: tuple[LexicalHit, ...]
    words: QuestionWords


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document whose best passage is wanted.

    Attributes:
        similarities: Cosine similarity to the question of those of its chunks where it is known, by ordinal.
    """

    document_id: str
    similarities: Mapping[int, float]


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
    title: str
    source: str
    tags: tuple[str, ...]


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

    async def lexical_search(
        self, query: str, *, limit: int, collection: str = "", tags: Sequence[str] = ()
    ) -> LexicalHits:
        """Documents that share words with the query, ranked by BM25, best first.

        Args:
            query: The question.
            limit: Most documents to return.
            collection: Only this collection; all of them if empty.
            tags: Only documents that carry all of these.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def lexical_scores(self, words: QuestionWords, document_ids: Sequence[str]) -> list[LexicalHit]:
        """The scores of some documents, in any order; those without a word of the question are left out.

        Args:
            words: As a search gave them.
            document_ids: The documents; they need not exist.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def excerpts(self, wanted: Sequence[Wanted], words: QuestionWords) -> list[Excerpt]:
        """Documents with the passage of each that fits best, in the order given; deleted ones are left out.

        Args:
            wanted: The documents.
            words: As a search gave them; without weights if only similarity counts.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def refresh_statistics(self) -> None:
        """Count what ranking by words needs, if much has changed, and index again what was indexed otherwise.

        May be broken off and called by several at once: what one does the others leave alone.

        Raises:
            UnavailableError: The store is down or full.
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
