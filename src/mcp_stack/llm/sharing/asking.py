"""Asking the process that holds the model: one request a connection, and closing it cancels the request."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ...errors import UnavailableError, UsageError
from ...ports.chat import ModelState
from .frames import encoded, read_frame
from .meeting_point import MeetingPoint, peer_of
from .wire import unpacked_error, unpacked_state

SECONDS_TO_TELL = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a reply is waited for.

    Attributes:
        silence_seconds: Without any sign of life of the process that holds the model.
        standstill_seconds: While that process lives, but its model gets on for nobody.
    """

    silence_seconds: float = SECONDS_TO_TELL
    standstill_seconds: float = SECONDS_TO_TELL


class NoSignOfLifeError(UnavailableError):
    """The process that holds the model is there and does nothing: it is suspended, or hangs."""


class NobodyThereError(Exception):
    """No process listens, or it ended before its last reply.

    Attributes:
        asked: Whether it had the request.
    """

    def __init__(self, reason: object, *, asked: bool) -> None:
        super().__init__(str(reason))
        self.asked = asked


async def replies(
    place: MeetingPoint, request: Mapping[str, Any], patience: Patience
) -> AsyncGenerator[dict[str, Any], None]:
    """Ask, and yield the replies until the last.

    Args:
        place: Where it listens.
        request: See `wire`.
        patience: How long to wait for each.

    Raises:
        NobodyThereError: There is no such process, or it is gone.
        NoSignOfLifeError: It is there, and patience is over.
        StackError: It failed; see `wire`.
    """
    try:
        frame = encoded(request)
    except ValueError as error:
        raise UsageError(f"the conversation is far too long: {error}", "shorten it") from error
    try:
        address = place.address()
        async with asyncio.timeout(patience.silence_seconds):
            reader, writer = await asyncio.open_unix_connection(address)
    except TimeoutError as error:
        raise _silent(patience.silence_seconds, 0) from error
    except OSError as error:
        raise NobodyThereError(error, asked=False) from error
    pid = 0
    try:
        uid, pid = peer_of(writer.get_extra_info("socket"))
        if uid != os.geteuid():
            raise UnavailableError(f"{address} belongs to user id {uid}", "remove it")
        writer.write(frame)
        async with asyncio.timeout(patience.silence_seconds):
            await writer.drain()
        while True:
            reply = await _next(reader, patience, pid)
            if (refusal := reply.get("error")) is not None:
                raise unpacked_error(refusal)
            yield reply
            if "piece" not in reply:
                return
    except TimeoutError as error:
        raise _silent(patience.silence_seconds, pid) from error
    except (EOFError, ConnectionError, ValueError) as error:
        raise NobodyThereError(error, asked=True) from error
    finally:
        writer.close()


async def _next(reader: asyncio.StreamReader, patience: Patience, pid: int) -> dict[str, Any]:
    """The next reply that is no mere sign of life."""
    seen, moved = None, time.monotonic()
    while True:
        async with asyncio.timeout(patience.silence_seconds):
            reply = await read_frame(reader)
        if "alive" not in reply:
            return reply
        if reply["alive"] != seen:
            seen, moved = reply["alive"], time.monotonic()
        elif time.monotonic() - moved > patience.standstill_seconds:
            raise _silent(patience.standstill_seconds, pid)


async def state_at(place: MeetingPoint) -> ModelState:
    """How a model is, wherever it is held; looking loads nothing.

    Raises:
        UnavailableError: The process that holds it does not answer.
    """
    try:
        async with aclosing(replies(place, {"op": "state"}, Patience())) as told:
            return [unpacked_state(reply["state"]) async for reply in told][-1]
    except NobodyThereError:
        return ModelState("unloaded")


def _silent(seconds: float, pid: int) -> NoSignOfLifeError:
    who = f"process {pid}, which holds the local model," if pid else "the process that holds the local model"
    return NoSignOfLifeError(
        f"{who} gave no sign of life for {seconds:g} s",
        "let it go on if it is suspended, or end it: another one then takes over",
    )
