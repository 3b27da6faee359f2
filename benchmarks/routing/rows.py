"""Questions that two models answered, and how well."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.hybrid.confidence.features import Query, read_query
from mcp_stack.ports.embedder import Embedder
from mcp_stack.settings import load_settings

from ..kept_vectors import KeptVectors


def read_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines, compressed or not: prompt, weak and strong in [0, 1], and more.

    Args:
        file: Ends in `.gz` if it is compressed.

    Raises:
        ValueError: A row lacks one of the three.
    """
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    # Not splitlines: a string may hold any of the rarer line separators.
    rows = [json.loads(line) for line in content.decode().split("\n") if line.strip()]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or not {"prompt", "weak", "strong"} <= row.keys():
            raise ValueError(f"{file}, row {number}: prompt, weak and strong are needed")
    return rows


async def read_queries(rows: list[dict[str, Any]], kept: Path | None) -> list[Query]:
    """The questions as the product reads them, embedded by the product's default embedder.

    Args:
        rows: From `read_rows`.
        kept: File that keeps vectors for the next run; None to embed all.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-stack-benchmark-") as folder:
        environ = {**os.environ, "MCP_STACK_DATA": folder, "MCP_STACK_CONFIG": folder}
        settings = load_settings(environ, Path(folder)).settings
        models = ModelAdapters(settings, Stores(settings))
        embedder: Embedder = KeptVectors(models.embedder, kept) if kept else models.embedder
        try:
            vectors = await embedder.embed_documents([row["prompt"] for row in rows])
        finally:
            await embedder.close()
    return [read_query(row["prompt"], vector, 0.0) for row, vector in zip(rows, vectors, strict=True)]
