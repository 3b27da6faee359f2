"""The tools of the embeddings server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field

from ..mcp.app import StackServer
from .service import EmbeddingService, EmbeddingsResult

INSTRUCTIONS = "Turns texts into 384-dimension sentence embeddings. The cosine similarity of two is their dot product."


def build_server(services: Callable[[], Awaitable[EmbeddingService]]) -> StackServer:
    """Declare the tools.

    Args:
        services: Gives the opened service; awaited at each call.
    """
    server = StackServer("embeddings", title="Sentence embeddings", instructions=INSTRUCTIONS)

    @server.declare("Embed texts", read_only=True, idempotent=True)
    async def embed_texts(
        texts: Annotated[list[str], Field(min_length=1, max_length=256, description="1 to 256 texts")],
    ) -> EmbeddingsResult:
        """Turn texts into unit vectors for semantic comparison, search or clustering. Only the first 256 tokens of
        each text count.
        """
        return await (await services()).embed_texts(texts)

    return server
