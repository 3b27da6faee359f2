"""A search among 1,000 tools, the embedding of its sentence of 20 tokens included."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.embeddings.minilm_gguf import ensure_minilm
from mcp_stack.embeddings.tokenizer import Tokenizer
from mcp_stack.ports.tools import KnownTool
from mcp_stack.settings import load_settings

from ..embedding import docstrings
from ..tools import index_of, stop
from . import measured

TOOLS, SERVERS = 1_000, 50
TOKENS = 20
WARM_UP = 20


async def discovery(seconds: float) -> dict[str, Any]:
    """Search for one thing after the other, each sentence for the first time, so that no cache knows it.

    Args:
        seconds: How long.

    Returns:
        The figures of a path; the floor is `select 1` through the same pool. `embed_p50_ms` is the embedder alone.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-stack-latency-")))
        environ = {**os.environ, "MCP_STACK_DATA": str(folder), "MCP_STACK_CONFIG": str(folder)}
        settings = load_settings(environ, folder).settings
        stores = Stores(settings)
        models = ModelAdapters(settings, stores)
        stack.push_async_callback(stop, stores, models)
        index = await index_of(_tools(), stores, models.embedder)
        stack.push_async_callback(index.close)
        sentences = _sentences(Tokenizer(ensure_minilm(settings.models_folder, os.environ).tokenizer, 256))
        times, floor, embedding = [], [], []
        for sentence in itertools.islice(sentences, WARM_UP):
            await index.discover(sentence)
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            begin = time.perf_counter()
            await index.discover(next(sentences))
            found = time.perf_counter()
            await stores.database.ping()
            pinged = time.perf_counter()
            await models.embedder.embed_query(next(sentences))
            times.append((found - begin) * 1000)
            floor.append((pinged - found) * 1000)
            embedding.append((time.perf_counter() - pinged) * 1000)
    return {**measured(times, floor), "embed_p50_ms": round(sorted(embedding)[len(embedding) // 2], 3)}


def _tools() -> list[KnownTool]:
    """Tools that are described in the words of Python's standard library."""
    return [
        KnownTool(
            server=f"server-{number % SERVERS}",
            tool="_".join(text.split()[:3]).strip(".").lower() + f"_{number}",
            title="",
            description=text,
            category="general",
            input_schema={
                "type": "object",
                "properties": {"value": {"type": "string", "description": text[:40]}, "limit": {"type": "integer"}},
            },
        )
        for number, text in enumerate(docstrings(TOOLS))
    ]


def _sentences(tokenizer: Tokenizer) -> Iterator[str]:
    """Endless sentences of 20 tokens for the model, [CLS] and [SEP] included, no two the same."""
    words = " ".join(docstrings(TOOLS)).replace(".", "").replace("\n", " ").split()
    for start in itertools.count():
        chosen = [words[(start * 7 + step * 13) % len(words)] for step in range(TOKENS)]
        while len(tokenizer(" ".join(chosen))) > TOKENS:
            chosen.pop()
        yield " ".join(chosen)
