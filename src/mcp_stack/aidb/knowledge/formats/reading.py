"""From the bytes of a file to documents, by its kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ....errors import UsageError
from .kinds import ISOLATED, Kind, kind_of, language_of
from .markup import read_asciidoc, read_data, read_markdown, read_rst, read_table, read_text
from .nixos import COLLECTION as NIXOS
from .nixos import is_options, read_nixos_markdown, read_options
from .notebook import read_notebook
from .parsed import CONTROL, Parsed

HEAD_BYTES = 8192
_PAGE_BREAK = re.compile("[\\x0b\\x0c]")
# Kinds that name no title of their own are named after their file.
_NAMED_AFTER_THE_FILE: frozenset[Kind] = frozenset({"data", "table", "code"})

_READERS: dict[Kind, Callable[[str], Parsed]] = {
    "text": read_text,
    "markdown": read_markdown,
    "rst": read_rst,
    "asciidoc": read_asciidoc,
    "data": read_data,
    "table": read_table,
    "notebook": read_notebook,
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read.

    Attributes:
        name: Its path below the folder that is imported, or its name, with `/`.
        collection: A preset may go with it; empty for none.
    """

    name: str
    collection: str = ""


def read(source: Source, data: bytes) -> list[Parsed]:
    """The documents in a file; nearly always one.

    Args:
        source: Which file.
        data: Its bytes.

    Raises:
        UsageError: It is binary, empty, damaged, or in an unknown encoding.
    """
    kind = kind_of(source.name, data[:HEAD_BYTES])
    if kind is None:
        raise UsageError(f"{source.name} is binary", "give a text, HTML, PDF or source file")
    if source.collection == NIXOS and kind == "data" and is_options(source.name, data[:HEAD_BYTES]):
        return read_options(decoded(data, source.name))
    parsed = _read(source, data, kind)
    if kind in _NAMED_AFTER_THE_FILE:
        parsed = replace(parsed, title=source.name)
    return [parsed if parsed.title else replace(parsed, title=PurePosixPath(source.name).stem)]


def _read(source: Source, data: bytes, kind: Kind) -> Parsed:
    if kind == "pdf":
        from .pdf import read_pdf  # noqa: PLC0415 - heavy: imported on first use

        return read_pdf(data)
    if kind == "html":
        from .html import read_html  # noqa: PLC0415 - heavy: imported on first use

        return read_html(data)
    text = decoded(data, source.name)
    # Old sources have form feeds between their parts. In prose anything else is a sign that it is none.
    text = CONTROL.sub(" ", text) if kind in ISOLATED else _PAGE_BREAK.sub(" ", text)
    if not text.strip():
        raise UsageError(f"{source.name} is empty", "there is nothing to import")
    if kind == "code":
        from .code import read_code  # noqa: PLC0415 - heavy: imported on first use

        return read_code(text, source.name, language_of(source.name, data[:HEAD_BYTES]))
    if source.collection == NIXOS and kind == "markdown":
        return read_nixos_markdown(text)
    return _READERS[kind](text)


def decoded(data: bytes, name: str) -> str:
    """Text of a file.

    Args:
        data: The file.
        name: For messages.

    Raises:
        UsageError: It is binary, or in an encoding other than UTF-8 (UTF-16 with a mark is read too).
    """
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is binary or not UTF-8", "convert it to UTF-8 text first") from error
    if "\0" in text:
        raise UsageError(f"{name} is binary", "name a text file")
    return text
