"""A cache around any embedder: in this process, and shared by all of them."""

from __future__ import annotations

import hashlib
import logging
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from ..errors import UnavailableError
from ..ports.cache import Cache
from ..ports.embedder import Embedder, Vector
from .shared import encodable

STORE_REST_SECONDS: Final = 5.0
"""How long a store that failed is left alone, so that its timeout is not paid for every query."""

_log = logging.getLogger(__name__)


class CachingEmbedder:
    """Remembers the vectors of queries under `embed:<model>:<SHA-256 of the text>` as little-endian float32.

    Documents are not looked up: an import embeds each text once, and the store has no way to ask for many at once.
    Whatever fails in the store is logged, and the query is embedded anew.

    Args:
        inner: Who embeds what is not cached; closed along with this.
        cache: The shared store; stays open.
        ttl_seconds: How long the store keeps a vector.
        memory_entries: Most vectors kept in this process, of 4 bytes a dimension each.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        inner: Embedder,
        cache: Cache,
        *,
        ttl_seconds: float,
        memory_entries: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._cache = cache
        self._ttl_seconds = ttl_seconds
        self._memory_entries = memory_entries
        self._clock = clock
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._store_rests_until = float("-inf")

    @property
    def model(self) -> str:
        """The inner embedder's."""
        return self._inner.model

    @property
    def dimensions(self) -> int:
        """The inner embedder's."""
        return self._inner.dimensions

    async def embed_query(self, text: str) -> Vector:
        """The vector of a text, from the cache if it is there.

        Raises:
            UnavailableError: It is not cached and the inner embedder is unavailable.
        """
        digest = hashlib.sha256(encodable(text).encode()).hexdigest()
        key = f"embed:{self.model}:{digest}"
        packed = self._memory.get(key) or await self._stored(key)
        if packed is None:
            packed = struct.pack(f"<{self.dimensions}f", *await self._inner.embed_query(text))
            await self._store(key, packed)
        self._remember(key, packed)
        return list(struct.unpack(f"<{self.dimensions}f", packed))

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Embed many texts; not cached.

        Raises:
            UnavailableError: The inner embedder is unavailable.
        """
        return await self._inner.embed_documents(texts)

    async def close(self) -> None:
        """Close the inner embedder."""
        await self._inner.close()

    def _remember(self, key: str, packed: bytes) -> None:
        self._memory[key] = packed
        self._memory.move_to_end(key)
        while len(self._memory) > self._memory_entries:
            self._memory.popitem(last=False)

    async def _stored(self, key: str) -> bytes | None:
        if self._clock() < self._store_rests_until:
            return None
        try:
            packed = await self._cache.get(key)
        except UnavailableError as error:
            self._let_the_store_rest(error)
            return None
        return packed if packed is not None and len(packed) == 4 * self.dimensions else None

    async def _store(self, key: str, packed: bytes) -> None:
        if self._clock() < self._store_rests_until:
            return
        try:
            await self._cache.set(key, packed, self._ttl_seconds)
        except UnavailableError as error:
            self._let_the_store_rest(error)

    def _let_the_store_rest(self, error: UnavailableError) -> None:
        self._store_rests_until = self._clock() + STORE_REST_SECONDS
        _log.warning("embedding without the shared cache for %g s: %s", STORE_REST_SECONDS, error.problem)
