"""What a text argument may be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from .errors import UsageError

# C0 and C1 control characters but tab and newlines, and surrogates, which are halves of characters.
_FORBIDDEN = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
MAX_DEPTH = 32


def checked_text(name: str, value: str, max_length: int, *, required: bool = True) -> str:
    """Check a text that came from outside. Code in it is fine: it is data, here and in SQL.

    Args:
        name: The argument's name, for the message.
        value: The text.
        max_length: Most characters.
        required: Refuse an empty or blank text.

    Returns:
        The text without white space around it.

    Raises:
        UsageError: It is empty, too long, or has control characters or lone surrogates.
    """
    if required and not value.strip():
        raise UsageError(f"{name} is empty", "give it a value")
    if len(value) > max_length:
        raise UsageError(f"{name} has {len(value)} characters", f"at most {max_length} are allowed")
    _refuse_control_characters(name, value)
    return value.strip()


def checked_context(context: Mapping[str, Any], max_characters: int, name: str = "context") -> int:
    """Check a JSON object that came from outside.

    Args:
        context: The object.
        max_characters: Most characters of all its texts, keys and members.
        name: The argument's name, for the message.

    Returns:
        How many values it consists of.

    Raises:
        UsageError: It is too large or too deep, a text in it has control characters, or a number is none of JSON's.
    """
    total = count = 0
    pending: list[tuple[Any, int]] = [(context, 0)]
    while pending:
        value, depth = pending.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise UsageError(f"{name} is nested more than {MAX_DEPTH} deep", "flatten it")
        match value:
            case str():
                total += len(value)
                _refuse_control_characters(name, value)
            case float() if not math.isfinite(value):
                raise UsageError(f"{name} has a number that is not finite", "leave it out, or give it as text")
            case Mapping():
                total += len(value)
                pending += [(part, depth + 1) for pair in value.items() for part in pair]
            case list():
                total += len(value)
                pending += [(item, depth + 1) for item in value]
        if total > max_characters:
            raise UsageError(f"{name} is too large", f"at most {max_characters} characters are allowed")
    return count


def _refuse_control_characters(name: str, value: str) -> None:
    if found := _FORBIDDEN.search(value):
        raise UsageError(
            f"{name} has the control character U+{ord(found[0]):04X} at position {found.start()}",
            "only tabs and newlines are allowed",
        )


def checked_number(name: str, value: float, least: float, most: float) -> None:
    """Check a number that came from outside.

    Raises:
        UsageError: It is outside the bounds, or no number.
    """
    if not least <= value <= most:
        raise UsageError(f"{name} is {value}", f"it must be from {least} to {most}")


def checked_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Check a word that came from outside.

    Raises:
        UsageError: It is none of the allowed ones.
    """
    if value not in allowed:
        raise UsageError(f"{name} is {value[:80]!r}", f"it must be one of {', '.join(allowed)}")
