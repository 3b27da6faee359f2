"""Text to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

Vector: TypeAlias = list[float]
"""One embedding: `dimensions` floats of Euclidean length 1."""


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their cosine similarity."""

    @property
    def model(self) -> str:
        """Identity of the weights; vectors of different models are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """Embed one text with the least latency.

        Raises:
            UnavailableError: The model or the endpoint cannot be reached.
        """
        ...

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Embed many texts with the most throughput, in the order given.

        Raises:
            UnavailableError: The model or the endpoint cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Free the model or the connections."""
        ...
