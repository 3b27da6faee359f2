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

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import METHOD_NOT_FOUND, ErrorData, JSONRPCError, JSONRPCRequest

if TYPE_CHECKING:
    from .app import StackServer

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS_AT_THE_PARENT = 0.5
SECONDS_TO_FINISH_AFTER_EOF = 1.0
SECONDS_TO_CLEAN_UP = 1.5


def serve_stdio(server: StackServer, close: Callable[[], Awaitable[None]], *, legacy: bool = False) -> None:
    """Serve one client over stdin and stdout until it leaves; then end the process.

    It ends on end of file, SIGTERM, SIGINT and when the parent process is gone, for some clients never close
    stdin. Ending is by `os._exit`: threads that still wait for stdin or a model would hold up a regular exit.

    Args:
        server: What to serve.
        close: Frees what the server holds; given a second and a half.
        legacy: Refuse `server/discover`, for clients that ask for it and then shake hands in the old way.
    """
    code = asyncio.run(_serve(server, close, legacy))
    _exit(code)


async def _serve(server: StackServer, close: Callable[[], Awaitable[None]], legacy: bool) -> int:
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, 0)
    tasks = [
        asyncio.create_task(_run(server, end, legacy)),
        asyncio.create_task(_watch_parent(end)),
    ]
    code = await stop
    try:
        await asyncio.wait_for(close(), SECONDS_TO_CLEAN_UP)
    except TimeoutError:
        logger.warning("cleaning up took too long")
    except Exception:
        logger.exception("cleaning up failed")
    del tasks
    _exit(code)
    return code


async def _run(server: StackServer, end: Callable[[int], None], legacy: bool) -> None:
    try:
        async with stdio_server() as (incoming, outgoing):
            sender, receiver = anyio.create_memory_object_stream[SessionMessage | Exception](0)

            async def relay() -> None:
                async with sender:
                    async for message in incoming:
                        if legacy and (refusal := _refused_discovery(message)) is not None:
                            await outgoing.send(refusal)
                        else:
                            await sender.send(message)
                # A tool that cannot be cancelled must not keep a server alive whose client is gone.
                asyncio.get_running_loop().call_later(SECONDS_TO_FINISH_AFTER_EOF, end, 0)

            async with anyio.create_task_group() as group:
                group.start_soon(relay)
                # What MCPServer.run_stdio_async does, with the relay in between.
                lowlevel = server._lowlevel_server
                await lowlevel.run(receiver, outgoing, lowlevel.create_initialization_options())
                group.cancel_scope.cancel()
        end(0)
    except Exception:
        logger.exception("the stdio transport failed")
        end(1)


def _refused_discovery(message: SessionMessage | Exception) -> SessionMessage | None:
    if isinstance(message, Exception) or not isinstance(message.message, JSONRPCRequest):
        return None
    request = message.message
    if request.method != "server/discover":
        return None
    error = ErrorData(code=METHOD_NOT_FOUND, message="Method not found")
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=request.id, error=error))


async def _watch_parent(end: Callable[[int], None]) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel offers no event for it
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS_AT_THE_PARENT)
    logger.info("the parent process is gone")
    end(0)


def _exit(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
