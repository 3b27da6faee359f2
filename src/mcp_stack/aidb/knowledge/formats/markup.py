"""reStructuredText, AsciiDoc, tables and data: text whose structure is not Markdown's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from ..chunking import Block, Line, chunk, grouped, markdown_blocks, packed, title_of
from .parsed import Parsed

# Adornments of reStructuredText that are in use for titles; any punctuation is allowed.
_ADORNMENT = re.compile(r"^([=\-~^\"'`#*+.:_<>])\1{2,}\s*$")
_ASCIIDOC_HEADING = re.compile(r"^(={1,6})[ \t]+(\S.*)$")
_ASCIIDOC_FENCE = re.compile(r"^(-{4,}|={4,}|\.{4,}|\*{4,}|_{4,}|\+{4,}|/{4,})\s*$")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^(?:title|name):([^\n]*)", re.MULTILINE)
MAX_COLUMNS_CHARACTERS = 200


def read_markdown(text: str) -> Parsed:
    """Markdown; a title in its front matter counts before the first heading.

    Args:
        text: The file.
    """
    match = _FRONT_MATTER.match(text)
    if match is None:
        return read_text(text)
    body = text[match.end() :]
    named = _FRONT_TITLE.search(match[1])
    title = named[1].strip().strip("\"'")[:200] if named else ""
    chunks = packed([Block("", match[1].strip()), *markdown_blocks(body)])
    return Parsed(title or title_of(body), text, chunks)


def read_text(text: str) -> Parsed:
    """Plain text, with the headings of Markdown if it has any.

    Args:
        text: The file.
    """
    return Parsed(title_of(text), text, chunk(text))


def read_rst(text: str) -> Parsed:
    """ReStructuredText: a line with a line of punctuation below it is a heading.

    The level of a heading is the order in which its adornment was first used, as in the docutils specification.

    Args:
        text: The file.
    """
    return _outlined(text, list(_rst_lines(text)))


def read_asciidoc(text: str) -> Parsed:
    """AsciiDoc: headings begin with `=`.

    Args:
        text: The file.
    """
    return _outlined(text, list(_asciidoc_lines(text)))


def read_data(text: str) -> Parsed:
    """JSON, YAML, TOML and their like: a `#` is a comment in them, no heading.

    Args:
        text: The file.
    """
    return Parsed("", text, packed(grouped(Line(line) for line in text.splitlines())))


def read_table(text: str) -> Parsed:
    """Rows of separated values; the names of the columns stand above each passage.

    Args:
        text: The file.
    """
    columns, _, rows = text.lstrip().partition("\n")
    if not rows.strip():
        return read_data(text)
    return Parsed("", text, packed([Block(columns.strip()[:MAX_COLUMNS_CHARACTERS], rows.strip())]))


def _outlined(text: str, lines: list[Line]) -> Parsed:
    title = next((line.text for line in lines if line.level), "") or title_of(text)
    return Parsed(title[:200], text, packed(grouped(lines)))


def _rst_lines(text: str) -> Iterator[Line]:
    levels: dict[str, int] = {}
    lines = text.splitlines()
    skip = -1
    for number, (line, below) in enumerate(pairwise([*lines, ""])):
        if number <= skip:
            continue
        title, style, used = "", "", 0
        mark = _ADORNMENT.match(line)
        if mark and below.strip() and not _ADORNMENT.match(below) and number + 2 < len(lines):
            under = _ADORNMENT.match(lines[number + 2])
            if under and under[1] == mark[1] and len(line.rstrip()) >= len(below.strip()):
                title, style, used = below.strip(), f"{mark[1]} twice", 2
        elif not mark and line.strip() and not line[:1].isspace():
            under = _ADORNMENT.match(below)
            if under and len(below.rstrip()) >= len(line.rstrip()):
                title, style, used = line.strip(), under[1], 1
        if title:
            skip = number + used
            yield Line(title, levels.setdefault(style, len(levels) + 1))
        else:
            yield Line(line)


def _asciidoc_lines(text: str) -> Iterator[Line]:
    fence = ""
    for line in text.splitlines():
        mark = _ASCIIDOC_FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1] == fence else fence
            yield Line(line, solid=True)
        elif mark:
            fence = mark[1]
            yield Line(line, solid=True)
        elif heading := _ASCIIDOC_HEADING.match(line):
            yield Line(heading[2].strip(), len(heading[1]))
        else:
            yield Line(line)
