"""What the adapters share about names, texts and vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath

from ..errors import UnavailableError, UsageError
from ..ports.embedder import Vector


def identity(name: str) -> str:
    """The identity of a model's weights from the name it was asked for by.

    `all-MiniLM-L6-v2` is the same model with its hub organisation, as a local folder, or behind an endpoint.

    Args:
        name: A hub id, an endpoint's model name, or the path of a folder, whose last part counts.
    """
    path = PurePath(name)
    if path.is_absolute() or name.startswith(("./", "../", "~")):
        return path.name
    return name.removeprefix("sentence-transformers/")


def encodable(text: str) -> str:
    """The text with each half of a surrogate pair, which is no character and has no UTF-8, replaced by `?`."""
    return text.encode("utf-8", "replace").decode()


def unit(vector: Sequence[float]) -> Vector:
    """The vector scaled to Euclidean length 1.

    Raises:
        UnavailableError: It has no direction, or a component that is not a finite number.
    """
    length = math.hypot(*vector)
    if not (math.isfinite(length) and length > 0):
        raise UnavailableError("the embedding model returned a vector without a direction", "check the model")
    return [x / length for x in vector]


def check_dimensions(model: str, expected: int, actual: int) -> None:
    """Raises UsageError unless the model's vectors have the configured length."""
    if actual != expected:
        raise UsageError(
            f"the embedding model {model} has {actual} dimensions, not {expected}",
            f"set embeddings.dimensions to {actual} or choose another model",
        )
