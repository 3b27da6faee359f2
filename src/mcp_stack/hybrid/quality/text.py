"""What the checks of an answer read: its prose, its blocks of code, its words."""

# ruff: noqa: RUF001 - typographic signs are what is looked for

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARACTERS = 40_000
"""An answer is read up to here: a few times the longest that a model gives."""
MAX_BLOCKS = 40

_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n]*$", re.MULTILINE)
_INLINE = re.compile(r"`[^`\n]{1,300}`")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        language: The word after the fence, in lower case; empty if there is none.
        code: What is inside.
        closed: The fence is closed.
    """

    language: str
    code: str
    closed: bool


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a text, in order.

    Args:
        text: Markdown.
    """
    return _split(text)[1]


def prose(text: str) -> str:
    """A text without its fenced blocks and inline code.

    Args:
        text: Markdown.
    """
    return _INLINE.sub(" ", _split(text)[0])


def words_of(text: str) -> list[str]:
    """Words in lower case.

    Args:
        text: Any text.
    """
    return [match.group().lower() for match in _WORD.finditer(text)]


def _split(text: str) -> tuple[str, list[Block]]:
    outside: list[str] = []
    blocks: list[Block] = []
    position = 0
    opening: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        if opening is None:
            if len(blocks) == MAX_BLOCKS:
                break
            outside.append(text[position : match.start()])
            opening = match
        elif match[1][0] == opening[1][0] and len(match[1]) >= len(opening[1]) and not match[2]:
            blocks.append(Block(opening[2].lower(), text[opening.end() + 1 : match.start()], closed=True))
            position, opening = match.end(), None
    if opening is not None:
        blocks.append(Block(opening[2].lower(), text[opening.end() + 1 :], closed=False))
    else:
        outside.append(text[position:])
    return "\n".join(outside), blocks
