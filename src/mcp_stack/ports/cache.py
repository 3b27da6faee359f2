"""Short-lived shared values: cached answers and embeddings, rate limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Taken:
    """Result of taking a token from a bucket.

    Attributes:
        allowed: A token was there and is taken.
        retry_after_seconds: 0 if allowed, else when the next token will be there.
    """

    allowed: bool
    retry_after_seconds: float


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

    async def take_token(self, bucket: str, capacity: int, period_seconds: float) -> Taken:
        """Take one token from a bucket, atomically over all processes.

        Args:
            bucket: Name of the bucket; it starts full.
            capacity: Most tokens that it holds.
            period_seconds: Time in which an empty bucket fills up.

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
