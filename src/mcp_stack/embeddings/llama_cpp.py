"""all-MiniLM-L6-v2 in-process through llama.cpp: the default embedder, without torch."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ..llama_library import llama_library
from ..ports.embedder import Vector
from .minilm_gguf import DIMENSIONS, MAX_TOKENS, NAME, ensure_minilm
from .model_thread import ModelThread, Steps
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from .llama_runtime import EncoderContext, EncoderModel

BATCH_SEQUENCES: Final = 32
"""Most texts of one batch of an import."""

BATCH_TOKENS: Final = 128
"""Most tokens of a batch of several texts, some 35 ms on one core. As fast as twice as many (271 against 275 texts/s),
for half the memory: llama.cpp keeps 122 kB a token for results that an encoder does not have."""

TOKENISED_PER_STEP: Final = 64
"""Texts tokenised before cancellation is looked at; about 10 ms."""

_Pending: TypeAlias = deque[list[tuple[int, list[int]]]]
"""Batches not yet computed; a batch is pairs of (index of the text, its token ids)."""


class LlamaCppEmbedder:
    """Sentence embeddings equal to those of sentence-transformers (cosine >= .9999), loaded in 0.2 s.

    The weights are shared; every thread has a context of its own that computes with this one thread. Single queries
    have their own thread, so they never queue behind an import, and a bulk import is spread over threads by batches:
    that keeps all cores as busy as several threads per batch would, without barriers, at which a batch would stall
    whenever another process takes one of the cores.

    Args:
        models: The folder `models` of the data folder; the model's files are made there on first use.
        environment: The process's environment; says where the Hugging Face hub's cache is.
        threads: Threads of a bulk import; 0 means one for each processor, at most 8.
    """

    def __init__(self, models: Path, environment: Mapping[str, str] = os.environ, *, threads: int = 0) -> None:
        self._models = models
        self._environment = environment
        self._weights: EncoderModel | None = None
        self._tokenizer: Tokenizer | None = None
        self._query_context: EncoderContext | None = None
        self._queries = ModelThread("embedding queries", self._release)
        self._lanes = [_Lane(n) for n in range(threads or min(os.cpu_count() or 1, 8))]

    @property
    def model(self) -> str:
        """Identity of the weights, shared with sentence-transformers: the vectors are the same."""
        return NAME

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._weights is not None

    @property
    def dimensions(self) -> int:
        """384."""
        return DIMENSIONS

    async def embed_query(self, text: str) -> Vector:
        """Embed one text; what is beyond 256 tokens is ignored.

        Raises:
            UnavailableError: The model's files or a package are missing or damaged.
        """
        return await self._queries.call(lambda: self._embed(text))

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Embed many texts; what is beyond 256 tokens of each is ignored.

        Raises:
            UnavailableError: The model's files or a package are missing or damaged.
        """
        if not texts:
            return []
        weights, tokenizer = await self._queries.call(self._load)
        pending = await self._lanes[0].thread.run(_pack(texts, tokenizer))
        vectors: list[Vector] = [[]] * len(texts)
        lanes = self._lanes[: len(pending)]
        await asyncio.gather(*(lane.thread.run(lane.encode(weights, pending, vectors)) for lane in lanes))
        return vectors

    async def close(self) -> None:
        """End the threads and free the model."""
        await asyncio.gather(*(lane.thread.close() for lane in self._lanes))
        await self._queries.close()

    def _embed(self, text: str) -> Vector:
        weights, tokenizer = self._load()
        if self._query_context is None:
            # Flash attention, which pays off on full batches, makes single queries slower.
            self._query_context = weights.context(tokens=MAX_TOKENS, sequences=1, threads=1, flash_attention=False)
        return self._query_context.encode([tokenizer(text)])[0]

    def _load(self) -> tuple[EncoderModel, Tokenizer]:
        """Runs in the queries' thread only. A failure is not remembered: the next call finds a pulled model."""
        if self._weights is None or self._tokenizer is None:
            from .llama_runtime import EncoderModel  # noqa: PLC0415 - heavy: imported on first use

            llama_library()  # a missing package is said before missing weights: it is the first to install
            files = ensure_minilm(self._models, self._environment)
            self._tokenizer = Tokenizer(files.tokenizer, MAX_TOKENS)
            self._weights = EncoderModel(files.gguf)
        return self._weights, self._tokenizer

    def _release(self) -> None:
        if self._query_context is not None:
            self._query_context.close()
        if self._weights is not None:
            self._weights.close()


class _Lane:
    """One thread of the bulk imports and its context, which is made by the first of them."""

    def __init__(self, number: int) -> None:
        self.thread = ModelThread(f"bulk embedding {number}", self._release)
        self._context: EncoderContext | None = None

    def encode(self, weights: EncoderModel, pending: _Pending, vectors: list[Vector]) -> Steps[None]:
        """Take batches until none is left and put their vectors in place; yields after each batch."""
        try:
            if self._context is None:
                self._context = weights.context(
                    tokens=MAX_TOKENS, sequences=BATCH_SEQUENCES, threads=1, flash_attention=True
                )
            while pending:
                batch = pending.popleft()
                encoded = self._context.encode([ids for _, ids in batch])
                for (index, _), vector in zip(batch, encoded, strict=True):
                    vectors[index] = vector
                yield
        finally:
            pending.clear()  # on an error or a cancelled caller, the other lanes need not go on

    def _release(self) -> None:
        if self._context is not None:
            self._context.close()


def _pack(texts: Sequence[str], tokenizer: Tokenizer) -> Steps[_Pending]:
    """Tokenise and fill batches with texts of similar length, the longest first so that all lanes end together."""
    tokenised: list[tuple[int, list[int]]] = []
    for start in range(0, len(texts), TOKENISED_PER_STEP):
        tokenised += ((start + n, tokenizer(text)) for n, text in enumerate(texts[start : start + TOKENISED_PER_STEP]))
        yield
    tokenised.sort(key=lambda item: len(item[1]), reverse=True)
    pending: _Pending = deque()
    room = 0
    for index, ids in tokenised:
        if len(ids) > room or len(pending[-1]) == BATCH_SEQUENCES:
            pending.append([])
            room = BATCH_TOKENS
        pending[-1].append((index, ids))
        room -= len(ids)
    return pending
