"""Which documents say what another one says already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ...ports.garbage import Duplicate, Garbage, Stored
from ...ports.vectors import Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[np.float32]

COMPARED_AT_ONCE = 100
# Of more documents that are all alike, the nearest of each: they lead to the one that is kept all the same.
NEAREST = 8
# Beyond this, of a million documents that are all alike, the rest waits for the next collection.
MOST_PAIRS = 200_000
# Most passages in memory at once, and most of a document: 300 KB of text.
PASSAGES_AT_ONCE = 2000
MOST_PASSAGES = 500
# Documents to compare with before a document counts as one of its own.
MOST_CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class Doubled:
    """A document that says what another one says.

    Attributes:
        document: The one that might go.
        kept: Id of the other one: pinned, brought by a user, or older.
    """

    document: Stored
    kept: str

    @property
    def pair(self) -> Duplicate:
        """Both ids."""
        return Duplicate(self.document.id, self.kept)


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search for near-duplicates.

    Attributes:
        doubled: By a fed document, the ones that may go; by a user's, the ones that a person may want to remove.
        complete: Every document was compared.
    """

    doubled: tuple[Doubled, ...]
    complete: bool


class NearDuplicates:
    """Finds documents that are nearly alike, with one search of the vector index for each document.

    A document's vector reads no more than its beginning: a licence or a form would make strangers alike. So the
    passages decide: a document is doubled if, on average, each of its passages is as like one of the other's as is
    asked for.

    Args:
        garbage: Lists the documents.
        vectors: Compares them.
        model: Whose vectors are compared.
    """

    def __init__(self, garbage: Garbage, vectors: Vectors, model: str) -> None:
        self._garbage = garbage
        self._vectors = vectors
        self._model = model

    async def find(
        self, least: float, *, ignored: AbstractSet[str], user_documents_go: bool, in_time: Callable[[], bool]
    ) -> Found:
        """Compare all documents, each within its collection.

        Args:
            least: Least cosine similarity.
            ignored: Ids of documents that go anyway: nothing else goes because of them.
            user_documents_go: What a user brought goes too, so nothing else goes because of a doubled one.
            in_time: Whether there is time left.

        Raises:
            UnavailableError: A store is down.
        """
        neighbours, complete = await self._neighbours(least, ignored, in_time)
        described: list[Stored] = []
        ids = sorted(neighbours)
        for start in range(0, len(ids), 1000):
            described += await self._garbage.described(ids[start : start + 1000])
        return Found(tuple(await self._doubled(described, neighbours, least, user_documents_go)), complete)

    async def _neighbours(
        self, least: float, ignored: AbstractSet[str], in_time: Callable[[], bool]
    ) -> tuple[dict[str, dict[str, float]], bool]:
        """Similarity by document and document, both ways; and whether all were compared."""
        neighbours: dict[str, dict[str, float]] = {}
        after = pairs = 0
        while page := await self._garbage.embedded(self._model, after=after, limit=COMPARED_AT_ONCE):
            after = page[-1][0]
            wanted = [document_id for _, document_id in page if document_id not in ignored]
            for found in await self._vectors.alike(wanted, self._model, least=least, limit=NEAREST):
                if found.other_id not in ignored:
                    neighbours.setdefault(found.document_id, {})[found.other_id] = found.similarity
                    neighbours.setdefault(found.other_id, {})[found.document_id] = found.similarity
                    pairs += 1
            if pairs > MOST_PAIRS or not in_time():
                return neighbours, False
        return neighbours, True

    async def _doubled(
        self,
        documents: Sequence[Stored],
        neighbours: Mapping[str, Mapping[str, float]],
        least: float,
        user_documents_go: bool,
    ) -> list[Doubled]:
        ranked = sorted((each for each in documents if each.chunks <= MOST_PASSAGES), key=_rank)
        places = {document.id: place for place, document in enumerate(ranked)}
        better = {document.id: _better(document.id, neighbours[document.id], places) for document in ranked}
        passages = _Passages(self._vectors, self._model)
        instead: dict[str, str] = {}
        found: list[Doubled] = []
        for some in _portions(ranked):
            await passages.read({document_id for each in some for document_id in (each.id, *better[each.id])})
            for document in some:
                if document.pinned:
                    continue
                # One that goes leads to the one that it goes for.
                candidates = list(dict.fromkeys(instead.get(other, other) for other in better[document.id]))
                for other in candidates[:MOST_CANDIDATES]:
                    if await passages.likeness(document.id, other) >= least:
                        found.append(Doubled(document, other))
                        if document.origin == "fed" or user_documents_go:
                            instead[document.id] = other
                        break
        return found


class _Passages:
    """The vectors of the passages of some documents, those of the last documents kept."""

    def __init__(self, vectors: Vectors, model: str) -> None:
        self._vectors = vectors
        self._model = model
        self._known: dict[str, Matrix] = {}

    async def read(self, document_ids: AbstractSet[str]) -> None:
        """Have them at hand."""
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        if sum(len(matrix) for matrix in self._known.values()) > PASSAGES_AT_ONCE:
            self._known = {key: matrix for key, matrix in self._known.items() if key in document_ids}
        missing = sorted(document_ids - self._known.keys())
        found = await self._vectors.passages_of(missing, self._model) if missing else {}
        self._known |= {key: np.asarray(vectors, dtype=np.float32) for key, vectors in found.items()}

    async def likeness(self, document_id: str, other_id: str) -> float:
        """Mean over the document's passages of the cosine similarity to the other's nearest one; 0 without any."""
        await self.read({document_id, other_id})
        one, other = self._known.get(document_id), self._known.get(other_id)
        return float((one @ other.T).max(axis=1).mean()) if one is not None and other is not None else 0.0


def _rank(document: Stored) -> tuple[bool, bool, int]:
    """Of two documents that say the same the lower one stays: pinned, brought by a user, older."""
    return not document.pinned, document.origin != "user", document.number


def _better(document_id: str, neighbours: Mapping[str, float], places: Mapping[str, int]) -> list[str]:
    """The neighbours that would stay rather than the document, most alike first."""
    place = places[document_id]
    found = [other for other in neighbours if places.get(other, place) < place]
    return sorted(found, key=lambda other: (-neighbours[other], places[other]))


def _portions(documents: Sequence[Stored]) -> Iterator[list[Stored]]:
    """The documents in groups of few passages."""
    portion: list[Stored] = []
    passages = 0
    for document in documents:
        if portion and passages + document.chunks > PASSAGES_AT_ONCE // (NEAREST + 1):
            yield portion
            portion, passages = [], 0
        portion.append(document)
        passages += document.chunks
    if portion:
        yield portion
