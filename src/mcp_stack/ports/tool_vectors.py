"""Embeddings of tools, so that a new process need not compute them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ToolVectors(Protocol):
    """Vectors by what they are computed from, shared by all processes."""

    async def get(self, model: str, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those that are there.

        Args:
            model: The embedding model.
            digests: SHA-256 of the embedded texts.

        Returns:
            Little-endian float32 vectors, by digest.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def put(self, model: str, vectors: Mapping[bytes, bytes]) -> None:
        """Keep some; what nobody has asked for in a long while goes.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...
