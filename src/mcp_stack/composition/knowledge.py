"""The knowledge base put together."""

from __future__ import annotations

from collections.abc import Callable
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
    from ..aidb.knowledge.search import Search
    from ..aidb.knowledge.service import Knowledge
    from ..jobs.worker import Handler


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
    def search(self) -> Search:
        """Hybrid search; the router uses it too."""
        from ..aidb.knowledge.search import Search

        return Search(self._stores.documents, self._stores.vectors, self._models.embedder)

    @cached_property
    def service(self) -> Knowledge:
        """The services behind the tools."""
        from ..aidb.knowledge.files import Files
        from ..aidb.knowledge.ingest import Ingest
        from ..aidb.knowledge.query import Query
        from ..aidb.knowledge.service import Knowledge

        security = self._settings.security
        return Knowledge(
            settings=self._settings,
            asking=Query(self._answering(), self.search, self._tools(), self._events),
            searching=self.search,
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
        return {}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        return []
