"""All servers: which are configured, how each is doing, and their first listing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ...errors import ConflictError, NotFoundError, StackError, UnavailableError
from ...ports.tools import ServerRecord, ToolRegistry
from ...ports.upstreams import Connector, Listing, Upstream
from .configuration import Configuration
from .configured import THIS_SERVER
from .connection import Connection

logger = logging.getLogger(__name__)

# Starting a server costs a processor for a second or two.
FIRST_LISTINGS_AT_ONCE = 3
# A change of `mcp.json` is noticed so soon without a request; it costs a look at the file's time.
SECONDS_BETWEEN_LOOKS = 2.0

Listed = Callable[[Upstream, Listing], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server is doing.

    Attributes:
        status: `connected`; `known`: not started by this process yet; `idle`: started, and stopped again since nobody
            called; `unreachable`; `failed`: its configuration cannot be used, or it never answered; `disabled`.
        record: What is remembered of it; None if nothing is.
        error: Why, if it is unreachable or failed.
    """

    upstream: Upstream
    status: str
    record: ServerRecord | None
    error: str


class Supervisor:
    """The connections of this process, one a server, each on its own.

    Args:
        configuration: The servers that are configured.
        connector: Reaches them.
        store: Where it is written down how they do.
        listed: Takes over what a server lists.
        discovery_seconds: How often a connected server is listed again; None: only when it says that it changed.
        max_call_seconds: How long a call may take in all.
        reconfigured: Called when the configuration has changed.
    """

    def __init__(
        self,
        configuration: Configuration,
        connector: Callable[[], Connector],
        store: ToolRegistry,
        listed: Listed,
        *,
        discovery_seconds: float | None,
        max_call_seconds: float,
        reconfigured: Callable[[], None],
    ) -> None:
        self.configuration = configuration
        self._reconfigured = reconfigured
        self._connector = connector
        self._store = store
        self._listed = listed
        self._discovery_seconds = discovery_seconds
        self._max_call_seconds = max_call_seconds
        self._connections: dict[str, Connection] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._records: dict[str, ServerRecord] = {}
        self._first_listings: dict[str, asyncio.Task[StackError | None]] = {}
        self._slots = asyncio.Semaphore(FIRST_LISTINGS_AT_ONCE)
        self._turns = 0
        self._statuses: dict[str, str] = {}

    @property
    def upstreams(self) -> Mapping[str, Upstream]:
        """The servers that are configured, by name."""
        return self.configuration.current.upstreams

    @property
    def turns(self) -> int:
        """A number that changes whenever `tool_status` may answer differently."""
        self.follow()
        return self._turns

    def follow(self) -> bool:
        """Take over a change of the configuration, if there is one: servers that it is about are left.

        Returns:
            Whether there was one.
        """
        if not self.configuration.follow():
            return False
        logger.info("the configuration of servers has changed")
        for name, connection in list(self._connections.items()):
            if self.upstreams.get(name) != connection.upstream:
                del self._connections[name]
                leaving = asyncio.create_task(connection.close())
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
        self._reconfigured()
        self._turn()
        return True

    def tool_status(self, server: str) -> str:
        """The state of a server's tools; see `KnownTool.status`. Empty for a server that is not configured here."""
        if server == THIS_SERVER:
            return "reachable"
        if server not in self.upstreams:
            return ""
        match self._status(server):
            case "connected":
                return "reachable"
            case "unreachable" | "failed":
                return "unreachable"
            case "disabled":
                return "disabled"
        return "known"

    def connection(self, server: str) -> Connection:
        """The connection to a server, opened when it is used.

        Args:
            server: Its name.

        Raises:
            NotFoundError: No such server is configured.
            ConflictError: It is disabled.
            UnavailableError: Its configuration cannot be used.
        """
        self.follow()
        upstream = self.upstreams.get(server)
        if upstream is None:
            known = ", ".join(sorted(self.upstreams)) or "none"
            raise NotFoundError(f"no server {server[:80]!r} is configured", f"configured are: {known}")
        if not upstream.enabled:
            raise ConflictError(f"server {server} is disabled", f"enable it in {upstream.origin}")
        if upstream.problem:
            raise UnavailableError(f"server {server} cannot be used: {upstream.problem}", upstream.remedy)
        if server not in self._connections:
            self._connections[server] = Connection(
                upstream,
                self._connector(),
                listed=self._take_over,
                failed=self._remember_failure,
                turned=self._turn,
                discovery_seconds=self._discovery_seconds,
                max_call_seconds=self._max_call_seconds,
            )
        return self._connections[server]

    async def states(self) -> list[ServerState]:
        """Every configured server, by name.

        Raises:
            UnavailableError: The store is down.
        """
        self.follow()
        await self._read_records()
        return [
            ServerState(upstream, self._status(name), self._records.get(name), self._error(name))
            for name, upstream in sorted(self.upstreams.items())
        ]

    async def list_new_ones(self) -> None:
        """Start listing, each in the background, every server that was never listed as it is configured now.

        Raises:
            UnavailableError: The store is down.
        """
        if all(upstream.ours for upstream in self.upstreams.values()):
            return
        await self._read_records()
        for name, upstream in self.upstreams.items():
            if self._is_new(upstream) and upstream.enabled and not upstream.problem:
                self._begin_listing(name)

    async def refresh(self, server: str) -> None:
        """List a server now.

        Args:
            server: Its name.

        Raises:
            NotFoundError: No such server is configured.
            ConflictError: It is disabled.
            UnavailableError: It cannot be reached, or the store is down.
        """
        connection = self.connection(server)
        if connection.state == "connected":
            async with connection.session(is_use=False) as session:
                await self._take_over(connection.upstream, await session.listing())
        else:
            async with connection.session(is_use=False):  # connecting lists
                pass

    async def ensure_listed(self, server: str) -> None:
        """List a server that was never listed as it is configured now; do nothing for any other.

        Args:
            server: Its name.

        Raises:
            UnavailableError: It cannot be reached, or the store is down.
        """
        if await self.is_new(server):
            self.connection(server)  # raises if it cannot be used
            failure = await asyncio.shield(self._begin_listing(server))
            if failure is not None:
                raise failure

    async def is_new(self, server: str) -> bool:
        """Whether a server is configured and was never listed as it is configured now.

        Raises:
            UnavailableError: The store is down.
        """
        self.follow()
        upstream = self.upstreams.get(server)
        if upstream is None or not upstream.enabled or upstream.ours:
            return False
        await self._read_records()
        return self._is_new(upstream)

    async def run(self) -> None:
        """List new servers: now, when the configuration changes, and again in case one could not be reached."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if self.follow() or loop.time() >= due:
                due = loop.time() + (self._discovery_seconds or float("inf"))
                try:
                    await self.list_new_ones()
                except StackError as error:
                    logger.warning("new servers are not listed: %s", error)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def close(self) -> None:
        """Leave every server; those that we started are gone afterwards."""
        for task in self._first_listings.values():
            task.cancel()
        await asyncio.gather(*self._leaving, *(connection.close() for connection in self._connections.values()))

    def _begin_listing(self, server: str) -> asyncio.Task[StackError | None]:
        running = self._first_listings.get(server)
        if running is None or running.done():
            running = asyncio.create_task(self._list_for_the_first_time(server))
            self._first_listings[server] = running
        return running

    async def _list_for_the_first_time(self, server: str) -> StackError | None:
        async with self._slots:
            try:
                await self.refresh(server)
            except StackError as error:
                logger.warning("server %s is not listed yet: %s", server, error)
                return error
            return None

    def _is_new(self, upstream: Upstream) -> bool:
        """Whether it was never listed as it is configured now. What comes with mcp-stack needs no listing."""
        record = self._records.get(upstream.name)
        return not upstream.ours and (record is None or record.configuration != upstream.fingerprint)

    def _status(self, server: str) -> str:
        upstream = self.upstreams[server]
        if not upstream.enabled:
            return "disabled"
        if upstream.problem:
            return "failed"
        connection = self._connections.get(server)
        record = self._records.get(server)
        never_answered = not upstream.ours and (record is None or record.last_seen is None)
        if connection is not None and connection.state == "connected":
            return "connected"
        if connection is not None and connection.error:
            return "failed" if never_answered else "unreachable"
        if record is not None and record.failed_at is not None and (connection is None or connection.state != "idle"):
            return "failed" if never_answered else "unreachable"
        return "idle" if connection is not None else "known"

    def _error(self, server: str) -> str:
        upstream, connection = self.upstreams[server], self._connections.get(server)
        if upstream.problem:
            return upstream.problem
        if connection is not None and (connection.error or connection.state in ("connected", "idle")):
            return connection.error
        record = self._records.get(server)
        return record.last_error if record is not None and record.failed_at is not None else ""

    async def _take_over(self, upstream: Upstream, listing: Listing) -> None:
        # What comes with mcp-stack is pinned by the manifests that come with it.
        if not upstream.ours:
            await self._listed(upstream, listing)
        await self._store.listed(upstream.name, upstream.fingerprint, listing.notes)
        await self._read_records()

    async def _remember_failure(self, upstream: Upstream, error: str) -> None:
        await self._store.failed(upstream.name, error)
        await self._read_records()

    async def _read_records(self) -> None:
        self._records = {record.name: record for record in await self._store.servers()}
        self._turn()

    def _turn(self) -> None:
        """Count a change of `tool_status`, if there is one: whoever follows it reads the whole registry again."""
        statuses = {server: self.tool_status(server) for server in self.upstreams}
        if statuses != self._statuses:
            self._statuses = statuses
            self._turns += 1
