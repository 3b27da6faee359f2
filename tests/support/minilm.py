"""The default model's files for tests, made once for each test run, and texts with known vectors."""

from __future__ import annotations

import base64
import json
import math
import os
import struct
from pathlib import Path

import pytest

from mcp_stack.embeddings.minilm_gguf import ensure_minilm
from mcp_stack.embeddings.minilm_weights import find_weights
from mcp_stack.errors import UnavailableError
from mcp_stack.ports.embedder import Vector

REFERENCE = Path(__file__).parents[1] / "data" / "minilm_reference.json"


def published_weights() -> Path:
    """The folder of the published weights; skips the test where they are not on this machine."""
    try:
        return find_weights(os.environ)
    except UnavailableError as error:
        pytest.skip(error.problem)


@pytest.fixture(scope="session")
def weights() -> Path:
    """`published_weights`, found before a test hides them."""
    return published_weights()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `models` folder with the converted model in it."""
    published_weights()
    folder = tmp_path_factory.mktemp("models")
    ensure_minilm(folder, os.environ)
    return folder


def reference_vectors() -> list[tuple[str, Vector]]:
    """Texts where tokenizers tend to differ, with sentence-transformers' vectors."""
    cases = json.loads(REFERENCE.read_text())["cases"]
    return [
        (case["text"] * case["times"], list(struct.unpack("<384e", base64.b64decode(case["vector"])))) for case in cases
    ]


def cosine(a: Vector, b: Vector) -> float:
    """Of two vectors of about unit length."""
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def dot(a: Vector, b: Vector) -> float:
    """Scalar product."""
    return sum((x * y for x, y in zip(a, b, strict=True)), 0.0)
