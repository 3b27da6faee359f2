"""A server that we start, and speak to in lines over its stdin and stdout."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from ..errors import UnavailableError
from ..ports.upstreams import Upstream
from .environment import server_environment
from .wire import GARBAGE, Ending

GUARD = Path(__file__).parents[1] / "guard.py"
CHUNK_BYTES = 65_536
STDERR_BYTES = 4096
# Some servers print a greeting or their log; one that prints so much between two messages knows no protocol.
MAX_GARBAGE_LINES = 10_000
# A server that floods its stderr is read at this pace, so that it costs us next to nothing.
SECONDS_BETWEEN_CHUNKS_OF_STDERR = 0.01
# After its stdin closed. A client of ours may expect us to be gone within a second or two ourselves.
SECONDS_TO_LEAVE = 0.4
# One of ours finishes what is under way.
SECONDS_FOR_OURS_TO_LEAVE = 2.0
# The guard gives up killing after 1.5 s.
SECONDS_TO_KILL = 2.0

Incoming: TypeAlias = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing: TypeAlias = MemoryObjectSendStream[SessionMessage]


@asynccontextmanager
async def stdio_wire(
    upstream: Upstream, environ: Mapping[str, str], max_message_bytes: int, ending: Ending
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Start a server, for as long as the context lasts; afterwards none of its processes is left.

    Args:
        upstream: What is started.
        environ: Our environment.
        max_message_bytes: A server that sends a longer line is cut off.
        ending: Told when it is over.

    Raises:
        UnavailableError: It cannot be started.
    """
    process, lifeline = await _start(upstream, server_environment(upstream, environ))
    to_us, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_us = anyio.create_memory_object_stream[SessionMessage](0)
    errors = bytearray()
    reading_errors = asyncio.create_task(_read_errors(process, errors))
    tasks = [
        reading_errors,
        asyncio.create_task(
            _Reader(
                process,
                to_us,
                ending,
                max_bytes=max_message_bytes,
                errors=errors,
                reading_errors=reading_errors,
            ).run()
        ),
        asyncio.create_task(_write(process, from_us, ending)),
    ]
    try:
        yield incoming, outgoing
    finally:
        misbehaved = ending.is_over
        ending.end("it was stopped")
        try:
            await _stop(process, lifeline, patient=upstream.ours, at_once=misbehaved)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (to_us, incoming, outgoing, from_us):
                stream.close()


async def _start(upstream: Upstream, environment: Mapping[str, str]) -> tuple[Process, int]:
    """The process, and the descriptor whose closing kills it and all its descendants; -1 for one that ends itself."""
    # One of ours may start what others need as well, PostgreSQL or the worker: those must not end with it.
    lifeline, ours = (-1, -1) if upstream.ours else os.pipe()
    guarded = () if upstream.ours else (sys.executable, "-I", "-S", str(GUARD), str(lifeline))
    try:
        process = await asyncio.create_subprocess_exec(
            *guarded,
            *upstream.command,
            cwd=upstream.folder or environment.get("HOME") or "/",
            env=dict(environment),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            pass_fds=() if upstream.ours else (lifeline,),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        if ours >= 0:
            os.close(ours)
        reason = getattr(error, "strerror", None) or "its command has a NUL"
        raise UnavailableError(
            f"server {upstream.name} cannot be started: {getattr(error, 'filename', None) or 'it'}: {reason}",
            f"correct it in {upstream.origin}",
        ) from error
    finally:
        if lifeline >= 0:
            os.close(lifeline)
    return process, ours


class _Reader:
    """Passes messages on, and ends the connection when it cannot go on."""

    def __init__(
        self,
        process: Process,
        to_us: MemoryObjectSendStream[SessionMessage | Exception],
        ending: Ending,
        *,
        max_bytes: int,
        errors: bytearray,
        reading_errors: asyncio.Task[None],
    ) -> None:
        self._process = process
        self._to_us = to_us
        self._ending = ending
        self._max_bytes = max_bytes
        self._reading_errors = reading_errors
        self._errors = errors
        self._garbage_lines = 0
        self._garbage_bytes = 0
        self._first_garbage = b""

    async def run(self) -> None:
        """Read until the end of stdout, or of patience."""
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with self._to_us:
                self._ending.end(await self._read())

    async def _read(self) -> str:
        """Why it is over."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = bytearray()
        while chunk := await self._process.stdout.read(CHUNK_BYTES):
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                line += end
                if len(line) > self._max_bytes:
                    return self._too_long()
                await self._take(bytes(line))
                line = bytearray()
                if self._garbage_lines > MAX_GARBAGE_LINES or self._garbage_bytes > self._max_bytes:
                    return f"it printed {self._garbage_lines} lines that are no messages, such as {self._quoted()}"
            line += rest
            if len(line) > self._max_bytes:
                return self._too_long()
            await asyncio.sleep(0)  # reading what is there already lets nobody else run
        return await self._last_words()

    def _too_long(self) -> str:
        return f"it sent a message of more than {self._max_bytes} bytes (limit: tools.max_message_bytes)"

    async def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            self._garbage_lines += 1
            self._garbage_bytes += len(line)
            if not self._first_garbage:
                self._first_garbage = line[:200]
                self._ending.hint = f"it printed what is no message: {self._quoted()}"
            if (answered := _request_of(line)) is not None:
                error = types.ErrorData(code=types.PARSE_ERROR, message=GARBAGE)
                await self._to_us.send(SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=answered, error=error)))
            await asyncio.sleep(0)
            return
        self._garbage_lines = self._garbage_bytes = 0
        await self._to_us.send(SessionMessage(message))

    def _quoted(self) -> str:
        return repr(self._first_garbage.decode(errors="replace"))

    async def _last_words(self) -> str:
        """How it ended, with what it wrote to stderr at last."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS_TO_LEAVE):
                await asyncio.shield(self._reading_errors)
                await self._process.wait()
        code = self._process.returncode
        how = "it closed its stdout" if code is None else f"it ended with status {code}"
        said = self._errors.decode(errors="replace").strip()
        if said:
            return f"{how}, saying: {said[-400:]}"
        return f"{how}; {self._ending.hint}" if self._ending.hint else how


async def _read_errors(process: Process, kept: bytearray) -> None:
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    while chunk := await process.stderr.read(CHUNK_BYTES):
        kept += chunk
        del kept[:-STDERR_BYTES]
        if len(chunk) > STDERR_BYTES:
            await asyncio.sleep(SECONDS_BETWEEN_CHUNKS_OF_STDERR)


async def _write(process: Process, from_us: MemoryObjectReceiveStream[SessionMessage], ending: Ending) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    try:
        async with from_us:
            async for message in from_us:
                line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()
    except (ConnectionError, RuntimeError):
        # It may print its last words, which say more; if it goes on without a stdin, this is the reason.
        await asyncio.sleep(SECONDS_TO_LEAVE)
        ending.end("it closed its stdin")


async def _stop(process: Process, lifeline: int, *, patient: bool, at_once: bool) -> None:
    """See to it that nothing of a server is left: it may leave by itself, but not for long."""
    try:
        if process.stdin is not None:
            process.stdin.close()
        if not at_once:
            await _ended(process, SECONDS_FOR_OURS_TO_LEAVE if patient else SECONDS_TO_LEAVE)
    finally:
        if lifeline >= 0:
            os.close(lifeline)
        elif process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
        # Also if this is cancelled: what is left to do takes no time, and a process must not be left.
        if not await _ended(process, SECONDS_TO_KILL):
            with suppress(ProcessLookupError):
                process.kill()
        if (transport := getattr(process, "_transport", None)) is not None:
            transport.close()  # a descendant that got away may hold the pipes


async def _ended(process: Process, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        return False
    return True


def _request_of(line: bytes) -> types.RequestId | None:
    """Which request a line that is no message seems to answer."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "method" in content:
        return None
    identifier = content.get("id")
    return identifier if isinstance(identifier, int | str) and not isinstance(identifier, bool) else None
