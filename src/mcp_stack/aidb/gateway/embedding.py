"""Vectors of tools: computed once for all processes, in the background if there are many."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import UnavailableError
from ...ports.embedder import Embedder
from ...ports.tool_vectors import ToolVectors
from ...ports.tools import KnownTool
from .terms import spaced

if TYPE_CHECKING:
    from .memory import Matrix

logger = logging.getLogger(__name__)

# How long a search waits for new tools to be embedded; then those are ranked by their words.
SECONDS_WAITED = 3.0
TOOLS_AT_ONCE = 32
# A model reads far less; a description of a megabyte need not be taken apart into tokens.
MAX_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of a list of tools.

    Attributes:
        matrix: A row each; zeros for a tool that is not embedded yet. None if none is.
        missing: How many are not embedded yet.
        version: Changes when more are.
    """

    matrix: Matrix | None
    missing: int
    version: int


class ToolEmbeddings:
    """Embeds tools as the mean of three views: with its server, its name alone, and its description alone.

    A model that reads 256 tokens would else lose a name before a long description; the mean is as good as the best
    of the views, and one row to compare instead of three.

    Args:
        store: Where vectors are kept.
        embedder: Computes those that are not there.
    """

    def __init__(self, store: ToolVectors, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._vectors: dict[bytes, bytes] = {}
        self._computing: asyncio.Task[None] | None = None
        self.version = 0

    async def of(self, tools: Sequence[KnownTool]) -> Embedded:
        """The vectors of tools; those that take too long are computed in the background.

        Raises:
            UnavailableError: The store is down, or nothing can be embedded.
        """
        texts = {_digest(views): views for views in map(_views, tools)}
        if lacking := [digest for digest in texts if digest not in self._vectors]:
            found = await self._store.get(self._embedder.model, lacking)
            size = 4 * self._embedder.dimensions
            self._vectors |= {digest: vector for digest, vector in found.items() if len(vector) == size}
        self._vectors = {digest: vector for digest, vector in self._vectors.items() if digest in texts}
        if lacking := [digest for digest in texts if digest not in self._vectors]:
            await self._compute({digest: texts[digest] for digest in lacking})
        return self._stacked([_digest(_views(tool)) for tool in tools])

    async def close(self) -> None:
        """Stop computing."""
        if self._computing is not None:
            self._computing.cancel()
            await asyncio.wait([self._computing])

    async def _compute(self, texts: dict[bytes, tuple[str, ...]]) -> None:
        if self._computing is None or self._computing.done():
            self._computing = asyncio.create_task(self._compute_all(texts))
            self._computing.add_done_callback(_report)
        done, _ = await asyncio.wait([self._computing], timeout=SECONDS_WAITED)
        if done:
            await self._computing

    async def _compute_all(self, texts: dict[bytes, tuple[str, ...]]) -> None:
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        pending = list(texts)
        try:
            for start in range(0, len(pending), TOOLS_AT_ONCE):
                batch = pending[start : start + TOOLS_AT_ONCE]
                views = await self._embedder.embed_documents([view for digest in batch for view in texts[digest]])
                means = np.array(views, "<f4").reshape(len(batch), -1, self._embedder.dimensions).mean(axis=1)
                computed = {digest: row.tobytes() for digest, row in zip(batch, means, strict=True)}
                self._vectors |= computed
                await self._keep(computed)
        finally:
            self.version += 1

    async def _keep(self, computed: dict[bytes, bytes]) -> None:
        try:
            await self._store.put(self._embedder.model, computed)
        except UnavailableError as error:
            logger.warning("embeddings of tools are not kept: %s", error)

    def _stacked(self, digests: Sequence[bytes]) -> Embedded:
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        missing = sum(digest not in self._vectors for digest in digests)
        if missing == len(digests):
            return Embedded(None, missing, self.version)
        nothing = bytes(4 * self._embedder.dimensions)
        rows = b"".join(self._vectors.get(digest, nothing) for digest in digests)
        matrix = np.frombuffer(rows, "<f4").reshape(len(digests), -1).astype(np.float32)
        return Embedded(matrix, missing, self.version)


def _report(computing: asyncio.Task[None]) -> None:
    """Say why tools could not be embedded, also where nobody waits for it any more."""
    if not computing.cancelled() and (error := computing.exception()) is not None:
        logger.info("tools are not embedded: %s", error)


def _views(tool: KnownTool) -> tuple[str, ...]:
    name, description = spaced(tool.tool), tool.description[:MAX_CHARACTERS].strip()
    return (f"{tool.server} {name}: {description}", name or tool.tool, description or name or tool.tool)


def _digest(views: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join(views).encode("utf-8", "replace")).digest()
