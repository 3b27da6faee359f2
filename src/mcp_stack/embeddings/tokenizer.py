"""WordPiece as the model was trained with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..errors import UnavailableError
from .shared import encodable

MAX_CHARACTERS: Final = 65_536
"""The library tokenises a text to its end before it cuts it, 0.7 ms for 1,000 characters; 256 tokens of any language
lie in the first few thousand."""


class Tokenizer:
    """A tokenizer.json. llama.cpp's own WordPiece differs beyond plain English (Korean: cosine .53).

    Args:
        path: The tokenizer.json, already checked.
        max_tokens: Longer texts are cut here, special tokens included.

    Raises:
        UnavailableError: The package `tokenizers` is missing.
    """

    def __init__(self, path: Path, max_tokens: int) -> None:
        try:
            import tokenizers  # noqa: PLC0415 - heavy: imported on first use
        except ImportError as error:
            raise UnavailableError(
                "the package tokenizers is not installed",
                'pip install "mcp-stack[local]"; until then search works lexically',
            ) from error
        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        # The published file pads to 128 and cuts at 128, which sentence-transformers overrides in the same way.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def __call__(self, text: str) -> list[int]:
        """Token ids, [CLS] and [SEP] included; one text at a time, since batches would start a thread pool."""
        ids: list[int] = self._tokenizer.encode(encodable(text[:MAX_CHARACTERS])).ids
        return ids
