"""sentence-transformers in-process; most of it needs the package, which `[all]` installs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from mcp_stack.embeddings.sentence_transformers import SentenceTransformersEmbedder
from mcp_stack.errors import UnavailableError, UsageError
from tests.support.minilm import cosine, published_weights, reference_vectors

needs_the_package = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed"
)


async def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    embedder = SentenceTransformersEmbedder()

    with pytest.raises(UnavailableError, match="not installed") as caught:
        await embedder.embed_query("a")

    assert 'pip install "mcp-stack[sentence-transformers]"' in caught.value.remedy
    await embedder.close()


@needs_the_package
async def test_the_committed_reference_is_what_it_computes() -> None:
    embedder = SentenceTransformersEmbedder(str(published_weights()))
    texts, expected = zip(*reference_vectors(), strict=True)

    assert min(map(cosine, await embedder.embed_documents(texts), expected)) > 0.99999
    await embedder.close()


@needs_the_package
async def test_other_dimensions_than_configured_are_refused() -> None:
    embedder = SentenceTransformersEmbedder(str(published_weights()), dimensions=768)

    with pytest.raises(UsageError, match="384 dimensions, not 768"):
        await embedder.embed_query("a")
    await embedder.close()


@needs_the_package
async def test_a_folder_without_a_model_is_unavailable(tmp_path: Path) -> None:
    embedder = SentenceTransformersEmbedder(str(tmp_path))

    with pytest.raises(UnavailableError, match="cannot be loaded"):
        await embedder.embed_query("a")
    await embedder.close()
