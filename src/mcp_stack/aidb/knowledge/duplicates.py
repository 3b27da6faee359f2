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
        clusters = _clusters(neighbours)
        passages = _Passages(self._vectors, self._model)
        instead: dict[str, str] = {}
        kept: dict[str, list[str]] = {}
        found: list[Doubled] = []
        for some in _portions(ranked):
            await passages.read({document_id for each in some for document_id in (each.id, *better[each.id])})
            for document in some:
                here = kept.setdefault(clusters[document.id], [])
                if not document.pinned:
                    # One that goes leads to the one that it goes for. Where all are alike, the nearest few may not
                    # have the one that stays among them: those that stay so far are asked too.
                    near = [instead.get(other, other) for other in better[document.id]]
                    candidates = list(dict.fromkeys([*near, *here[:MOST_CANDIDATES]]))[:MOST_CANDIDATES]
                    if other := await passages.first_like(document.id, candidates, least):
                        found.append(Doubled(document, other))
                        if document.origin == "fed" or user_documents_go:
                            instead[document.id] = other
                            continue
                here.append(document.id)
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

    async def first_like(self, document_id: str, others: Sequence[str], least: float) -> str:
        """The first of some documents that says all that a document says; empty if none does.

        Args:
            document_id: The document.
            others: Those to compare it with.
            least: Least mean, over its passages, of the cosine similarity to the other's nearest one.
        """
        await self.read({document_id, *others})
        if (passages := self._known.get(document_id)) is None:
            return ""
        for other_id in others:
            other = self._known.get(other_id)
            if other is not None and float((passages @ other.T).max(axis=1).mean()) >= least:
                return other_id
        return ""


def _rank(document: Stored) -> tuple[bool, bool, int]:
    """Of two documents that say the same the lower one stays: pinned, brought by a user, older."""
    return not document.pinned, document.origin != "user", document.number


def _better(document_id: str, neighbours: Mapping[str, float], places: Mapping[str, int]) -> list[str]:
    """The neighbours that would stay rather than the document, most alike first."""
    place = places[document_id]
    found = [other for other in neighbours if places.get(other, place) < place]
    return sorted(found, key=lambda other: (-neighbours[other], places[other]))


def _clusters(neighbours: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """By document, one of those that a way leads to from neighbour to neighbour: the same for all of them."""
    clusters: dict[str, str] = {}
    for first in neighbours:
        reached = [first] if first not in clusters else []
        for document_id in reached:
            if document_id not in clusters:
                clusters[document_id] = first
                reached += neighbours[document_id]
    return clusters


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
