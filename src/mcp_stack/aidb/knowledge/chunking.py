"""Cutting Markdown and plain text into passages, along its structure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
class Block:
    """Lines that belong together: a paragraph, a list, a table or a piece of code.

    Attributes:
        heading: The headings above it, outermost first, joined by ` > `.
    """

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a document.

    Attributes:
        level: 1.. for a heading, whose text is then its title; 0 for any other line.
        solid: Part of something that blank lines do not end, such as a fenced piece of code.
    """

    text: str
    level: int = 0
    solid: bool = False


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
    return packed(markdown_blocks(text), max_characters)


def packed(blocks: Iterable[Block], max_characters: int = MAX_CHARACTERS) -> tuple[Chunk, ...]:
    """Put neighbours of one heading together as far as they fit, and cut what is longer.

    Args:
        blocks: In reading order; blank ones are left out.
        max_characters: Longest passage.

    Returns:
        The passages, numbered from 1.
    """
    passages: list[tuple[str, str]] = []
    for block in blocks:
        for piece in _pieces(block.text, max_characters):
            if not piece.strip():
                continue
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


def grouped(lines: Iterable[Line]) -> Iterator[Block]:
    """The paragraphs between headings and blank lines.

    Args:
        lines: Of a document, in order.

    Returns:
        The blocks, each with the headings above it. A heading that nothing follows is a block of its own: it is all
        that its section says.
    """
    headings: list[tuple[int, str]] = []
    lines_of_block: list[str] = []
    was_solid = False
    bare = False  # nothing has come under the last heading yet

    def finished() -> Iterator[Block]:
        nonlocal bare
        if body := "\n".join(lines_of_block).strip("\n").rstrip():
            yield Block(" > ".join(title for _, title in headings), body)
            bare = False
        lines_of_block.clear()

    def closed() -> Iterator[Block]:
        if bare and headings[-1][1]:
            yield Block(" > ".join(title for _, title in headings), headings[-1][1])

    for line in lines:
        if line.level:
            yield from finished()
            if headings and line.level <= headings[-1][0]:
                yield from closed()
            headings = [entry for entry in headings if entry[0] < line.level]
            headings.append((line.level, line.text))
            bare = True
        elif not line.solid and not line.text.strip():
            yield from finished()
        else:
            if line.solid != was_solid:
                yield from finished()
            lines_of_block.append(line.text)
        was_solid = line.solid
    yield from finished()
    yield from closed()


def markdown_blocks(text: str) -> Iterator[Block]:
    """The paragraphs, lists, tables and pieces of code of a Markdown text.

    Args:
        text: Markdown or plain text.
    """
    return grouped(_markdown(text))


def _markdown(text: str) -> Iterator[Line]:
    for line, in_fence in _lines(text):
        heading = None if in_fence else _heading(line)
        yield Line(heading[1], heading[0]) if heading else Line(line, solid=in_fence)


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
