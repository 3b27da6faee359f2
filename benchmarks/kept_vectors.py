"""Vectors kept from one run of a benchmark to the next: embedding takes most of its time, and always gives the same."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp_stack.ports.embedder import Embedder, Vector


class KeptVectors:
    """The port `Embedder`, with the vectors of documents in a file.

    Args:
        inner: Embeds what is not in the file; closed along with this.
        file: Made if it does not exist.
    """

    def __init__(self, inner: Embedder, file: Path) -> None:
        self._inner = inner
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(file)
        self._file.execute("create table if not exists vectors (key blob primary key, vector blob) without rowid")

    @property
    def model(self) -> str:
        """The inner embedder's."""
        return self._inner.model

    @property
    def dimensions(self) -> int:
        """The inner embedder's."""
        return self._inner.dimensions

    async def embed_query(self, text: str) -> Vector:
        """Embedded anew, for its time is measured."""
        return await self._inner.embed_query(text)

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Embed what is not in the file."""
        keys = [hashlib.sha256(f"{self.model}\0{text}".encode()).digest() for text in texts]
        known = {key: vector for key in keys if (vector := self._known(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        for key, vector in zip(missing, await self._inner.embed_documents(list(missing.values())), strict=True):
            known[key] = vector
            packed = struct.pack(f"<{len(vector)}f", *vector)
            self._file.execute("insert or replace into vectors values (?, ?)", (key, packed))
        self._file.commit()
        return [known[key] for key in keys]

    async def close(self) -> None:
        """Close the file and the inner embedder."""
        self._file.close()
        await self._inner.close()

    def _known(self, key: bytes) -> Vector | None:
        row = self._file.execute("select vector from vectors where key = ?", (key,)).fetchone()
        return list(struct.unpack(f"<{len(row[0]) // 4}f", row[0])) if row else None
