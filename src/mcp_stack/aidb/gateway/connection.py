"""One connection to one server: opened when it is needed, watched while it is open, opened again when it broke."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from ...errors import StackError, UnavailableError
from ...ports.upstreams import (
    Answer,
    CallTimeoutError,
    Connector,
    Listing,
    Progress,
    ProtocolError,
    Session,
    SessionLostError,
    Upstream,
)
from .breaker import Breaker

logger = logging.getLogger(__name__)

State = Literal["idle", "starting", "connected", "unreachable"]

# A connection that lasted so long was a good one: what broke it then is a new failure.
SECONDS_OF_GOOD_HEALTH = 30.0
SECONDS_FOR_A_PING = 5.0
# A server that says again and again that its lists have changed is listed so often and no more.
SECONDS_BETWEEN_LISTINGS = 1.0
# A call waits so long for a listing that is under way, for the tool may have changed.
SECONDS_FOR_A_LISTING = 5.0
FIRST_RETRY_SECONDS = 0.5


class Connection:
    """What the gateway has to do with one server. Nothing here touches another.

    Args:
        upstream: The server.
        connector: Reaches it.
        listed: Takes over what it lists, before any call is passed to it.
        failed: Told why it cannot be reached.
        turned: Called whenever `state` changes.
        discovery_seconds: How often it is listed again while it is connected; None: only when it says so.
        max_call_seconds: How long a call may take in all.
        clock: Seconds, monotonic.
        luck: Random numbers in [0, 1).

    Attributes:
        state: `idle`: not needed, or not yet; `unreachable`: the last try failed.
        error: Why, while it is unreachable.
        breaker: When it may be tried again.
    """

    def __init__(
        self,
        upstream: Upstream,
        connector: Connector,
        *,
        listed: Callable[[Upstream, Listing], Awaitable[None]],
        failed: Callable[[Upstream, str], Awaitable[None]],
        turned: Callable[[], None],
        discovery_seconds: float | None,
        max_call_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self.upstream = upstream
        self.state: State = "idle"
        self.error = ""
        self.breaker = Breaker()
        self._connector = connector
        self._listed = listed
        self._failed = failed
        self._turned = turned
        self._discovery_seconds = discovery_seconds
        self._max_call_seconds = max_call_seconds
        self._clock = clock
        self._luck = luck
        self._session: Session | None = None
        self._ready: asyncio.Future[Session] | None = None
        self._task: asyncio.Task[None] | None = None
        self._pinging: set[asyncio.Task[None]] = set()
        self._users = 0
        self._last_used = float("-inf")
        self._hangs = False
        self._closing = False
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()
        self._fresh = asyncio.Event()

    @asynccontextmanager
    async def session(self, *, is_use: bool = True) -> AsyncIterator[Session]:
        """The server, connected; it is not stopped while this lasts.

        Args:
            is_use: It counts as used: one that we started is not stopped at once afterwards.

        Raises:
            UnavailableError: It cannot be reached, or may not be tried yet.
        """
        self._users += 1
        try:
            session = await self._connected()
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS_FOR_A_LISTING):
                    await self._fresh.wait()
            yield session
        finally:
            self._users -= 1
            if is_use:
                self._last_used = self._clock()
            self._news.set()

    async def call(self, tool: str, arguments: Mapping[str, Any], report: Progress | None) -> Answer:
        """Call a tool, for as long as it gives a sign of life in time.

        Args:
            tool: Its name at the server.
            arguments: Of the call.
            report: Told how far it has come.

        Raises:
            ProtocolError: The server's own error.
            UnavailableError: It cannot be reached, is lost, or does not answer.
        """
        try:
            return await self._call(tool, arguments, report)
        except SessionLostError:
            # It never looked at the request: it was restarted, and knows us no longer.
            await self._until_over()
            return await self._call(tool, arguments, report)

    async def close(self) -> None:
        """Leave the server; one that we started is gone afterwards."""
        self._closing = True
        self._news.set()
        self._wanted.set()
        for task in self._pinging:
            task.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _call(self, tool: str, arguments: Mapping[str, Any], report: Progress | None) -> Answer:
        upstream = self.upstream
        async with self.session() as session:
            began = self._clock()
            try:
                async with asyncio.timeout(upstream.timeout_seconds) as timeout:

                    async def alive(progress: float, total: float | None, message: str | None) -> None:
                        left = began + self._max_call_seconds - self._clock()
                        with suppress(RuntimeError):  # it is over already
                            timeout.reschedule(asyncio.get_running_loop().time() + min(upstream.timeout_seconds, left))
                        if report is not None:
                            await report(progress, total, message)

                    answer = await session.call(tool, arguments, alive)
            except TimeoutError:
                self._check(session)
                seconds = self._clock() - began
                raise CallTimeoutError(
                    f"{upstream.name}.{tool} did not answer within {seconds:.0f} s, and was told to stop",
                    f"give it more time (timeout_seconds in {upstream.origin}), or ask for less",
                ) from None
            except ProtocolError:
                self.breaker = self.breaker.succeeded()
                raise
            except SessionLostError:
                raise
            except UnavailableError as error:
                remedy = error.remedy or "other servers are not affected; calling again tries again"
                raise UnavailableError(f"{upstream.name}.{tool} failed: {error.problem}", remedy) from error
            self.breaker = self.breaker.succeeded()
            return answer

    async def _connected(self) -> Session:
        if self._pinging:
            # It did not answer a call in time. Whether it hangs is known within seconds; who asks now waits for that.
            await asyncio.wait(set(self._pinging))
            if self._hangs:
                await self._until_over()
        if self._session is not None and not self._session.is_over:
            return self._session
        if self._ready is None or self._ready.done():
            now = self._clock()
            if self.state != "starting" and not self.breaker.allows(now):
                raise self._unreachable(self.error, self.breaker.wait_seconds(now))
            self._ready = asyncio.get_running_loop().create_future()
            self._ready.add_done_callback(lambda done: done.cancelled() or done.exception())
            if self._task is None:
                self._task = asyncio.create_task(self._supervise(), name=f"server {self.upstream.name}")
            else:
                self._wanted.set()
        return await asyncio.shield(self._ready)

    async def _supervise(self) -> None:
        """Connect, and again after a pause while a server that we do not start ourselves is away."""
        try:
            while not self._closing:
                broken = await self._once()
                if self._somebody_waits:
                    now = self._clock()
                    if self.breaker.allows(now):
                        continue
                    self._refuse(self._unreachable(self.error, self.breaker.wait_seconds(now)))
                if not broken or self.upstream.transport == "stdio":
                    return
                self._wanted.clear()
                backoff = FIRST_RETRY_SECONDS * 2 ** min(self.breaker.failures, 4) * (0.5 + self._luck() / 2)
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(backoff, self.breaker.wait_seconds(self._clock()))):
                        await self._wanted.wait()
        finally:
            self._task = None
            self._refuse(self._unreachable("it is being left", 0))

    async def _once(self) -> bool:
        """Be connected for as long as it lasts; whether it broke."""
        self.breaker = self.breaker.begun()
        self._changed.clear()
        self._turn("starting")
        began: float | None = None
        reason = ""
        failure: StackError | None = None
        try:
            async with self._connector.connect(self.upstream, self._note_change) as session:
                listing = await self._list(session)
                try:
                    await self._listed(self.upstream, listing)
                except StackError as error:
                    failure = error  # of our registry: the server is well
                else:
                    began = self._clock()
                    self._session, self._hangs, self.error = session, False, ""
                    self._fresh.set()
                    self._turn("connected")
                    if self._ready is not None and not self._ready.done():
                        self._ready.set_result(session)
                    reason = await self._watch(session)
        except UnavailableError as error:
            reason = error.problem
        except Exception as error:
            logger.exception("the connection to %s failed", self.upstream.name)
            reason = f"unexpected error: {type(error).__name__}"
        finally:
            self._session = None
            self._fresh.clear()
        self._take_stock(reason, lasted=0 if began is None else self._clock() - began)
        if began is None:  # who came while it was tried; who came after it broke gets a try of its own
            self._refuse(failure or self._unreachable(reason, self.breaker.wait_seconds(self._clock())))
        if reason:
            await self._write_down(reason)
        return bool(reason)

    async def _list(self, session: Session) -> Listing:
        try:
            async with asyncio.timeout(self.upstream.connect_timeout_seconds):
                return await session.listing()
        except TimeoutError:
            seconds = self.upstream.connect_timeout_seconds
            raise UnavailableError(f"it did not list its tools within {seconds:.0f} s") from None

    async def _watch(self, session: Session) -> str:
        """Wait for the end; why it came, or nothing if we are the ones who leave."""
        ended = asyncio.create_task(session.ended())
        listing = asyncio.create_task(self._keep_listed(session))
        try:
            while True:
                self._news.clear()
                left = self._seconds_until_idle()
                if self._closing or left <= 0:
                    self._session = None  # nobody gets it from here on: leaving it takes a moment
                    return ""
                news = asyncio.create_task(self._news.wait())
                timeout = left if left < float("inf") else None
                await asyncio.wait({ended, news}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if ended.done():
                    self._session = None
                    return ended.result()
                if self._hangs:
                    self._session = None
                    return "it answers neither calls nor pings"
        finally:
            ended.cancel()
            listing.cancel()
            await asyncio.gather(ended, listing, return_exceptions=True)

    def _seconds_until_idle(self) -> float:
        if self._users or self.upstream.transport != "stdio":
            return float("inf")
        return self._last_used + self.upstream.idle_seconds - self._clock()

    async def _keep_listed(self, session: Session) -> None:
        """List it again when it says that something changed, and now and then in case it does not say so."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._discovery_seconds):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self._listed(self.upstream, await self._list(session))
            except StackError as error:
                logger.warning("the tools of %s are not up to date: %s", self.upstream.name, error)
            if not self._changed.is_set():
                self._fresh.set()
            await asyncio.sleep(SECONDS_BETWEEN_LISTINGS)

    def _note_change(self) -> None:
        self._fresh.clear()
        self._changed.set()

    def _take_stock(self, reason: str, lasted: float) -> None:
        """Remember how it went.

        Args:
            reason: Why it broke; empty if we left.
            lasted: How long it was connected, in seconds.
        """
        if not reason or lasted >= SECONDS_OF_GOOD_HEALTH:
            self.breaker = self.breaker.succeeded()
        if reason:
            self.breaker = self.breaker.failed(self._clock(), self._luck())
        self.error = reason
        self._turn("unreachable" if reason else "idle")

    async def _write_down(self, reason: str) -> None:
        logger.info("server %s is unreachable: %s", self.upstream.name, reason)
        try:
            await self._failed(self.upstream, reason)
        except StackError as error:
            logger.warning("it is not written down why %s is unreachable: %s", self.upstream.name, error)

    def _check(self, session: Session) -> None:
        """Find out whether a server that did not answer a call answers at all; if not, end the connection."""

        async def ping() -> None:
            try:
                async with asyncio.timeout(SECONDS_FOR_A_PING):
                    await session.ping()
            except TimeoutError:
                if self._session is session:
                    self._hangs = True
                    self._news.set()
            except UnavailableError:
                pass  # it ended, which is noticed elsewhere

        task = asyncio.create_task(ping())
        self._pinging.add(task)  # the loop alone does not keep a task alive
        task.add_done_callback(self._pinging.discard)

    async def _until_over(self) -> None:
        """Wait until a connection that is lost has been cleared away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_FOR_A_PING):
                while self._session is not None:  # noqa: ASYNC110 - a matter of milliseconds, and rare
                    await asyncio.sleep(0.01)

    @property
    def _somebody_waits(self) -> bool:
        return self._ready is not None and not self._ready.done()

    def _refuse(self, error: StackError) -> None:
        """Tell those who wait for the connection, if there are any."""
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(error)

    def _turn(self, state: State) -> None:
        self.state = state
        self._turned()

    def _unreachable(self, reason: str, wait_seconds: float) -> UnavailableError:
        when = f"the next try is in {math.ceil(wait_seconds)} s" if wait_seconds > 0 else "calling again tries again"
        return UnavailableError(
            f"server {self.upstream.name} is unreachable: {reason}",
            f"{when}; other servers are not affected",
        )
