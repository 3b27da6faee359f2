"""The process that holds a model answers for the others."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from ...errors import StackError, UnavailableError
from ...ports.chat import Message, ModelState
from ..llama_cpp import LlamaCppChat
from .frames import encoded, read_frame
from .meeting_point import MeetingPoint, peer_of
from .speed_note import SpeedNote
from .wire import packed_completion, packed_error, packed_speed, packed_state, unpacked_messages

SECONDS_BETWEEN_SIGNS = 0.5
"""How often those who wait are told that this process lives: several times within their shortest patience."""

_LOGGER = logging.getLogger(__name__)


class Holder:
    """Serves a model at its meeting point, each process that asks in its turn.

    Args:
        model: In this process.
        place: Whose lock this process has.
    """

    def __init__(self, model: LlamaCppChat, place: MeetingPoint) -> None:
        self._model = model
        self._place = place
        self._note = SpeedNote(place.speed_file)
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closed = False
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> ModelState:
        """How the model is."""
        speed = self._model.speed
        return ModelState(
            self._model.status,
            os.getpid(),
            self._model.unfinished,
            speed.prefill_per_second,
            speed.decode_per_second,
        )

    def note_speed(self) -> None:
        """Write down how fast the model is, if that is news."""
        self._note.update(self._model.speed)

    def start(self) -> None:
        """Begin to listen, in the running event loop."""
        self._starting = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Leave: those who wait for an answer see their connection end, and ask whoever holds the model next."""
        self._closed = True
        if self._starting is not None:
            await self._starting
        if self._server is not None:
            self._server.close()
            self._place.forget_socket()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _listen(self) -> None:
        """Where listening is impossible, say so and hold the model for this process alone."""
        try:
            listener = self._place.listening_socket()
        except UnavailableError as error:
            _LOGGER.warning("the local model is not shared with other processes: %s", error)
            return
        self._server = await asyncio.start_unix_server(self._serve, sock=listener)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy: asyncio runs each connection in a task
        self._connections.add(task)
        try:
            if not self._closed:
                await self._converse(reader, writer)
        except (EOFError, OSError, ValueError, LookupError, TypeError) as error:
            _LOGGER.debug("a connection for the local model ended: %s", error)
        except asyncio.CancelledError:
            pass  # by `close` alone; asyncio would log it as a failure of the connection
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid, pid = peer_of(writer.get_extra_info("socket"))
        if uid != os.geteuid():
            _LOGGER.warning("user id %d asked for the local model and was sent away", uid)
            return
        request = await read_frame(reader)
        answering = asyncio.create_task(self._answer(request, str(pid), writer))
        signs = asyncio.create_task(self._tell_signs_of_life(writer))
        gone = asyncio.create_task(reader.read(1))  # nothing more is due, so this ends with the connection
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answering, gone, signs):
                task.cancel()
            await asyncio.gather(answering, gone, signs, return_exceptions=True)
        with suppress(asyncio.CancelledError):
            answering.result()

    async def _answer(self, request: dict[str, Any], client: str, writer: asyncio.StreamWriter) -> None:
        try:
            async with aclosing(self._replies(request, client)) as replies:
                async for reply in replies:
                    writer.write(encoded(reply))
                    await writer.drain()
        except StackError as error:
            writer.write(encoded(packed_error(error)))
        except (OSError, ValueError, LookupError, TypeError):
            raise
        except Exception:
            _LOGGER.exception("the local model failed for another process")
            writer.write(encoded(packed_error(UnavailableError("the local model failed", "see the server's log"))))
        await writer.drain()

    async def _tell_signs_of_life(self, writer: asyncio.StreamWriter) -> None:
        """Without end; who does not read what came before is told nothing more."""
        loading = 0
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_SIGNS)
            loading += self._model.status == "loading"  # which may take long, and shows in nothing else
            if not writer.transport.get_write_buffer_size():
                writer.write(encoded({"alive": [self._model.progress, loading]}))

    async def _replies(self, request: dict[str, Any], client: str) -> AsyncGenerator[dict[str, Any], None]:
        match request["op"]:
            case "stream":
                async with aclosing(self._model.stream(*_conversation(request), client=client)) as items:
                    async for item in items:
                        yield {"piece": item} if isinstance(item, str) else self._ended(packed_completion(item))
            case "complete":
                completion = await self._model.complete(*_conversation(request), client=client)
                yield self._ended(packed_completion(completion))
            case "judge":
                messages = unpacked_messages(request["messages"])
                share = await self._model.probability_true(messages, str(request["question"]), client=client)
                yield self._ended({"probability": share})
            case "load":
                await self._model.load()
                yield {"loaded": True}
            case "state":
                yield packed_state(self.state)
            case unknown:
                raise ValueError(f"an unknown request {unknown!r}")

    def _ended(self, reply: dict[str, Any]) -> dict[str, Any]:
        """A last reply, with what the request taught about the model's speed."""
        self.note_speed()
        return reply | {"speed": packed_speed(self._model.speed)}


def _conversation(request: dict[str, Any]) -> tuple[list[Message], int]:
    return unpacked_messages(request["messages"]), int(request["max_tokens"])
