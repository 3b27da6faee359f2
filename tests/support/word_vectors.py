"""An embeddings endpoint whose vectors are sums of words: the more words two texts share, the more alike they are."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator, Sequence

import pytest

from tests.support.embeddings_endpoint import EmbeddingsEndpoint

DIMENSIONS = 384


@functools.cache
def _direction(word: str) -> tuple[float, ...]:
    """The word's own direction; two are nearly at right angles in so many dimensions."""
    generator = random.Random(word)
    return tuple(generator.gauss(0, 1) for _ in range(DIMENSIONS))


def word_vectors(texts: Sequence[str]) -> list[list[float]]:
    """One vector a text, of any length but zero."""
    vectors = []
    for text in texts:
        words = re.findall(r"\w+", text.lower()) or [text]
        vectors.append([sum(column) for column in zip(*(_direction(word) for word in words), strict=True)])
    return vectors


@pytest.fixture
def by_words() -> Iterator[dict[str, str]]:
    """Environment of a stack whose embedder is such an endpoint."""
    with EmbeddingsEndpoint() as endpoint:
        endpoint.always_embeds(word_vectors)
        yield {
            "MCP_STACK_EMBEDDINGS__PROVIDER": "remote",
            "MCP_STACK_EMBEDDINGS__URL": endpoint.base_url,
            "MCP_STACK_EMBEDDINGS__MODEL": "words",
        }
