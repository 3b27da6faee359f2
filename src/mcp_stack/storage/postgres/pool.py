"""Connections to PostgreSQL, and its failures in our words."""

from __future__ import annotations

import asyncio
import logging
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import StackError, UnavailableError

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    Connection = AsyncConnection[dict[str, Any]]
    Pool = AsyncConnectionPool[Connection]

logger = logging.getLogger(__name__)

# random_page_cost: the pages are in memory, or on a disk without a head to move.
# ef_search: 100 finds 98 of 100 of the true top 10 of SciFact's abstracts and passages; where a search asks for more,
# an iterative scan goes on, also until a filter is satisfied. Whoever searches puts what it finds in order.
OPTIONS = (
    "-c search_path=app,jobs,public -c random_page_cost=1.1 -c hnsw.ef_search=100 -c hnsw.iterative_scan=relaxed_order"
)
# How long to wait for a server that refuses connections: it may be restarting, and callers have their own timeouts.
SECONDS_FOR_A_DEAD_SERVER = 2.0
# A server that hangs is as good as dead; clients give up on a call after a minute.
SECONDS_FOR_A_PING = 5.0
SECONDS_FOR_A_READ = 15.0
# How long a connection is taken to be alive after it was used.
SECONDS_WITHOUT_A_PING = 1.0
SECONDS_FOR_A_WRITE = 50.0


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many connections, and for how long.

    Attributes:
        reserved: Connections kept open.
        most: Connections at most.
        timeout_seconds: How long to wait for a free one.
        recycle_seconds: Age at which one is replaced.
    """

    reserved: int
    most: int
    timeout_seconds: float = 30
    recycle_seconds: float = 1800


class Database:
    """A pool of connections with pre-ping that opens on first use and survives restarts of the server.

    Args:
        conninfo: Gives the connection string of a running server; awaited for every new connection, so that the
            embedded server is started again if it died.
        prepare: Brings the schema up to date; awaited once, with a connection string.
        size: Bounds of the pool.
        check_writable: Raises UnavailableError if nothing should be written (a full disk).
    """

    def __init__(
        self,
        conninfo: Callable[[], Awaitable[str]],
        prepare: Callable[[str], Awaitable[object]],
        size: PoolSize,
        check_writable: Callable[[], None],
    ) -> None:
        self._conninfo = conninfo
        self._prepare = prepare
        self._size = size
        self._check_writable = check_writable
        self._opening = asyncio.Lock()
        self._pool: Pool | None = None
        self._failure: str = ""

    async def pool(self) -> Pool:
        """The open pool; also for libraries that bring their own queries.

        Raises:
            UnavailableError: The server cannot be started or reached.
        """
        async with self._opening:
            if self._pool is None:
                await self._prepare(await self._conninfo())
                self._pool = await self._opened()
            return self._pool

    async def _opened(self) -> Pool:
        from psycopg import AsyncConnection  # noqa: PLC0415 - heavy: imported on first use
        from psycopg.rows import dict_row  # noqa: PLC0415 - heavy: imported on first use
        from psycopg_pool import AsyncConnectionPool  # noqa: PLC0415 - heavy: imported on first use

        # The pool's own warnings repeat, each second, what the caller is told once.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
        pool: Pool = AsyncConnectionPool(
            self._current_conninfo,
            connection_class=self._watched(AsyncConnection),
            kwargs={"row_factory": dict_row, "options": OPTIONS, "connect_timeout": 5},
            min_size=self._size.reserved,
            max_size=self._size.most,
            timeout=self._size.timeout_seconds,
            max_lifetime=self._size.recycle_seconds,
            configure=self._configure,
            open=False,
        )
        await pool.open()
        return pool

    async def close(self) -> None:
        """Close every connection; idempotent."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close(timeout=1)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode, for single statements.

        Raises:
            UnavailableError: The server is down or lost.
        """
        async with self._in_autocommit(SECONDS_FOR_A_READ) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """A connection in a transaction that commits at the end, or rolls back on an exception.

        Raises:
            UnavailableError: The server is down or lost, or the disk is nearly full.
        """
        self._check_writable()
        async with self._borrowed(SECONDS_FOR_A_WRITE) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def write_statement(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode, for statements that write and are each a transaction of their own.

        Raises:
            UnavailableError: The server is down or lost, or the disk is nearly full.
        """
        self._check_writable()
        async with self._in_autocommit(SECONDS_FOR_A_WRITE) as connection:
            yield connection

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Connection]:
        """A connection in autocommit mode, for as long as it takes: to hold a lock of the session.

        Raises:
            UnavailableError: The server is down or lost.
        """
        async with self._in_autocommit(None) as connection:
            yield connection

    async def ping(self) -> None:
        """Raises UnavailableError unless the server answers."""
        async with self.read() as connection:
            await connection.execute("select 1")

    @asynccontextmanager
    async def _in_autocommit(self, seconds: float | None) -> AsyncIterator[Connection]:
        async with self._borrowed(seconds) as connection:
            await connection.set_autocommit(True)
            try:
                yield connection
            finally:
                if not connection.closed:
                    await connection.set_autocommit(False)

    @asynccontextmanager
    async def _borrowed(self, seconds: float | None) -> AsyncIterator[Connection]:
        import psycopg  # noqa: PLC0415 - heavy: imported on first use

        pool = await self.pool()
        connection = await self._taken(pool)
        try:
            async with asyncio.timeout(seconds):
                yield connection
                connection.answered_at = time.monotonic()  # type: ignore[attr-defined]  # see `_watched`
        except TimeoutError as error:
            if seconds is None:
                raise
            await connection.close()
            raise UnavailableError(f"PostgreSQL did not answer within {seconds:.0f} s", _REMEDY) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise _translated(error) from error
        finally:
            await pool.putconn(connection)

    async def _taken(self, pool: Pool) -> Connection:
        """A connection that has just answered a ping.

        Not by the pool's own check: that waits longer after each broken connection, and a restart of the server breaks
        all of them at once.
        """
        import psycopg  # noqa: PLC0415 - heavy: imported on first use

        began = time.monotonic()
        while True:
            connection = await self._next(pool, began)
            if _answered_just_now(connection):
                return connection
            try:
                async with asyncio.timeout(SECONDS_FOR_A_PING):
                    await pool.check_connection(connection)
            except (psycopg.Error, TimeoutError):
                await connection.close()
                await pool.putconn(connection)
            except BaseException:
                await pool.putconn(connection)
                raise
            else:
                return connection

    async def _next(self, pool: Pool, began: float) -> Connection:
        """Any connection; a server that is found dead is not waited for as long as a free connection."""
        import psycopg  # noqa: PLC0415 - heavy: imported on first use
        from psycopg_pool import PoolClosed, PoolTimeout  # noqa: PLC0415 - heavy: imported on first use

        if pool.get_stats().get("pool_available"):
            with suppress(PoolTimeout, psycopg.OperationalError):
                return await pool.getconn(timeout=0.2)  # at once, without a task that could be given up
        taking = asyncio.ensure_future(pool.getconn())
        try:
            while not (await asyncio.wait({taking}, timeout=0.2))[0]:
                if self._failure and time.monotonic() - began > SECONDS_FOR_A_DEAD_SERVER:
                    raise UnavailableError(f"PostgreSQL does not answer ({self._failure})", _REMEDY)
            return taking.result()
        except (PoolTimeout, PoolClosed, psycopg.OperationalError) as error:
            raise UnavailableError(f"PostgreSQL does not answer ({self._failure or error})", _REMEDY) from error
        except BaseException:
            taking.add_done_callback(lambda done: _give_back(pool, done))
            taking.cancel()
            raise

    async def _current_conninfo(self) -> str:
        try:
            return await self._conninfo()
        except StackError as error:
            self._failure = error.problem
            raise

    def _watched(self, connection_class: type[Connection]) -> type[Connection]:
        """Connections that tell whether they could be made."""
        database = self

        class Watched(connection_class):  # type: ignore[valid-type,misc]  # mypy knows no dynamic base class
            answered_at = float("-inf")

            @classmethod
            async def connect(cls, *args: Any, **options: Any) -> Any:
                try:
                    made = await super().connect(*args, **options)
                except Exception as error:
                    database._failure = " ".join(str(error).split()) or type(error).__name__
                    raise
                database._failure = ""
                return made

        return Watched

    async def _configure(self, connection: Connection) -> None:
        from pgvector.psycopg import register_vector_async  # noqa: PLC0415 - heavy: imported on first use

        await register_vector_async(connection)
        await connection.commit()


_REMEDY = "check it with `mcp-stack doctor`; nothing was lost, try again when it is up"


def _answered_just_now(connection: Connection) -> bool:
    """Whether a connection needs no ping: it was used a moment ago, and the server has not hung up since.

    A server that ends a connection says so, and what it says can be read without asking anything.
    """
    if time.monotonic() - connection.answered_at > SECONDS_WITHOUT_A_PING:  # type: ignore[attr-defined]  # see `_watched`
        return False
    try:
        return not select.select([connection.fileno()], [], [], 0)[0]
    except (OSError, ValueError):  # closed, or more files than `select` can tell apart
        return False


def _give_back(pool: Pool, taken: asyncio.Future[Connection]) -> None:
    """Return a connection that came after its caller had gone."""
    if not taken.cancelled() and taken.exception() is None:
        _returning.add(task := asyncio.ensure_future(pool.putconn(taken.result())))
        task.add_done_callback(_returning.discard)


_returning: set[asyncio.Future[None]] = set()  # the loop alone does not keep a task alive


def _translated(error: Exception) -> UnavailableError:
    from psycopg.errors import DiskFull  # noqa: PLC0415 - heavy: imported on first use

    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, DiskFull):
        return UnavailableError(f"PostgreSQL has no disk space left ({reason})", "free some, then try again")
    return UnavailableError(f"PostgreSQL failed ({reason})", _REMEDY)
