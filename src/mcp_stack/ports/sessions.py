"""Conversations of several turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .chat import Message


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said so far.

    Attributes:
        turns: Questions and answers, oldest first.
        seconds_left: Until it is forgotten, if nothing more is said.
    """

    turns: tuple[Message, ...]
    seconds_left: float


class Sessions(Protocol):
    """Keeps conversations while they go on; one that rests is forgotten."""

    async def get(self, session_id: str) -> Conversation | None:
        """The conversation, or None if there is none of that name, or it rested too long.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def append(self, session_id: str, turns: Sequence[Message]) -> None:
        """Add turns, together, and let its time begin anew. The oldest turns go where there are too many.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def clear(self, session_id: str) -> int:
        """Forget a conversation.

        Returns:
            How many turns it had; 0 if there was none.

        Raises:
            UnavailableError: The store is down.
        """
        ...
