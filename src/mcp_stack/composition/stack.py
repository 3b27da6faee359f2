"""Every service of one process."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import StackError
from ..settings import LoadedSettings
from ..telemetry.events import JsonlEvents
from .models import ModelAdapters
from .ralph import RalphParts
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.search import Search
    from ..aidb.service import Aidb
    from ..embeddings.service import EmbeddingService
    from ..hybrid.router import Router
    from ..hybrid.service import Coordinator
    from ..jobs.worker import Worker
    from ..mcp.ratelimit import RateLimiter
    from ..ralph.service import Ralph

logger = logging.getLogger(__name__)


class Stack:
    """The services behind the four servers, each made when it is first asked for.

    Args:
        loaded: The settings.
    """

    def __init__(self, loaded: LoadedSettings) -> None:
        self.settings = loaded.settings
        self._stores = Stores(self.settings)
        self._models = ModelAdapters(self.settings, self._stores)
        self._ralph = RalphParts(self.settings, self._stores)

    async def aidb(self) -> Aidb:
        """The services behind AIDB's tools."""
        return self._aidb

    async def coordinator(self) -> Coordinator:
        """The services behind the hybrid coordinator's tools."""
        from ..hybrid.service import Coordinator

        return Coordinator(self.settings, self._router, self._stores.interactions)

    async def ralph(self) -> Ralph:
        """The service behind Ralph's tools."""
        return self._ralph.service

    async def embeddings(self) -> EmbeddingService:
        """The service behind the tools of the embeddings server."""
        from ..embeddings.service import EmbeddingService

        return EmbeddingService(self._models.embedder, self._events("embeddings", "embeddings"))

    async def admit(self, client: str) -> None:
        """Count one request of a client.

        Raises:
            RateLimitedError: It asks too often.
        """
        await self._limiter.take(client)

    def worker(self) -> Worker:
        """This machine's worker."""
        return self._ralph.worker()

    async def migrate(self) -> list[str]:
        """Bring the schema up to date.

        Returns:
            Names of the migrations that were applied.

        Raises:
            UnavailableError: The database is down.
            ConflictError: It was made by a newer version.
        """
        from ..storage.postgres.migrate import migrate

        return await migrate(await self._stores.link.conninfo())

    async def shut_down(self, timeout_seconds: float = 15.0) -> None:
        """Wait until the worker is gone, then stop the embedded PostgreSQL, so that the data folder may be removed.

        Args:
            timeout_seconds: How long to wait for the worker, which ends by itself when no server is left.

        Raises:
            UnavailableError: PostgreSQL does not stop in time.
        """
        from ..storage.postgres.links import EmbeddedLink

        if not await self._ralph.wait_for_worker_to_end(timeout_seconds):
            logger.warning("the worker is still at work")
        if isinstance(self._stores.link, EmbeddedLink):
            await self._stores.link.stop()

    async def close(self) -> None:
        """Free what was opened; what fails is logged, and the rest is freed all the same."""
        for part in (self._ralph, self._models, self._stores):
            try:
                await part.close()
            except (StackError, OSError) as error:
                logger.warning("closing failed: %s", error)

    def _events(self, file_prefix: str, server: str) -> JsonlEvents:
        file = self.settings.telemetry_folder / f"{file_prefix}-events.jsonl"
        return JsonlEvents(file, server, enabled=self.settings.telemetry.enabled)

    @cached_property
    def _limiter(self) -> RateLimiter:
        from ..mcp.ratelimit import RateLimiter

        limits = self.settings.security.rate_limit
        return RateLimiter(self._stores.cache, limits.requests_per_minute, limits.requests_per_hour)

    @cached_property
    def _search(self) -> Search:
        from ..aidb.search import Search

        return Search(self._stores.documents, self._stores.vectors, self._models.embedder)

    @cached_property
    def _router(self) -> Router:
        from ..hybrid.answer_cache import AnswerCache
        from ..hybrid.router import Router

        return Router(
            models=self._models.all,
            cache=AnswerCache(self._stores.cache, self.settings.hybrid.routing.cache_ttl),
            retrieval=self._search,
            documents=self._stores.documents,
            interactions=self._stores.interactions,
            events=self._events("hybrid", "hybrid-coordinator"),
            settings=self.settings,
        )

    @cached_property
    def _aidb(self) -> Aidb:
        from ..aidb.discovery import ToolIndex
        from ..aidb.files import Files
        from ..aidb.health import Health
        from ..aidb.ingest import Ingest
        from ..aidb.manifests import known_tools, manifests_folder
        from ..aidb.query import Query
        from ..aidb.service import Aidb
        from .probes import probes

        security = self.settings.security
        events = self._events("aidb", "aidb")
        manifests = known_tools(manifests_folder(self.settings.tools.manifests))
        tools = ToolIndex(self._stores.tools, self._models.embedder, manifests)
        return Aidb(
            settings=self.settings,
            asking=Query(self._router, self._search, tools, events),
            searching=self._search,
            importing=Ingest(
                documents=self._stores.documents,
                vectors=self._stores.vectors,
                embedder=self._models.embedder,
                files=Files(self.settings.allowed_roots, security.max_document_bytes),
                events=events,
                max_bytes=security.max_document_bytes,
            ),
            tools=tools,
            checking=Health(probes(self.settings, self._stores, self._models)),
        )
