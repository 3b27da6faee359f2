"""Short-lived shared values: cached answers and embeddings, rate limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket; it starts full.

    Attributes:
        name: Tells it from its owner's others.
        capacity: Most tokens that it holds.
        period_seconds: Time in which an empty bucket fills up.
    """

    name: str
    capacity: int
    period_seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Result of taking a token from each of some buckets.

    Attributes:
        allowed: A token was in each, and is taken.
        retry_after_seconds: 0 if allowed, else when there will be a token in each.
        lacking: The bucket that takes the longest until then; None if allowed.
    """

    allowed: bool
    retry_after_seconds: float
    lacking: Bucket | None

    @classmethod
    def of(cls, buckets: Sequence[Bucket], levels: Sequence[float], *, allowed: bool) -> Taken:
        """The result where buckets had so many tokens.

        Args:
            buckets: At least one.
            levels: Tokens in each of them, if none was taken.
            allowed: One was taken from each.
        """
        if allowed:
            return cls(allowed=True, retry_after_seconds=0, lacking=None)
        waits = [(1 - level) * each.period_seconds / each.capacity for each, level in zip(buckets, levels, strict=True)]
        longest = max(range(len(waits)), key=waits.__getitem__)
        return cls(allowed=False, retry_after_seconds=waits[longest], lacking=buckets[longest])


class Cache(Protocol):
    """A key-value store with expiry, shared by all processes; losing it loses no data."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is missing or expired.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        """Store a value for a while, replacing the old one.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def delete(self, key: str) -> None:
        """Forget a key; no error if it is not there.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def take_token(self, owner: str, buckets: Sequence[Bucket]) -> Taken:
        """Take one token from each bucket or, if one is empty, from none; atomically over all processes.

        Args:
            owner: Whose buckets; the same ones in the same order each time.
            buckets: At least one.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def ping(self) -> None:
        """Raises UnavailableError unless the store answers."""
        ...

    async def close(self) -> None:
        """Free the connections."""
        ...
