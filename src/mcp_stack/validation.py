"""What a text argument may be."""

from __future__ import annotations

import unicodedata

from .errors import UsageError

_ALLOWED_CONTROLS = frozenset("\t\n\r")


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
        raise UsageError(f"{name} is empty", "say what you are looking for")
    if len(value) > max_length:
        raise UsageError(f"{name} has {len(value)} characters", f"at most {max_length} are allowed")
    for position, character in enumerate(value):
        category = unicodedata.category(character)
        if category == "Cs" or (category == "Cc" and character not in _ALLOWED_CONTROLS):
            raise UsageError(
                f"{name} has the control character U+{ord(character):04X} at position {position}",
                "only tabs and newlines are allowed",
            )
    return value.strip()


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
