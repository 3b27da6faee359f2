"""The stores of one process."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..errors import UnavailableError, UsageError
from ..ports.cache import Cache
from ..ports.sessions import Sessions
from ..ports.vectors import Vectors
from ..settings import Settings

if TYPE_CHECKING:
    from ..storage.postgres.answer_index import PostgresAnswerIndex
    from ..storage.postgres.catalogue import PostgresCatalogue
    from ..storage.postgres.documents import PostgresDocuments
    from ..storage.postgres.feeds import PostgresAnsweredQuestions
    from ..storage.postgres.gaps import PostgresGaps
    from ..storage.postgres.interactions import PostgresInteractions
    from ..storage.postgres.issues import PostgresIssues
    from ..storage.postgres.judging import PostgresJudging
    from ..storage.postgres.links import EmbeddedLink, RemoteLink
    from ..storage.postgres.outcomes import PostgresOutcomes
    from ..storage.postgres.points import PostgresPoints
    from ..storage.postgres.pool import Database
    from ..storage.postgres.provenance import PostgresProvenance
    from ..storage.postgres.run_control import PostgresRunControl
    from ..storage.postgres.runs import PostgresRuns
    from ..storage.postgres.skills import PostgresSkills
    from ..storage.postgres.spending import PostgresLedger
    from ..storage.postgres.systems import PostgresSystems
    from ..storage.postgres.tool_usage import PostgresToolUsage
    from ..storage.postgres.tool_vectors import PostgresToolVectors
    from ..storage.postgres.tools import PostgresCallLog, PostgresTools
    from ..storage.redis.cache import RedisCache

# The column of document_embeddings; a vector index needs a fixed length.
STORED_DIMENSIONS = 384
EMBEDDED_CONNECTIONS = 5
MOST_TURNS = 100


class Stores:
    """PostgreSQL embedded or configured, Redis and Qdrant where they are configured.

    Args:
        settings: Which ones.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def link(self) -> EmbeddedLink | RemoteLink:
        """How the PostgreSQL server is reached."""
        from ..storage.postgres.links import EmbeddedLink, RemoteLink

        database = self._settings.database
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
        return EmbeddedLink(self._settings.data, database.embedded.start_timeout_seconds)

    @cached_property
    def database(self) -> Database:
        """Connections to PostgreSQL, with the schema up to date."""
        from ..storage.postgres.links import EmbeddedLink
        from ..storage.postgres.migrate import migrate
        from ..storage.postgres.pool import Database, PoolSize

        pool = self._settings.database.postgres.pool
        times = (pool.timeout_seconds, pool.recycle_seconds)
        if isinstance(self.link, EmbeddedLink):
            size = PoolSize(0, EMBEDDED_CONNECTIONS, *times)
        else:
            size = PoolSize(pool.size, pool.size + pool.max_overflow, *times)
        return Database(self.link.conninfo, migrate, size, self._check_writable)

    @cached_property
    def documents(self) -> PostgresDocuments:
        """Documents and their words."""
        from ..storage.postgres.documents import PostgresDocuments

        return PostgresDocuments(self.database)

    @cached_property
    def catalogue(self) -> PostgresCatalogue:
        """The list of documents."""
        from ..storage.postgres.catalogue import PostgresCatalogue

        return PostgresCatalogue(self.database)

    @cached_property
    def gaps(self) -> PostgresGaps:
        """Questions that were asked in vain."""
        from ..storage.postgres.gaps import PostgresGaps

        return PostgresGaps(self.database)

    @cached_property
    def provenance(self) -> PostgresProvenance:
        """What documents were made from."""
        from ..storage.postgres.provenance import PostgresProvenance

        return PostgresProvenance(self.database)

    @cached_property
    def answered(self) -> PostgresAnsweredQuestions:
        """Answered questions, to be read once."""
        from ..storage.postgres.feeds import PostgresAnsweredQuestions

        return PostgresAnsweredQuestions(self.database)

    @cached_property
    def interactions(self) -> PostgresInteractions:
        """The record of answered questions."""
        from ..hybrid.value import value_score
        from ..storage.postgres.interactions import PostgresInteractions

        return PostgresInteractions(self.database, value_score)

    @cached_property
    def outcomes(self) -> PostgresOutcomes:
        """What became of routed questions."""
        from ..storage.postgres.outcomes import PostgresOutcomes

        return PostgresOutcomes(self.database)

    @cached_property
    def judging(self) -> PostgresJudging:
        """Rated answers, and the judge."""
        from ..storage.postgres.judging import PostgresJudging

        return PostgresJudging(self.database)

    @cached_property
    def ledger(self) -> PostgresLedger:
        """Money that is set aside."""
        from ..storage.postgres.spending import PostgresLedger

        return PostgresLedger(self.database)

    @cached_property
    def answer_index(self) -> PostgresAnswerIndex:
        """Questions whose answers are cached."""
        from ..storage.postgres.answer_index import PostgresAnswerIndex

        return PostgresAnswerIndex(self.database)

    @cached_property
    def issues(self) -> PostgresIssues:
        """The issue tracker."""
        from ..storage.postgres.issues import PostgresIssues

        return PostgresIssues(self.database)

    @cached_property
    def skills(self) -> PostgresSkills:
        """The skills."""
        from ..storage.postgres.skills import PostgresSkills

        return PostgresSkills(self.database)

    @cached_property
    def systems(self) -> PostgresSystems:
        """The system registry."""
        from ..storage.postgres.systems import PostgresSystems

        return PostgresSystems(self.database)

    @cached_property
    def points(self) -> PostgresPoints:
        """The points of interest."""
        from ..storage.postgres.points import PostgresPoints

        return PostgresPoints(self.database)

    @cached_property
    def tools(self) -> PostgresTools:
        """The tool registry."""
        from ..storage.postgres.tools import PostgresTools

        return PostgresTools(self.database)

    @cached_property
    def calls(self) -> PostgresCallLog:
        """The audit log of calls of other servers' tools."""
        from ..storage.postgres.tools import PostgresCallLog

        return PostgresCallLog(self.database)

    @cached_property
    def tool_vectors(self) -> PostgresToolVectors:
        """Embeddings of tools."""
        from ..storage.postgres.tool_vectors import PostgresToolVectors

        return PostgresToolVectors(self.database)

    @cached_property
    def tool_usage(self) -> PostgresToolUsage:
        """Searches for tools and the calls that followed."""
        from ..storage.postgres.tool_usage import PostgresToolUsage

        return PostgresToolUsage(self.database)

    @cached_property
    def runs(self) -> PostgresRuns:
        """Ralph's runs."""
        from ..jobs.app import JobAdder
        from ..storage.postgres.runs import PostgresRuns

        adder = JobAdder()
        return PostgresRuns(self.database, adder.add_iteration, adder.add_approval_timeout)

    @cached_property
    def run_control(self) -> PostgresRunControl:
        """What people and clients do with Ralph's runs."""
        from ..jobs.app import JobAdder
        from ..storage.postgres.run_control import PostgresRunControl

        adder = JobAdder()
        return PostgresRunControl(self.database, adder.add_iteration, adder.add_approval_timeout)

    @cached_property
    def vectors(self) -> Vectors:
        """Qdrant if it is configured, else pgvector.

        Raises:
            UsageError: The embedding model's dimensions do not fit into PostgreSQL's column.
        """
        qdrant, dimensions = self._settings.database.qdrant, self._settings.embeddings.dimensions
        if location := qdrant.url or (f"http://{qdrant.host}:{qdrant.port}" if qdrant.host else ""):
            from ..storage.qdrant.vectors import QdrantVectors

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
        from ..storage.postgres.vectors import PgVectors

        return PgVectors(self.database)

    @cached_property
    def cache(self) -> Cache:
        """Redis if it is configured and not switched off, else PostgreSQL."""
        if self._redis is not None:
            return self._redis
        from ..storage.postgres.cache import PostgresCache

        return PostgresCache(self.database)

    @cached_property
    def sessions(self) -> Sessions:
        """Conversations: where the cache is."""
        bounds = {"rest_seconds": self._settings.hybrid.session_seconds, "most_turns": MOST_TURNS}
        if self._redis is not None:
            from ..storage.redis.sessions import RedisSessions

            return RedisSessions(self._redis, **bounds)
        from ..storage.postgres.sessions import PostgresSessions

        return PostgresSessions(self.database, **bounds)

    @cached_property
    def _redis(self) -> RedisCache | None:
        redis = self._settings.database.redis
        url = redis.url or (f"redis://{redis.host}:{redis.port}" if redis.host else "")
        if not url or not self._settings.hybrid.cache.redis_enabled:
            return None
        from ..storage.redis.cache import RedisCache

        pool = redis.pool
        return RedisCache(url, max_connections=pool.max_connections, timeout_seconds=pool.timeout_seconds)

    async def close(self) -> None:
        """Close what was opened, connections before the server that they lead to."""
        for name in ("interactions", "cache", "vectors", "database", "link"):
            if (part := self.__dict__.pop(name, None)) is not None:
                await part.close()

    def _check_writable(self) -> None:
        from ..storage.postgres.links import EmbeddedLink

        least = self._settings.database.embedded.min_free_mb * 1_000_000
        if isinstance(self.link, EmbeddedLink) and (free := self.link.free_bytes()) < least:
            raise UnavailableError(
                f"the disk of {self._settings.data} has only {free // 1_000_000} MB free, so nothing is written",
                "free some space; reading still works (limit: database.embedded.min_free_mb)",
            )
