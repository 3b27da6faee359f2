"""The vectors of documents: of each as a whole, and of its passages."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ...errors import UnavailableError
from ...ports.documents import Chunk
from ...ports.embedder import Embedder
from ...ports.imports import Provenance
from ...ports.vectors import Point, Vectors

logger = logging.getLogger(__name__)

NEAR_DUPLICATE = 0.95
MOST_NEAR_DUPLICATES = 10
# Some two seconds of work, after which it is stored: little is done again after a crash.
TEXTS_AT_ONCE = 256
CHARACTERS_OF_A_DOCUMENT = 2000


@dataclass(frozen=True, slots=True)
class Embeddable:
    """A stored document whose vectors are to be made.

    Attributes:
        old_model: The model of the vectors that it has; empty if it has none.
        is_news: Answers that were given without it may be out of date.
    """

    id: str
    title: str
    content: str
    collection: str
    tags: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    old_model: str = ""
    is_news: bool = True


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of it.

    Attributes:
        near_duplicates: Ids of documents that are nearly the same as one of them.
        note: What was in the way; empty if nothing was.
    """

    near_duplicates: tuple[str, ...] = ()
    note: str = ""


class Embedding:
    """Makes and stores vectors, many documents at once, and links those that are nearly alike."""

    def __init__(self, embedder: Embedder, vectors: Vectors, provenance: Provenance) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._provenance = provenance

    @property
    def model(self) -> str:
        """Identity of the current model; empty without an embedder."""
        return self._embedder.model

    async def embed(self, documents: Sequence[Embeddable]) -> Embedded:
        """Embed documents.

        Args:
            documents: Stored ones; what vectors of this model they have is replaced.

        Raises:
            UnavailableError: The database is down or full. An embedder or a vector store that is down is told in the
                note: the documents are found by their words, and embedded later.
        """
        near: dict[str, None] = {}
        for group in _groups(documents):
            ids = [document.id for document in group]
            try:
                await self._store_vectors(group)
                await self._remove_old_vectors(group)
                alike = await self._vectors.alike(ids, self.model, least=NEAR_DUPLICATE, limit=MOST_NEAR_DUPLICATES)
            except UnavailableError as error:
                logger.info("documents are found by their words only: %s", error)
                return Embedded(tuple(near), f"found by words only: {error.problem}; {error.remedy}")
            await self._provenance.link(alike)
            is_news = any(document.is_news for document in group)
            await self._provenance.mark_embedded(ids, self.model, is_news=is_news)
            near |= dict.fromkeys(pair.other_id for pair in alike)
        return Embedded(tuple(near))

    async def _store_vectors(self, documents: Sequence[Embeddable]) -> None:
        pending = _texts(documents)
        while batch := list(islice(pending, TEXTS_AT_ONCE)):
            vectors = await self._embedder.embed_documents([each.text for each in batch])
            points: dict[str, list[Point]] = {}
            for each, vector in zip(batch, vectors, strict=True):
                point_id = str(uuid.uuid5(uuid.UUID(each.document.id), str(each.ordinal)))
                point = Point(point_id, vector, each.document.id, each.ordinal, each.document.tags)
                points.setdefault(each.document.collection, []).append(point)
            for collection, of_collection in points.items():
                await self._vectors.upsert(collection, self.model, of_collection)

    async def _remove_old_vectors(self, documents: Sequence[Embeddable]) -> None:
        """Before the documents are marked: whoever goes on after a crash finds those that are not."""
        by_model: dict[str, list[str]] = {}
        for document in documents:
            if document.old_model:
                by_model.setdefault(document.old_model, []).append(document.id)
        for model, ids in by_model.items():
            await self._vectors.delete_documents(ids, model)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text to embed: ordinal 0 stands for the document as a whole."""

    document: Embeddable
    ordinal: int
    text: str


def _groups(documents: Sequence[Embeddable]) -> Iterator[list[Embeddable]]:
    """Documents that are embedded together; one with many passages is a group of its own."""
    group: list[Embeddable] = []
    texts = 0
    for document in documents:
        count = 1 + len(document.chunks)
        if group and texts + count > TEXTS_AT_ONCE:
            yield group
            group, texts = [], 0
        group.append(document)
        texts += count
    if group:
        yield group


def _texts(documents: Sequence[Embeddable]) -> Iterator[_Text]:
    for document in documents:
        yield _Text(document, 0, f"{document.title}\n{document.content[:CHARACTERS_OF_A_DOCUMENT]}")
        for chunk in document.chunks:
            yield _Text(document, chunk.ordinal, f"{document.title}\n{chunk.heading}\n{chunk.content}")
