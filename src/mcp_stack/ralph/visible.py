"""Texts of agents and models as a person may look at them: nothing in them moves, hides or turns what is shown."""

from __future__ import annotations

import unicodedata

# Control characters, formats (zero width, bidirectional, tags), halves, private ones, and separators of lines.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text with every character that a terminal or a window would not show as itself written as its code.

    Args:
        text: Any; tabs and line ends stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if _is_shown(letter) else _code(letter) for letter in text)


def _is_shown(letter: str) -> bool:
    return letter in "\n\t" or unicodedata.category(letter) not in _UNSEEN


def _code(letter: str) -> str:
    number = ord(letter)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"
