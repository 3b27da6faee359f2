"""Cutting Markdown and plain text into passages, along its structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...ports.documents import Chunk

# 150 to 250 word pieces, tables and code at the upper end: all-MiniLM-L6-v2 reads 256 and ignores the rest, and a
# single sentence that answers the question must not drown among others.
MAX_CHARACTERS = 600

# The title is cleaned in Python: an expression that also strips the closing marks takes cubic time on many spaces.
_ATX_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S.*)$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines that belong together: a paragraph, a list, a table or a fenced piece of code."""

    heading: str
    text: str


def chunk(text: str, max_characters: int = MAX_CHARACTERS) -> tuple[Chunk, ...]:
    """Cut a text into passages that each lie under one heading.

    Paragraphs are packed together up to the bound; one that is longer is cut at sentences, then at lines, then at
    words. Nothing of the text is lost but white space between the pieces.

    Args:
        text: Markdown or plain text.
        max_characters: Longest passage.

    Returns:
        The passages in reading order, numbered from 1; none for a blank text.
    """
    passages: list[tuple[str, str]] = []
    for block in _blocks(text):
        for piece in _pieces(block.text, max_characters):
            if passages and passages[-1][0] == block.heading:
                joined = f"{passages[-1][1]}\n\n{piece}"
                if len(joined) <= max_characters:
                    passages[-1] = (block.heading, joined)
                    continue
            passages.append((block.heading, piece))
    return tuple(Chunk(ordinal, heading, body) for ordinal, (heading, body) in enumerate(passages, start=1))


def title_of(text: str) -> str:
    """The first heading of a Markdown text, or its first line; empty for a blank text."""
    first_line = ""
    for line, in_fence in _lines(text):
        if not in_fence and (heading := _heading(line)):
            return heading[1][:200]
        first_line = first_line or line.strip()
    return first_line[:200]


def _heading(line: str) -> tuple[int, str] | None:
    """Level and title of a Markdown heading, without the marks that may close it; None for any other line."""
    match = _ATX_HEADING.match(line)
    if match is None:
        return None
    title = match[2].rstrip()
    unmarked = title.rstrip("#")
    if unmarked != title and (not unmarked or unmarked[-1] in " \t"):
        title = unmarked.rstrip()
    return len(match[1]), title


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it stands in a fenced piece of code."""
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if fence:
            yield line, True
            if match and match[1].startswith(fence) and line.strip() == match[1]:
                fence = ""
        elif match:
            fence = match[1]
            yield line, True
        else:
            yield line, False


def _blocks(text: str) -> Iterator[_Block]:
    headings: list[tuple[int, str]] = []
    lines: list[str] = []
    was_in_fence = False
    bare = False  # nothing has come under the last heading yet

    def finished() -> Iterator[_Block]:
        nonlocal bare
        if body := "\n".join(lines).strip("\n").rstrip():
            yield _Block(" > ".join(title for _, title in headings), body)
            bare = False
        lines.clear()

    def closed() -> Iterator[_Block]:
        """A heading that nothing follows is all that its section says."""
        if bare and headings[-1][1]:
            yield _Block(" > ".join(title for _, title in headings), headings[-1][1])

    for line, in_fence in _lines(text):
        heading = None if in_fence else _heading(line)
        if heading:
            yield from finished()
            if headings and heading[0] <= headings[-1][0]:
                yield from closed()
            headings = [entry for entry in headings if entry[0] < heading[0]]
            headings.append(heading)
            bare = True
        elif not in_fence and not line.strip():
            yield from finished()
        else:
            if in_fence != was_in_fence:
                yield from finished()
            lines.append(line)
        was_in_fence = in_fence
    yield from finished()
    yield from closed()


def _pieces(text: str, max_characters: int) -> Iterator[str]:
    """The text itself if it is short enough, else cut at the best places there are."""
    if len(text) <= max_characters:
        yield text
        return
    yield from _split(text, max_characters, ("\n", ". ", " ", ""))


def _split(text: str, max_characters: int, separators: tuple[str, ...]) -> Iterator[str]:
    separator, *rest = separators
    if separator == "":
        for start in range(0, len(text), max_characters):
            yield text[start : start + max_characters]
        return
    parts = _SENTENCE_END.split(text) if separator == ". " else text.split(separator)
    joiner = " " if separator == ". " else separator
    packed = ""
    for part in parts:
        candidate = f"{packed}{joiner}{part}" if packed else part
        if len(candidate) <= max_characters:
            packed = candidate
            continue
        if packed.strip():
            yield packed
        packed = ""
        if len(part) <= max_characters:
            packed = part
        else:
            yield from _split(part, max_characters, tuple(rest))
    if packed.strip():
        yield packed
