"""Asking the process that holds the model: one request a connection, and closing it cancels the request."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from ...errors import UnavailableError, UsageError
from ...ports.chat import ModelState
from .frames import encoded, read_frame
from .meeting_point import MeetingPoint, peer_of
from .wire import unpacked_error, unpacked_state

SECONDS_TO_TELL = 2.0


class NobodyThereError(Exception):
    """No process listens, or it ended before its last reply.

    Attributes:
        asked: Whether it had the request.
    """

    def __init__(self, reason: object, *, asked: bool) -> None:
        super().__init__(str(reason))
        self.asked = asked


async def replies(place: MeetingPoint, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """Ask, and yield the replies until the last.

    Args:
        place: Where it listens.
        request: See `wire`.

    Raises:
        NobodyThereError: There is no such process, or it is gone.
        StackError: It failed; see `wire`.
    """
    try:
        frame = encoded(request)
    except ValueError as error:
        raise UsageError(f"the conversation is far too long: {error}", "shorten it") from error
    try:
        address = place.address()
        reader, writer = await asyncio.open_unix_connection(address)
    except OSError as error:
        raise NobodyThereError(error, asked=False) from error
    try:
        uid, _ = peer_of(writer.get_extra_info("socket"))
        if uid != os.geteuid():
            raise UnavailableError(f"{address} belongs to user id {uid}", "remove it")
        writer.write(frame)
        await writer.drain()
        while True:
            reply = await read_frame(reader)
            if (refusal := reply.get("error")) is not None:
                raise unpacked_error(refusal)
            yield reply
            if "piece" not in reply:
                return
    except (EOFError, ConnectionError, ValueError) as error:
        raise NobodyThereError(error, asked=True) from error
    finally:
        writer.close()


async def state_at(place: MeetingPoint) -> ModelState:
    """How a model is, wherever it is held; looking loads nothing.

    Raises:
        UnavailableError: The process that holds it does not answer.
    """
    try:
        async with asyncio.timeout(SECONDS_TO_TELL), aclosing(replies(place, {"op": "state"})) as told:
            return [unpacked_state(reply["state"]) async for reply in told][-1]
    except NobodyThereError:
        return ModelState("unloaded")
    except TimeoutError as error:
        raise UnavailableError(
            f"the process that holds the local model said nothing for {SECONDS_TO_TELL:g} s",
            "end it: another one then takes over",
        ) from error
