"""Embeddings as a service of their own."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pydantic import BaseModel, Field

from ..errors import UsageError
from ..ports.embedder import Embedder
from ..ports.events import Events
from ..validation import checked_text

MAX_TEXTS = 256
MAX_CHARACTERS = 100_000


class EmbeddingsResult(BaseModel):
    """Vectors of texts."""

    embeddings: list[list[float]] = Field(description="One unit vector for each text, in their order")
    model: str
    dimensions: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class EmbeddingService:
    """The service behind the tools of the embeddings server."""

    embedder: Embedder
    events: Events

    async def embed_texts(self, texts: list[str]) -> EmbeddingsResult:
        """Embed texts.

        Args:
            texts: 1 to 256 texts of at most 100,000 characters; a model reads only so many tokens of each.

        Raises:
            UsageError: There are none or too many, or one of them is empty or too long.
            UnavailableError: There is no embedder.
        """
        if not 1 <= len(texts) <= MAX_TEXTS:
            raise UsageError(f"there are {len(texts)} texts", f"give 1 to {MAX_TEXTS}")
        checked = [checked_text(f"texts[{number}]", text, MAX_CHARACTERS) for number, text in enumerate(texts)]
        start = time.perf_counter()
        if len(checked) == 1:
            vectors = [await self.embedder.embed_query(checked[0])]
        else:
            vectors = await self.embedder.embed_documents(checked)
        latency_ms = round((time.perf_counter() - start) * 1000, 3)
        self.events.record("embed", texts=len(texts), latency_ms=latency_ms)
        return EmbeddingsResult(
            embeddings=vectors, model=self.embedder.model, dimensions=len(vectors[0]), latency_ms=latency_ms
        )
