"""What the knowledge base leaves to the worker."""

from __future__ import annotations

import logging

from ...errors import StackError
from ...ports.imports import Provenance
from ...ports.jobs import Jobs
from .embedding import Embedding

logger = logging.getLogger(__name__)

REEMBED = "aidb.reembed"


class Background:
    """Has the documents embedded that lack vectors of the current model: new ones, and all after a change of model."""

    def __init__(self, provenance: Provenance, embedding: Embedding, jobs: Jobs) -> None:
        self._provenance = provenance
        self._embedding = embedding
        self._jobs = jobs

    async def embed_soon(self) -> None:
        """Have the worker embed what lacks vectors; a worker that cannot be started does it when there is one.

        Raises:
            UnavailableError: The database is down or full.
        """
        if not self._embedding.model:
            return
        try:
            await self._jobs.defer(REEMBED, lock=REEMBED)
        except StackError as error:
            logger.warning("documents are found by words until they are embedded: %s", error)

    async def catch_up(self) -> None:
        """Have the worker embed what lacks vectors, if anything does.

        Raises:
            UnavailableError: The database is down or full.
        """
        if self._embedding.model and await self._provenance.has_unembedded(self._embedding.model):
            await self.embed_soon()
