"""Texts that come from programs and file names, and may hold what PostgreSQL has no place for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def storable(text: str) -> str:
    """A text without NUL and lone surrogates; bytes of a file's name that are no UTF-8 become U+FFFD.

    Args:
        text: Any.
    """
    try:
        whole = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # other surrogates than those that stand for bytes
        whole = text.encode("utf-8", "replace")
    return whole.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def storable_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a query with every text, and every text of a list, made storable."""
    return {name: _storable_value(value) for name, value in values.items()}


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable_value(each) for each in value]
    return value
