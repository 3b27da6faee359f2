"""Serving over stdio, and ending in time."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from mcp.server.stdio import stdio_server

from .stdio import Relay

if TYPE_CHECKING:
    from .app import StackServer

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS_AT_THE_PARENT = 0.5
# A client may expect a server to be gone three seconds after it closed stdin.
SECONDS_TO_FINISH_AFTER_EOF = 1.1
SECONDS_TO_CLEAN_UP = 1.7


def serve_stdio(
    server: StackServer,
    close: Callable[[], Awaitable[None]],
    *,
    parent: int,
    legacy: bool = False,
    beside: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve one client over stdin and stdout until it leaves; then end the process.

    It ends on end of file, SIGTERM, SIGINT and when the parent process is gone, for some clients never close
    stdin. Ending is by `os._exit`: threads that still wait for stdin or a model would hold up a regular exit.

    Args:
        server: What to serve.
        close: Frees what the server holds; given a second.
        parent: Process id of the parent as it was when this process started.
        legacy: Refuse `server/discover`, for clients that ask for it and then shake hands in the old way.
        beside: What else it does meanwhile; cancelled at the end, before `close`.
    """
    _exit(asyncio.run(_serve(server, close, beside, parent, legacy=legacy)))


async def _serve(
    server: StackServer,
    close: Callable[[], Awaitable[None]],
    beside: Callable[[], Awaitable[None]] | None,
    parent: int,
    *,
    legacy: bool,
) -> int:
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, 0)
    tasks = [asyncio.create_task(_run(server, end, legacy)), asyncio.create_task(_watch_parent(parent, end))]
    if beside is not None:
        tasks.append(asyncio.create_task(_run_beside(beside)))
    code = await stop
    for task in tasks[2:]:
        task.cancel()
    try:
        await asyncio.wait_for(close(), SECONDS_TO_CLEAN_UP)
    except TimeoutError:
        logger.warning("cleaning up took too long")
    except Exception:
        logger.exception("cleaning up failed")
    del tasks
    # Not after asyncio.run: that would first wait for the thread that reads stdin.
    _exit(code)
    return code


async def _run(server: StackServer, end: Callable[[int], None], legacy: bool) -> None:
    try:
        async with stdio_server() as (incoming, outgoing):
            relay = Relay(incoming, outgoing, end, legacy=legacy, grace_seconds=SECONDS_TO_FINISH_AFTER_EOF)
            # What MCPServer.run_stdio_async does, with the relay in between.
            lowlevel = server._lowlevel_server
            async with relay.running() as (requests, replies):
                await lowlevel.run(requests, replies, lowlevel.create_initialization_options())
        end(0)
    except Exception:
        logger.exception("the stdio transport failed")
        end(1)


async def _run_beside(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:
        logger.exception("what runs beside the requests failed")


async def _watch_parent(parent: int, end: Callable[[int], None]) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel offers no event for it
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS_AT_THE_PARENT)
    logger.info("the parent process is gone")
    end(0)


def _exit(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
