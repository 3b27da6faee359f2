"""Source code: functions and classes whole where they fit, under their qualified names."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..chunking import Block, packed
from .grammars import GRAMMARS, Grammar, definition_in, name_of, parser_of
from .indentation import split_by_indentation
from .parsed import Parsed

if TYPE_CHECKING:
    from tree_sitter import Node

# A class that short says more as a whole than its methods one by one.
WHOLE_CLASS_CHARACTERS = 400
# Some 35 lines. The embedder reads the first half of it, which holds the signature and what the function is for; the
# words are indexed to the end.
MAX_CODE_CHARACTERS = 1200
MAX_DEPTH = 12
_WORD = re.compile(r"\w")
_SOURCE_FOLDERS = frozenset({"src", "lib", "source", "sources"})


def read_code(text: str, name: str, language: str) -> Parsed:
    """A file of source code.

    Args:
        text: The file.
        name: Its path below the folder that is imported, with `/`.
        language: From `language_of`.
    """
    module = module_of(name)
    if grammar := GRAMMARS.get(language):
        blocks = list(_Reader(text, grammar).blocks(parser_of(language).parse(text.encode()).root_node, module))
    else:
        blocks = [Block(heading, part) for heading, part in split_by_indentation(text, module, MAX_CODE_CHARACTERS)]
    return Parsed(name, text, packed(_with_closing_marks(blocks), MAX_CODE_CHARACTERS))


def module_of(name: str) -> str:
    """The dotted name of a file of code, without its ending and the folder that holds all the sources.

    Args:
        name: A path with `/`.
    """
    parts = list(PurePosixPath(name).with_suffix("").parts)
    if len(parts) > 1 and parts[0] in _SOURCE_FOLDERS:
        parts = parts[1:]
    if len(parts) > 1 and parts[-1] in {"__init__", "mod", "index"}:
        parts = parts[:-1]
    return ".".join(parts)


@dataclass(frozen=True, slots=True)
class _Span:
    """Bytes of the file that belong together; `node` is the definition in them, if there is one."""

    start: int
    end: int
    node: Node | None


class _Reader:
    """Cuts one file along its syntax tree. Every byte is in exactly one span, so that nothing is lost."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self._bytes = text.encode()
        self._grammar = grammar

    def blocks(self, root: Node, module: str) -> Iterator[Block]:
        """The file's parts under their qualified names."""
        yield from self._inside(root, 0, len(self._bytes), module, 0)

    def _inside(self, parent: Node, start: int, end: int, name: str, depth: int) -> Iterator[Block]:
        for span in self._spans(parent, start, end):
            text = self._text(span)
            if not text.strip():
                continue
            if span.node is None:
                yield from self._cut(text, name)
                continue
            own = name_of(span.node)
            # Java's and many other files are named after their class.
            qualified = f"{name}.{own}" if own and own != name.rpartition(".")[2] else name
            body = span.node.child_by_field_name("body") if span.node.type in self._grammar.containers else None
            if body is not None and len(text) > WHOLE_CLASS_CHARACTERS and depth < MAX_DEPTH:
                yield from self._inside(body, span.start, span.end, qualified, depth + 1)
            elif len(text) <= MAX_CODE_CHARACTERS:
                yield Block(qualified, text)
            else:
                yield from self._cut(text, qualified)

    def _cut(self, text: str, name: str) -> Iterator[Block]:
        for _, part in split_by_indentation(text, name, MAX_CODE_CHARACTERS, named=False):
            yield Block(name, part)

    def _spans(self, parent: Node, start: int, end: int) -> list[_Span]:
        """Cut the bytes from start to end into the definitions among the parent's children and what is between."""
        spans: list[_Span] = []
        loose_from = start
        lead_from = -1  # where the comments begin that stand directly above the next definition
        last_line = -2
        for child in self._members(parent):
            definition = definition_in(child, self._grammar)
            line = child.start_point[0]
            if definition is None:
                is_lead = child.type in {"comment", "line_comment", "block_comment", "attribute_item"}
                if not is_lead:
                    lead_from = -1
                elif lead_from < 0 or line > last_line + 1:
                    lead_from = child.start_byte
                last_line = child.end_point[0]
                continue
            adjacent = lead_from >= 0 and line <= last_line + 1
            begin = max(self._line_start(lead_from if adjacent else child.start_byte), loose_from)
            if begin > loose_from:
                spans.append(_Span(loose_from, begin, None))
            loose_from = self._line_end(child.end_byte, end)
            spans.append(_Span(begin, loose_from, definition))
            lead_from, last_line = -1, child.end_point[0]
        if loose_from < end:
            spans.append(_Span(loose_from, end, None))
        return spans

    def _members(self, parent: Node) -> Iterator[Node]:
        """The children; in the place of a block, such as `extern "C" {}`, what is in it."""
        pending = [(child, 0) for child in reversed(parent.children)]
        while pending:
            child, depth = pending.pop()
            if child.type in self._grammar.blocks and depth < MAX_DEPTH:
                pending += [(each, depth + 1) for each in reversed(child.children)]
            else:
                yield child

    def _line_start(self, position: int) -> int:
        """The start of the line if only white space is before the position, else the position."""
        start = self._bytes.rfind(b"\n", 0, position) + 1
        return start if not self._bytes[start:position].strip() else position

    def _line_end(self, position: int, most: int) -> int:
        """The end of the line if only a closing mark follows the position, else the position."""
        end = self._bytes.find(b"\n", position, most)
        end = most if end < 0 else end
        rest = self._bytes[position:end].strip()
        position = end if rest in {b"", b";", b",", b";;"} else position
        while position < most and self._bytes[position] & 0xC0 == 0x80:  # never within a character
            position += 1
        return position

    def _text(self, span: _Span) -> str:
        return _dedented(self._bytes[span.start : span.end].decode("utf-8", "replace"))


def _with_closing_marks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Put what is nothing but brackets with what it closes."""
    last: Block | None = None
    for block in blocks:
        if last is not None and not _WORD.search(block.text):
            last = Block(last.heading, f"{last.text}\n{block.text.strip()}")
            continue
        if last is not None:
            yield last
        last = block
    if last is not None:
        yield last


def _dedented(text: str) -> str:
    return textwrap.dedent(re.sub(r"\A(?:[ \t]*\n)+", "", text)).rstrip()
