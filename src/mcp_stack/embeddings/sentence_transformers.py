"""Any sentence-transformers model, in-process through torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import UnavailableError
from ..ports.embedder import Vector
from .model_thread import ModelThread, Steps
from .shared import check_dimensions, encodable, identity

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODEL: Final = "sentence-transformers/all-MiniLM-L6-v2"

TEXTS_PER_STEP: Final = 32
"""Texts computed before a waiting query goes first; sentence-transformers' own batch size."""


class SentenceTransformersEmbedder:
    """Loads its model, in a thread of its own, on first use.

    Args:
        name: A model of the Hugging Face hub, downloaded if it is not in the hub's cache, or the path of a folder.
        dimensions: Length of its vectors, checked when it is loaded.
    """

    def __init__(self, name: str = DEFAULT_MODEL, *, dimensions: int = 384) -> None:
        self._name = name
        self._dimensions = dimensions
        self._loaded: SentenceTransformer | None = None
        self._thread = ModelThread(f"embedding model {identity(name)}", self._release)

    @property
    def model(self) -> str:
        """Identity of the weights: the name without `sentence-transformers/`, or the folder's name."""
        return identity(self._name)

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    @property
    def dimensions(self) -> int:
        """As configured."""
        return self._dimensions

    async def embed_query(self, text: str) -> Vector:
        """Embed one text, cut to the model's longest input.

        Raises:
            UnavailableError: The package is missing or the model cannot be loaded.
            UsageError: The model's vectors have another length than configured.
        """
        return (await self._thread.call(lambda: self._encode([text])))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Embed many texts, each cut to the model's longest input.

        Raises:
            UnavailableError: The package is missing or the model cannot be loaded.
            UsageError: The model's vectors have another length than configured.
        """
        return await self._thread.run(self._encode_all(list(texts))) if texts else []

    async def close(self) -> None:
        """End the thread and free the model."""
        await self._thread.close()

    def _encode_all(self, texts: list[str]) -> Steps[list[Vector]]:
        """Similar lengths together, since a batch is padded to its longest text."""
        vectors: list[Vector] = [[]] * len(texts)
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]), reverse=True)
        for start in range(0, len(by_length), TEXTS_PER_STEP):
            chosen = by_length[start : start + TEXTS_PER_STEP]
            encoded = self._encode([texts[index] for index in chosen])
            for index, vector in zip(chosen, encoded, strict=True):
                vectors[index] = vector
            yield
        return vectors

    def _encode(self, texts: list[str]) -> list[Vector]:
        if self._loaded is None:
            self._loaded = self._load()
        encoded = self._loaded.encode(
            [encodable(text) for text in texts],
            batch_size=TEXTS_PER_STEP,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        vectors: list[Vector] = encoded.tolist()
        return vectors

    def _load(self) -> SentenceTransformer:
        try:
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - heavy: imported on first use
        except ImportError as error:
            raise UnavailableError(
                "the package sentence-transformers is not installed",
                'pip install "mcp-stack[sentence-transformers]", or set embeddings.provider to llama_cpp',
            ) from error
        try:
            model = SentenceTransformer(str(Path(self._name).expanduser()), trust_remote_code=False)
        except Exception as error:
            raise UnavailableError(
                f"the embedding model {self._name} cannot be loaded ({type(error).__name__})",
                "correct embeddings.model, or connect to the network so that the hub can send it",
            ) from error
        check_dimensions(self._name, self._dimensions, len(model.encode("", show_progress_bar=False)))
        return model

    def _release(self) -> None:
        self._loaded = None
