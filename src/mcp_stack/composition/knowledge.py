"""The knowledge base put together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.answering import Answering
from ..ports.feeding import Feeder
from ..ports.jobs import Schedule
from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .jobs import IMPORT_FOLDER, JobParts
from .models import ModelAdapters
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.gateway.discovery import ToolIndex
    from ..aidb.knowledge.background import Background
    from ..aidb.knowledge.catalogue import DocumentCatalogue
    from ..aidb.knowledge.embedding import Embedding
    from ..aidb.knowledge.files import Files
    from ..aidb.knowledge.garbage import GarbageCollector
    from ..aidb.knowledge.observing import ObservedSearch
    from ..aidb.knowledge.search import Search
    from ..aidb.knowledge.service import Knowledge
    from ..aidb.knowledge.storing import Storing
    from ..jobs.worker import Handler

COLLECT_GARBAGE = "aidb.collect_garbage"
REFRESH_STATISTICS = "aidb.refresh_statistics"
EVERY_MINUTE = "* * * * *"
EVERY_FIVE_MINUTES = "*/5 * * * *"


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
        servers: Gives the names of the servers that are configured; None where they are not known for sure.
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
        servers: Callable[[], Collection[str] | None],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._jobs = jobs
        self._events = events
        self._answering = answering
        self._tools = tools
        self._servers = servers

    @cached_property
    def search(self) -> ObservedSearch:
        """Hybrid search; the router uses it too."""
        from ..aidb.knowledge.observing import ObservedSearch

        return ObservedSearch(self.unobserved, self._stores.catalogue, self._stores.gaps)

    @cached_property
    def unobserved(self) -> Search:
        """The same search, of which nothing is remembered."""
        from ..aidb.knowledge.search import Search

        return Search(self._stores.documents, self._stores.vectors, self._models.embedder)

    @cached_property
    def garbage(self) -> GarbageCollector:
        """Finds and removes what nobody needs any more."""
        from ..aidb.knowledge.garbage import GarbageCollector
        from ..storage.postgres.garbage import PostgresGarbage

        return GarbageCollector(
            garbage=PostgresGarbage(self._stores.database, self._servers),
            vectors=self._stores.vectors,
            model=self._models.embedder.model,
            events=self._events,
            settings=self._settings.garbage_collection,
            clock=lambda: datetime.now(UTC),
        )

    @cached_property
    def documents(self) -> DocumentCatalogue:
        """The list of documents."""
        from ..aidb.knowledge.catalogue import DocumentCatalogue

        return DocumentCatalogue(self._stores.catalogue, self._stores.vectors, self._events)

    @cached_property
    def service(self) -> Knowledge:
        """The services behind the tools."""
        from ..aidb.knowledge.folders import FolderImports
        from ..aidb.knowledge.gaps import QueryGaps
        from ..aidb.knowledge.ingest import Ingest
        from ..aidb.knowledge.query import Query
        from ..aidb.knowledge.service import Knowledge

        return Knowledge(
            settings=self._settings,
            asking=Query(self._answering(), self.search, self._tools(), self._events),
            searching=self.search,
            documents=self.documents,
            tidying=self.garbage,
            lacking=QueryGaps(self._stores.gaps, self._models.embedder, self.search),
            importing=Ingest(
                storing=self._storing,
                folders=FolderImports(self._jobs.imports, self._jobs.service, self._files),
                background=self.background,
                files=self._files,
                events=self._events,
                max_bytes=self._settings.security.max_document_bytes,
            ),
        )

    @cached_property
    def feeder(self) -> Feeder:
        """Takes what other parts of the stack know."""
        from ..aidb.knowledge.feeding import Feeding

        return Feeding(self._storing, self._settings.security.max_document_bytes)

    @cached_property
    def background(self) -> Background:
        """Leaves embedding to the worker."""
        from ..aidb.knowledge.background import Background

        return Background(self._stores.provenance, self._embedding, self._jobs.service)

    async def catch_up(self) -> None:
        """Have embedded what lacks vectors of the current model, in the background.

        Raises:
            UnavailableError: The database is down or full.
        """
        await self.background.catch_up()

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the knowledge base, by the job's name."""
        from ..aidb.knowledge.answered import FEED_INTERACTIONS, AnsweredFeed
        from ..aidb.knowledge.background import REEMBED
        from ..aidb.knowledge.import_job import ImportJob
        from ..aidb.knowledge.reembedding import Reembedding

        stores, hybrid = self._stores, self._settings.hybrid
        importing = ImportJob(
            imports=self._jobs.imports,
            storing=self._storing,
            provenance=stores.provenance,
            files=self._files,
            events=self._events,
            max_bytes=self._settings.security.max_document_bytes,
        )
        return {
            COLLECT_GARBAGE: self.garbage.collect_by_the_clock,
            REFRESH_STATISTICS: stores.documents.refresh_statistics,
            IMPORT_FOLDER: importing.run,
            REEMBED: Reembedding(stores.provenance, self._embedding).run,
            FEED_INTERACTIONS: AnsweredFeed(stores.answered, self.feeder, hybrid.high_value_threshold).run,
        }

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        from ..aidb.knowledge.answered import FEED_INTERACTIONS
        from ..aidb.knowledge.background import REEMBED

        chosen = self._settings.garbage_collection
        garbage = [Schedule(COLLECT_GARBAGE, chosen.schedule)] if chosen.enabled else []
        return [
            *garbage,
            Schedule(REFRESH_STATISTICS, EVERY_MINUTE),
            Schedule(REEMBED, EVERY_FIVE_MINUTES),
            Schedule(FEED_INTERACTIONS, EVERY_FIVE_MINUTES),
        ]

    @cached_property
    def _files(self) -> Files:
        from ..aidb.knowledge.files import Files

        return Files(self._settings.allowed_roots, self._settings.security.max_document_bytes)

    @cached_property
    def _embedding(self) -> Embedding:
        from ..aidb.knowledge.embedding import Embedding

        return Embedding(self._models.embedder, self._stores.vectors, self._stores.provenance)

    @cached_property
    def _storing(self) -> Storing:
        from ..aidb.knowledge.storing import Storing

        return Storing(self._stores.documents, self._stores.provenance, self._stores.vectors, self._embedding)

    async def close(self) -> None:
        """Write down what searches found, before the stores are closed."""
        search: ObservedSearch | None = self.__dict__.pop("search", None)
        if search is not None:
            await search.close()
