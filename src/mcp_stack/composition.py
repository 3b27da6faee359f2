"""Where adapters are chosen: the only module that knows them all.

Nothing is opened, and no heavy library imported, before it is needed: a server answers `tools/list` with none of this.
"""

from __future__ import annotations

import logging
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import StackError, UnavailableError, UsageError
from .ports.cache import Cache
from .ports.chat import ChatModel
from .ports.embedder import Embedder
from .ports.vectors import Vectors
from .settings import LoadedSettings
from .telemetry.events import JsonlEvents

if TYPE_CHECKING:
    from .aidb.health import Probe
    from .aidb.search import Search
    from .aidb.service import Aidb
    from .embeddings.service import EmbeddingService
    from .hybrid.decision import Models
    from .hybrid.router import Router
    from .hybrid.service import Coordinator
    from .storage.postgres.documents import PostgresDocuments
    from .storage.postgres.interactions import PostgresInteractions
    from .storage.postgres.links import EmbeddedLink, RemoteLink
    from .storage.postgres.pool import Database

logger = logging.getLogger(__name__)

STORED_DIMENSIONS = 384
EMBEDDING_TTL_SECONDS = 86_400


class Stack:
    """Every service of one process, each made when it is first asked for.

    Args:
        loaded: The settings.
    """

    def __init__(self, loaded: LoadedSettings) -> None:
        self.loaded = loaded
        self.settings = loaded.settings

    # --- the four servers ---------------------------------------------------------------------------------------

    async def aidb(self) -> Aidb:
        """The services behind AIDB's tools."""
        return self._aidb

    async def coordinator(self) -> Coordinator:
        """The services behind the hybrid coordinator's tools."""
        from .hybrid.service import Coordinator

        return Coordinator(self.settings, self._router, self._interactions)

    async def embeddings(self) -> EmbeddingService:
        """The service behind the embeddings server's tools."""
        from .embeddings.service import EmbeddingService

        return EmbeddingService(self._embedder, self._events("embeddings", "embeddings"))

    async def migrate(self) -> list[str]:
        """Bring the schema up to date; names of the migrations that were applied."""
        from .storage.postgres.migrate import migrate

        return await migrate(await self._server_link.conninfo())

    async def close(self) -> None:
        """Free what was opened; what fails is logged, and the rest is freed all the same."""
        for name in ("_embedder", "_local_model", "_remote_model", "_cache", "_vectors", "_database", "_server_link"):
            part = self.__dict__.pop(name, None)
            if part is None:
                continue
            try:
                await part.close()
            except (StackError, OSError) as error:
                logger.warning("closing %s failed: %s", name.strip("_"), error)

    # --- stores -------------------------------------------------------------------------------------------------

    @cached_property
    def _server_link(self) -> EmbeddedLink | RemoteLink:
        from .storage.postgres.links import EmbeddedLink, RemoteLink

        database = self.settings.database
        if url := database.url.get_secret_value():
            return RemoteLink(url)
        if database.postgres.host:
            from psycopg.conninfo import make_conninfo

            parts = database.postgres
            return RemoteLink(
                make_conninfo(
                    host=parts.host,
                    port=parts.port,
                    dbname=parts.database,
                    user=parts.user,
                    password=parts.password.get_secret_value(),
                )
            )
        return EmbeddedLink(self.settings.data, database.embedded.start_timeout_seconds)

    @cached_property
    def _database(self) -> Database:
        from .storage.postgres.links import EmbeddedLink
        from .storage.postgres.migrate import migrate
        from .storage.postgres.pool import Database, PoolSize

        link, pool = self._server_link, self.settings.database.postgres.pool
        if isinstance(link, EmbeddedLink):
            size = PoolSize(0, 5, pool.timeout_seconds, pool.recycle_seconds)
        else:
            size = PoolSize(pool.size, pool.size + pool.max_overflow, pool.timeout_seconds, pool.recycle_seconds)
        return Database(link.conninfo, migrate, size, self._check_writable)

    def _check_writable(self) -> None:
        from .storage.postgres.links import EmbeddedLink

        link = self._server_link
        least = self.settings.database.embedded.min_free_mb * 1_000_000
        if isinstance(link, EmbeddedLink) and (free := link.free_bytes()) < least:
            raise UnavailableError(
                f"the disk of {self.settings.data} has only {free // 1_000_000} MB free, so nothing is written",
                "free some space; reading still works (limit: database.embedded.min_free_mb)",
            )

    @cached_property
    def _documents(self) -> PostgresDocuments:
        from .storage.postgres.documents import PostgresDocuments

        return PostgresDocuments(self._database)

    @cached_property
    def _interactions(self) -> PostgresInteractions:
        from .storage.postgres.interactions import PostgresInteractions

        return PostgresInteractions(self._database)

    @cached_property
    def _vectors(self) -> Vectors:
        qdrant, dimensions = self.settings.database.qdrant, self.settings.embeddings.dimensions
        location = qdrant.url or (f"http://{qdrant.host}:{qdrant.port}" if qdrant.host else "")
        if location:
            from .storage.qdrant.vectors import QdrantVectors

            return QdrantVectors(
                location,
                dimensions=dimensions,
                collections=qdrant.collections,
                api_key=qdrant.api_key.get_secret_value(),
            )
        if dimensions != STORED_DIMENSIONS:
            raise UsageError(
                f"embeddings.dimensions is {dimensions}, and PostgreSQL stores {STORED_DIMENSIONS}",
                "set QDRANT_URL, or choose a model with 384 dimensions",
            )
        from .storage.postgres.vectors import PgVectors

        return PgVectors(self._database)

    @cached_property
    def _cache(self) -> Cache:
        redis = self.settings.database.redis
        url = redis.url or (f"redis://{redis.host}:{redis.port}" if redis.host else "")
        if url and self.settings.hybrid.cache.redis_enabled:
            from .storage.redis.cache import RedisCache

            return RedisCache(
                url, max_connections=redis.pool.max_connections, timeout_seconds=redis.pool.timeout_seconds
            )
        from .storage.postgres.cache import PostgresCache

        return PostgresCache(self._database)

    # --- models -------------------------------------------------------------------------------------------------

    @cached_property
    def _embedder(self) -> Embedder:
        if self.settings.embeddings.provider == "none":
            from .embeddings.none import NoEmbedder

            return NoEmbedder()
        from .embeddings.caching import CachingEmbedder

        entries = self.settings.hybrid.cache.embedding_cache_size
        return CachingEmbedder(
            self._plain_embedder(), self._cache, ttl_seconds=EMBEDDING_TTL_SECONDS, memory_entries=entries
        )

    def _plain_embedder(self) -> Embedder:
        chosen = self.settings.embeddings
        match chosen.provider:
            case "llama_cpp":
                from .embeddings.llama_cpp import LlamaCppEmbedder

                return LlamaCppEmbedder(self.settings.models_folder, os.environ)
            case "sentence_transformers":
                from .embeddings.sentence_transformers import (
                    SentenceTransformersEmbedder,
                )

                return SentenceTransformersEmbedder(chosen.model, dimensions=chosen.dimensions)
            case _:
                from .embeddings.remote import RemoteEmbedder

                return RemoteEmbedder(
                    chosen.url,
                    chosen.model,
                    dimensions=chosen.dimensions,
                    api_key=chosen.api_key.get_secret_value(),
                    timeout_seconds=chosen.timeout_seconds,
                )

    @cached_property
    def _local_model(self) -> ChatModel | None:
        local = self.settings.llm.local
        if local.url:
            from .llm.openai_compatible import OpenAICompatibleChat

            return OpenAICompatibleChat(
                local.url, local.model, local.api_key.get_secret_value(), timeout_seconds=local.timeout_seconds
            )
        if local.path:
            from .llm.llama_cpp import LlamaCppChat

            return LlamaCppChat(
                Path(local.path).expanduser(), context_tokens=local.context_tokens, threads=local.threads
            )
        return None

    @cached_property
    def _remote_model(self) -> ChatModel | None:
        claude = self.settings.llm.claude
        if not claude.api_key.get_secret_value():
            return None
        from .llm.claude import ClaudeChat

        return ClaudeChat(
            claude.api_key.get_secret_value(),
            model=claude.model,
            base_url=claude.url,
            timeout_seconds=claude.timeout_seconds,
            max_retries=claude.max_retries,
            price_input_per_million=claude.price_input_per_million,
            price_output_per_million=claude.price_output_per_million,
        )

    @cached_property
    def _models(self) -> Models:
        from .hybrid.decision import Models
        from .llm.prices import Price, Rates, price_of

        claude = self.settings.llm.claude
        given = claude.price_input_per_million, claude.price_output_per_million
        price = Price(Rates.of(*given)) if all(given) else price_of(claude.model)
        return Models(self._local_model, self._remote_model, price.cost_usd, self._embedder.model)

    # --- services -----------------------------------------------------------------------------------------------

    def _events(self, file_prefix: str, server: str) -> JsonlEvents:
        telemetry = self.settings.telemetry
        return JsonlEvents(self.settings.telemetry_folder, file_prefix, server, enabled=telemetry.enabled)

    @cached_property
    def _search(self) -> Search:
        from .aidb.search import Search

        return Search(self._documents, self._vectors, self._embedder)

    @cached_property
    def _router(self) -> Router:
        from .hybrid.answer_cache import AnswerCache
        from .hybrid.router import Router

        return Router(
            models=self._models,
            cache=AnswerCache(self._cache, self.settings.hybrid.routing.cache_ttl),
            retrieval=self._search,
            documents=self._documents,
            interactions=self._interactions,
            events=self._events("hybrid", "hybrid-coordinator"),
            settings=self.settings,
        )

    @cached_property
    def _aidb(self) -> Aidb:
        from .aidb.discovery import ToolIndex
        from .aidb.files import Files
        from .aidb.health import Health
        from .aidb.ingest import Ingest
        from .aidb.manifests import known_tools, manifests_folder
        from .aidb.query import Query
        from .aidb.ratelimit import RateLimiter
        from .aidb.service import Aidb
        from .storage.postgres.tools import PostgresTools

        security = self.settings.security
        events = self._events("aidb", "aidb")
        manifests = manifests_folder(self.settings.tools.manifests)
        tools = ToolIndex(PostgresTools(self._database), self._embedder, known_tools(manifests))
        return Aidb(
            settings=self.settings,
            limiter=RateLimiter(
                self._cache, security.rate_limit.requests_per_minute, security.rate_limit.requests_per_hour
            ),
            asking=Query(self._router, self._search, tools, events),
            searching=self._search,
            importing=Ingest(
                documents=self._documents,
                vectors=self._vectors,
                embedder=self._embedder,
                files=Files(self.settings.allowed_roots, security.max_document_bytes),
                events=events,
                max_bytes=security.max_document_bytes,
            ),
            tools=tools,
            checking=Health(self._probes()),
        )

    def _probes(self) -> list[Probe]:
        from .aidb.health import Probe

        llm = self.settings.llm
        model_file = Path(llm.local.path).expanduser()

        async def postgres() -> str:
            await self._database.ping()
            return f"{self._server_link.kind}, {await self._documents.count()} documents"

        async def vectors() -> str:
            await self._vectors.ping()
            return f"{type(self._vectors).__name__}, {await self._vectors.count()} vectors"

        async def cache() -> str:
            await self._cache.ping()
            return type(self._cache).__name__

        async def embedder() -> str:
            await self._embedder.embed_query("ping")
            return self._embedder.model

        async def local() -> str:
            if not (llm.local.url or model_file.is_file()):
                raise UnavailableError(f"there is no file {model_file}", "correct llm.local.path")
            return self._local_model.name if self._local_model else ""

        async def claude() -> str:
            return self._remote_model.name if self._remote_model else ""

        no_local = "set llm.local.path to a GGUF file, or llm.local.url to an endpoint"
        embeds = self.settings.embeddings.provider != "none"
        return [
            Probe("postgresql", required=True, check=postgres),
            Probe("vectors", required=False, check=vectors),
            Probe("cache", required=False, check=cache),
            Probe("embedder", required=False, check=embedder if embeds else None, detail="embeddings.provider is none"),
            Probe(
                "local-model", required=False, check=local if llm.local.path or llm.local.url else None, detail=no_local
            ),
            Probe(
                "claude",
                required=False,
                check=claude if llm.claude.api_key.get_secret_value() else None,
                detail="set ANTHROPIC_API_KEY",
            ),
        ]
