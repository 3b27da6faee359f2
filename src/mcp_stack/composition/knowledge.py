"""The knowledge base put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.answering import Answering
from ..ports.jobs import Schedule
from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .jobs import JobParts
from .models import ModelAdapters
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.gateway.discovery import ToolIndex
    from ..aidb.knowledge.garbage import GarbageCollector
    from ..aidb.knowledge.observing import ObservedSearch
    from ..aidb.knowledge.service import Knowledge
    from ..jobs.worker import Handler

COLLECT_GARBAGE = "aidb.collect_garbage"


class KnowledgeParts:
    """What the knowledge base is made of.

    Args:
        settings: Of everything.
        stores: Where documents and vectors are.
        models: Embeds them.
        jobs: This machine's.
        events: Telemetry of AIDB.
        answering: Gives the router; asked when the service is made.
        tools: Gives the index of tools; asked when the service is made.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        models: ModelAdapters,
        jobs: JobParts,
        *,
        events: JsonlEvents,
        answering: Callable[[], Answering],
        tools: Callable[[], ToolIndex],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._jobs = jobs
        self._events = events
        self._answering = answering
        self._tools = tools

    @cached_property
    def search(self) -> ObservedSearch:
        """Hybrid search; the router uses it too."""
        from ..aidb.knowledge.observing import ObservedSearch
        from ..aidb.knowledge.search import Search

        search = Search(self._stores.documents, self._stores.vectors, self._models.embedder)
        return ObservedSearch(search, self._stores.catalogue, self._stores.gaps)

    @cached_property
    def garbage(self) -> GarbageCollector:
        """Finds and removes what nobody needs any more."""
        from ..aidb.knowledge.garbage import GarbageCollector

        return GarbageCollector(
            garbage=self._stores.garbage,
            vectors=self._stores.vectors,
            model=self._models.embedder.model,
            events=self._events,
            settings=self._settings.garbage_collection,
            clock=lambda: datetime.now(UTC),
        )

    @cached_property
    def service(self) -> Knowledge:
        """The services behind the tools."""
        from ..aidb.knowledge.catalogue import DocumentCatalogue
        from ..aidb.knowledge.files import Files
        from ..aidb.knowledge.gaps import QueryGaps
        from ..aidb.knowledge.ingest import Ingest
        from ..aidb.knowledge.query import Query
        from ..aidb.knowledge.service import Knowledge

        security = self._settings.security
        return Knowledge(
            settings=self._settings,
            asking=Query(self._answering(), self.search, self._tools(), self._events),
            searching=self.search,
            documents=DocumentCatalogue(self._stores.catalogue, self._stores.vectors, self._events),
            tidying=self.garbage,
            lacking=QueryGaps(self._stores.gaps, self._models.embedder, self.search),
            importing=Ingest(
                documents=self._stores.documents,
                vectors=self._stores.vectors,
                embedder=self._models.embedder,
                files=Files(self._settings.allowed_roots, security.max_document_bytes),
                events=self._events,
                max_bytes=security.max_document_bytes,
            ),
        )

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the knowledge base, by the job's name."""
        return {COLLECT_GARBAGE: self.garbage.collect_by_the_clock}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        chosen = self._settings.garbage_collection
        return [Schedule(COLLECT_GARBAGE, chosen.schedule)] if chosen.enabled else []

    async def close(self) -> None:
        """Write down what searches found, before the stores are closed."""
        search: ObservedSearch | None = self.__dict__.pop("search", None)
        if search is not None:
            await search.close()
