"""What a provider's reply must be like before anything is made of it: it comes from elsewhere, and may be anything."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from ..errors import UnavailableError

T = TypeVar("T")

MOST_TOKENS = 100_000_000
"""More than any model's context by far; a larger count is a mistake, and no database column or budget may meet it."""

MOST_CHARACTERS_PER_TOKEN = 64
"""Of an answer as a whole. Single tokens may be longer, such as a row of dashes, an answer of them alone is not one."""

CHARACTERS_ALLOWED_ANYHOW = 4096

TIMES_THE_TIMEOUT = 3
"""How long a stream may take as a whole, in timeouts: each of them bounds one wait."""

LONGEST_NAME = 200

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: object) -> str:
    """A text that JSON, UTF-8 and PostgreSQL can hold: NUL and lone surrogates become U+FFFD.

    Raises:
        TypeError: It is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a {type(text).__name__} where a text should be")
    return _UNSTORABLE.sub("\ufffd", text)


def named(model: object, default: str) -> str:
    """The model that answered, as the reply names it; the default where it names none."""
    return storable(model)[:LONGEST_NAME] if isinstance(model, str) and model.strip() else default


def counted(tokens: object) -> int:
    """A number of tokens; 0 where none is told.

    Raises:
        TypeError: It is no number.
        ValueError: It is not finite, negative, or more than there can be.
    """
    if tokens is None:
        return 0
    if isinstance(tokens, bool) or not isinstance(tokens, (int, float)):
        raise TypeError(f"a {type(tokens).__name__} where a number of tokens should be")
    if not math.isfinite(tokens) or not 0 <= tokens <= MOST_TOKENS:
        raise ValueError("a number of tokens that cannot be")
    return int(tokens)


class Written:
    """The text of an answer as it comes, with a bound on its length: `max_tokens` binds those only who heed it.

    Args:
        who: Writes it, for messages.
        max_tokens: As asked for.
    """

    def __init__(self, who: str, max_tokens: int) -> None:
        self._who = who
        self._most = CHARACTERS_ALLOWED_ANYHOW + MOST_CHARACTERS_PER_TOKEN * max_tokens
        self._length = 0
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """All that was taken in."""
        return "".join(self._pieces)

    def add(self, piece: object) -> str:
        """The piece as it is to be used.

        Raises:
            TypeError: It is no text.
            UnavailableError: The answer is longer than what was asked for can be.
        """
        cleaned = storable(piece)
        self._length += len(cleaned)
        if self._length > self._most:
            raise UnavailableError(
                f"{self._who} writes more than was asked for: over {self._most} characters",
                "ask again, or another model",
            )
        self._pieces.append(cleaned)
        return cleaned


async def within(pieces: AsyncIterator[T], seconds: float) -> AsyncGenerator[T, None]:
    """Yields what an iterator yields, as long as it takes no longer in all; what the reader takes does not count.

    A provider that keeps its connection busy, with pings or with words, is never silent, so a bound on silence alone
    never ends it.

    Raises:
        TimeoutError: It took longer.
    """
    clock = asyncio.get_running_loop().time
    while True:
        started = clock()
        async with asyncio.timeout(seconds):
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
        seconds -= clock() - started
        yield piece
