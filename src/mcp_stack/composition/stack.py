"""Every service of one process."""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import StackError
from ..settings import LoadedSettings
from ..telemetry.events import JsonlEvents
from .desk import DeskParts
from .gateway import GatewayParts
from .hybrid import HybridParts
from .jobs import JobParts
from .knowledge import KnowledgeParts
from .models import ModelAdapters
from .ralph import RalphParts
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.desk.service import Desk
    from ..aidb.gateway.service import Gateway
    from ..aidb.knowledge.catalogue import DocumentCatalogue
    from ..aidb.service import Aidb
    from ..embeddings.service import EmbeddingService
    from ..file_locks import FileLock
    from ..hybrid.chat_completions import ChatCompletions
    from ..hybrid.service import Coordinator
    from ..jobs.worker import Handler, Worker
    from ..mcp.ratelimit import RateLimiter
    from ..ralph.service import Ralph

logger = logging.getLogger(__name__)

SECONDS_BEFORE_THE_WORKER = 2.0
# The client's first requests come first, as with the worker; but who has just configured a server waits for it.
SECONDS_BEFORE_THE_GATEWAY = 0.5
# Weights take seconds to load: they are there before the first question that needs them, but after the first reply.
SECONDS_BEFORE_THE_MODEL = 1.0


class Stack:
    """The services behind the four servers, each made when it is first asked for.

    Args:
        loaded: The settings.
        resident: This process serves a client: with its first request it starts what runs in the background.
    """

    def __init__(self, loaded: LoadedSettings, *, resident: bool = False) -> None:
        self.settings = loaded.settings
        self._resident = resident
        self._announces = ""
        self._presence: FileLock | None = None
        self._wants_worker = resident and self.settings.jobs.autostart
        self._starting_worker: asyncio.Task[None] | None = None
        self._stores = Stores(self.settings)
        self._models = ModelAdapters(self.settings, self._stores)
        self._jobs = JobParts(loaded, self._stores)
        self._ralph = RalphParts(self.settings, self._stores, self._jobs, self._models)
        events = self._events("aidb", "aidb")
        self._gateway = GatewayParts(loaded, self._stores, self._models, events)
        self._desk = DeskParts(
            self.settings, self._stores, self._models, events=events, feeder=lambda: self._knowledge.feeder
        )
        self._hybrid = HybridParts(
            self.settings,
            self._stores,
            self._models,
            events=self._events("hybrid", "hybrid-coordinator"),
            retrieval=lambda: self._knowledge.search,
            looking=lambda: self._knowledge.unobserved,
        )
        self._knowledge = KnowledgeParts(
            self.settings,
            self._stores,
            self._models,
            self._jobs,
            events=events,
            answering=lambda: self._hybrid.router,
            tools=lambda: self._gateway.index,
            servers=lambda: self._gateway.servers,
        )

    async def aidb(self) -> Aidb:
        """The services behind AIDB's tools."""
        from ..aidb.service import Aidb

        return Aidb(self._knowledge.service, self._gateway.service, self._desk.service)

    async def desk(self) -> Desk:
        """The desk alone, for the command line."""
        return self._desk.service

    async def documents(self) -> DocumentCatalogue:
        """The list of documents alone, for the command line."""
        return self._knowledge.documents

    async def gateway(self) -> Gateway:
        """The service behind the gateway's tools and the command line."""
        return self._gateway.service

    async def coordinator(self) -> Coordinator:
        """The services behind the hybrid coordinator's tools."""
        return self._hybrid.service

    async def chat_completions(self) -> ChatCompletions:
        """The router for clients of OpenAI's API."""
        return self._hybrid.chat_completions

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
        if self._announces:
            self._announce()
        if self._wants_worker:
            self._wants_worker = False
            self._starting_worker = asyncio.create_task(self._start_worker())
        await self._limiter.take(client)

    async def report(self, where: str, incident: str, error: Exception) -> None:
        """File a bug as an issue; never raises.

        Args:
            where: The tool as `server.tool`, or the job.
            incident: Under which the log holds the traceback.
            error: What was raised.
        """
        await self._desk.bugs.report(where, incident, error)

    def worker(self, *, on_demand: bool) -> Worker:
        """A worker of this machine; with its end everything here is closed.

        Args:
            on_demand: The one that servers start, which ends when nobody needs it; else one that stays.
        """
        parts = (self._ralph, self._knowledge, self._gateway, self._desk, self._hybrid)
        handlers: dict[str, Handler] = {}
        for part in parts:
            handlers |= part.handlers
        schedules = [schedule for part in parts for schedule in part.schedules]
        return self._jobs.worker(handlers, schedules, self.report, on_demand=on_demand, close=self.close)

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

        if not await self._jobs.wait_for_worker_to_end(timeout_seconds):
            logger.warning("the worker is still at work")
        if isinstance(self._stores.link, EmbeddedLink):
            await self._stores.link.stop()

    async def close(self) -> None:
        """Free what was opened; what fails is logged, and the rest is freed all the same."""
        if self._presence is not None:
            self._presence.release()
        if self._starting_worker is not None:
            self._starting_worker.cancel()
        for part in (self._jobs, self._ralph, self._gateway, self._knowledge, self._hybrid, self._models, self._stores):
            try:
                await part.close()
            except (StackError, OSError) as error:
                logger.warning("closing failed: %s", error)

    def serves(self, name: str) -> None:
        """Have the system registry know, from the first request on, that this server runs, if it serves a client.

        Args:
            name: The server.
        """
        self._announces = name if self._resident else ""

    def _announce(self) -> None:
        from .presence import announce

        name, self._announces = self._announces, ""
        try:
            self._presence = announce(self.settings.data, name)
        except OSError as error:
            logger.warning("the system registry does not know that %s runs: %s", name, error)

    async def run_beside(self, name: str) -> None:
        """What a server does beside its requests, once it serves a client.

        Args:
            name: The server.
        """
        if name == "aidb":
            await asyncio.sleep(SECONDS_BEFORE_THE_GATEWAY)
            await self._gateway.run()
        if name == "hybrid-coordinator":
            await asyncio.sleep(SECONDS_BEFORE_THE_MODEL)
            try:
                await self._models.load_local()
            except StackError as error:
                logger.warning("the local model is not loaded: %s", error)

    async def _start_worker(self) -> None:
        """See to it that a worker does what comes round by the clock, and what another process left undone."""
        await asyncio.sleep(SECONDS_BEFORE_THE_WORKER)  # the first request comes first
        try:
            await self._jobs.service.ensure_worker()
            await self._knowledge.catch_up()
        except StackError as error:
            logger.warning("no background work: %s", error)

    def _events(self, file_prefix: str, server: str) -> JsonlEvents:
        file = self.settings.telemetry_folder / f"{file_prefix}-events.jsonl"
        return JsonlEvents(file, server, enabled=self.settings.telemetry.enabled)

    @cached_property
    def _limiter(self) -> RateLimiter:
        from ..mcp.ratelimit import RateLimiter

        limits = self.settings.security.rate_limit
        return RateLimiter(self._stores.cache, limits.requests_per_minute, limits.requests_per_hour)
