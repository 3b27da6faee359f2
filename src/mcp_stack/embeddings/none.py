"""No embedder, by choice."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UnavailableError
from ..ports.embedder import Vector


class NoEmbedder:
    """The port `Embedder` where `embeddings.provider` is `none`: every search goes by words."""

    model = ""
    dimensions = 0

    async def embed_query(self, text: str) -> Vector:
        """See `Embedder.embed_query`."""
        del text
        raise _unavailable()

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """See `Embedder.embed_documents`."""
        del texts
        raise _unavailable()

    async def close(self) -> None:
        """See `Embedder.close`."""


def _unavailable() -> UnavailableError:
    return UnavailableError("there is no embedder", "set embeddings.provider to llama_cpp")
