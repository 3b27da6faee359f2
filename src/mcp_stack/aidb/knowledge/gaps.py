"""What the knowledge base lacks: questions whose best passage was weak."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from ...errors import UnavailableError
from ...ports.embedder import Embedder
from ...ports.gaps import Gap, Gaps
from .models import QueryGap, QueryGapList
from .observing import ObservedSearch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Questions whose vectors are that much alike ask the same in other words.
SAME_QUESTION = 0.9
COMPARED = 200
SIMILAR_SHOWN = 3


class QueryGaps:
    """Lists the questions that were asked in vain.

    Args:
        gaps: Where they are counted.
        embedder: Tells which of them ask the same in other words; without one they count apart.
        search: Its observations are waited for.
    """

    def __init__(self, gaps: Gaps, embedder: Embedder, search: ObservedSearch) -> None:
        self._gaps = gaps
        self._embedder = embedder
        self._search = search

    async def most_asked(self, limit: int) -> QueryGapList:
        """The questions that were asked most often, those that ask the same taken together.

        Args:
            limit: Most to return.

        Raises:
            UnavailableError: The database is down.
        """
        await self._search.flush()
        gaps = await self._gaps.most_asked(COMPARED)
        notes: list[str] = []
        groups = [[gap] for gap in gaps]
        if len(gaps) > 1:
            try:
                groups = await self._grouped(gaps)
            except UnavailableError as error:
                notes.append(f"questions in other words count apart: {error.problem}; {error.remedy}")
        found = sorted((_told(group) for group in groups), key=lambda gap: -gap.asked)
        return QueryGapList(gaps=found[:limit], notes=notes)

    async def _grouped(self, gaps: Sequence[Gap]) -> list[list[Gap]]:
        """Each gap with the first before it that asks the same of the same collection."""
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        # As queries, which they were, and whose vectors are cached.
        vectors = np.asarray([await self._embedder.embed_query(gap.question) for gap in gaps], dtype=np.float32)
        alike: NDArray[np.bool_] = vectors @ vectors.T >= SAME_QUESTION
        groups: dict[int, list[Gap]] = {}
        for place, gap in enumerate(gaps):
            first = next(
                (other for other in groups if alike[place, other] and gaps[other].collection == gap.collection), place
            )
            groups.setdefault(first, []).append(gap)
        return list(groups.values())


def _told(group: Sequence[Gap]) -> QueryGap:
    best = max(group, key=lambda gap: gap.best_relevance)
    return QueryGap(
        question=group[0].question,
        collection=group[0].collection,
        asked=sum(gap.asked for gap in group),
        last_asked=max(gap.last_asked for gap in group).astimezone(UTC).isoformat(timespec="seconds"),
        best_relevance=best.best_relevance,
        best_source=best.best_source,
        best_document=best.best_document,
        similar=[gap.question for gap in group[1 : 1 + SIMILAR_SHOWN]],
    )
