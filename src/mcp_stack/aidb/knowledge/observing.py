"""Searches that are remembered: which documents are in use, and which questions found nothing good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ...errors import UnavailableError
from ...ports.catalogue import Catalogue
from ...ports.gaps import Asked, Gaps
from ...ports.retrieval import Retrieval, Retrieved

logger = logging.getLogger(__name__)

# A best passage below these is weak. Measured with 250 claims of SciFact on 1,141 of its abstracts, with the abstracts
# that answer the claim and then without them: both call one in six weak of those that have an answer (16 % by meaning,
# 17 % by words), and of those that have none 39 % and 47 %, for the other abstracts are on the same subjects. Of
# questions on other subjects they call weak 99 to 100 % (MMLU, BANKING77) by meaning and 66 to 96 % by words.
LEAST_SIMILARITY = 0.5
LEAST_COVERAGE = 0.4
# Searches wait for so long to be written together, and no more of them.
SECONDS_TO_WAIT = 2.0
MOST_WAITING = 1000


class ObservedSearch:
    """The port `Retrieval`, with a memory. What was found is written down later, by the way: no search waits for it.

    Args:
        search: Does the searching.
        catalogue: Is told which documents are in use.
        gaps: Is told which questions were asked in vain.
    """

    def __init__(self, search: Retrieval, catalogue: Catalogue, gaps: Gaps) -> None:
        self._search = search
        self._catalogue = catalogue
        self._gaps = gaps
        self._used: set[str] = set()
        self._asked: list[Asked] = []
        self._writing = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None

    async def search(
        self,
        query: str,
        *,
        limit: int,
        collection: str = "",
        tags: Sequence[str] = (),
        mode: str = "hybrid",
    ) -> Retrieved:
        """See `Retrieval.search`."""
        found = await self._search.search(query, limit=limit, collection=collection, tags=tags, mode=mode)
        if len(self._asked) < MOST_WAITING and len(self._used) < MOST_WAITING:
            self._used.update(passage.document_id for passage in found.passages)
            # Half of a search, or one among chosen documents, says little of what the knowledge base has; and what
            # holds no word (`?!`) asks for nothing that could be imported.
            if mode == "hybrid" and not tags and any(map(str.isalnum, query)):
                self._asked.append(asked(query, collection, found))
        if self._later is None or self._later.done():
            self._later = asyncio.create_task(self._flush_later())
        return found

    async def flush(self) -> None:
        """Write down now what waits; a store that is down loses it, which is logged."""
        async with self._writing:
            used, self._used = self._used, set()
            searches, self._asked = self._asked, []
            try:
                if used:
                    await self._catalogue.used(sorted(used))
                if searches:
                    await self._gaps.note(searches)
            except UnavailableError as error:
                logger.warning("%d searches are not remembered: %s", len(searches), error)

    async def close(self) -> None:
        """Write down what waits, and nothing more."""
        if self._later is not None:
            self._later.cancel()
        await self.flush()

    async def _flush_later(self) -> None:
        await asyncio.sleep(SECONDS_TO_WAIT)
        await self.flush()


def asked(question: str, collection: str, retrieved: Retrieved) -> Asked:
    """What a search found, as far as gaps go.

    Args:
        question: The question.
        collection: Where it was looked for; empty for everywhere.
        retrieved: What was found.
    """
    by_meaning = [passage for passage in retrieved.passages if passage.vector_rank]
    best = max(by_meaning or retrieved.passages, key=lambda passage: passage.relevance, default=None)
    least = LEAST_SIMILARITY if by_meaning else LEAST_COVERAGE
    return Asked(
        question=question,
        collection=collection,
        weak=best is None or best.relevance < least,
        relevance=best.relevance if best else 0.0,
        source=best.source if best else "",
        document=best.title if best else "",
        found_in=best.collection if best else "",
    )
