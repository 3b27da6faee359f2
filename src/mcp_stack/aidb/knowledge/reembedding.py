"""The job that embeds documents that lack vectors of the current model."""

from __future__ import annotations

import logging

from ...ports.imports import Provenance, Unembedded
from .embedding import Embeddable, Embedding

logger = logging.getLogger(__name__)

DOCUMENTS_AT_ONCE = 64


class Reembedding:
    """Embeds documents that have no vectors, or those of another model, until none is left.

    Broken off, it goes on with the documents that are left: each is marked when its vectors are stored, and only then
    are its old ones removed. Meanwhile documents are found by their words, and by meaning as far as they are done.
    """

    def __init__(self, provenance: Provenance, embedding: Embedding) -> None:
        self._provenance = provenance
        self._embedding = embedding

    async def run(self) -> None:
        """Embed what lacks vectors; without an embedder, or while it is down, nothing is done.

        Raises:
            UnavailableError: The database is down or full.
        """
        model = self._embedding.model
        if not model:
            return
        total = 0
        while batch := await self._provenance.unembedded(model, DOCUMENTS_AT_ONCE):
            embedded = await self._embedding.embed([_embeddable(document) for document in batch])
            if embedded.note:
                logger.warning("%d documents were embedded, the others wait: %s", total, embedded.note)
                return
            total += len(batch)
        if total:
            logger.info("%d documents were embedded by %s", total, model)


def _embeddable(document: Unembedded) -> Embeddable:
    return Embeddable(
        document.id,
        document.title,
        document.content,
        document.collection,
        document.tags,
        document.chunks,
        document.model,
    )
