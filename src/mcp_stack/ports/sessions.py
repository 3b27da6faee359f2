"""Conversations of several turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .chat import Message

EPOCH_SECONDS = 90 * 24 * 3600.0
"""How long it is known that a conversation was cleared; answers are cached for a day by default."""


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

    async def epoch(self, session_id: str) -> str:
        """Names the time since the conversation was last cleared; empty if it never was, or long ago.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def append(self, session_id: str, turns: Sequence[Message], epoch: str = "") -> None:
        """Add turns, together, and let its time begin anew. The oldest turns go where there are too many.

        Args:
            session_id: The conversation.
            turns: What was said.
            epoch: Read before the question was answered. If the conversation was cleared since, nothing is added.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def clear(self, session_id: str) -> int:
        """Forget a conversation, and whatever is being said in it now: a new epoch begins.

        Returns:
            How many turns it had; 0 if there was none.

        Raises:
            UnavailableError: The store is down.
        """
        ...
