"""Code whose language has no parser here: cut by its indentation, which nearly all code has."""

from __future__ import annotations

import re
from collections.abc import Iterator

# The word before the name in Ruby, PHP, C#, Kotlin, Swift, Scala, Lua, Perl, Elixir, Haskell, SQL and many others.
_NAMED = re.compile(
    r"^\s*(?:(?:public|private|protected|internal|static|final|abstract|open|override|async|export|local|sealed|data"
    r"|inline|suspend|pub|partial|virtual|create|replace|or)\s+){0,6}"
    r"(?:function|func|fun|fn|def|defp|defmodule|defmacro|defn|sub|proc|procedure|method|class|object|trait|struct|enum"
    r"|interface|protocol|extension|module|namespace|type|impl|table|view|message|service|resource|rule)\s+"
    r"(?:if\s+not\s+exists\s+)?([\w.:$/-]{1,100})",
    re.IGNORECASE,
)
# Attributes, as in Nix and other configuration languages.
_ATTRIBUTE = re.compile(r"^\s*([A-Za-z_][\w.'-]{0,99})\s*=\s*(?:$|[{(\[]|rec\b|with\b|let\b|[\w.]+:|mk\w+)")
_CLOSING = re.compile(r"^\s*(?:[)\]}>]+[;,)]*|end\b.*|fi|done|esac|else\b.*|in\b)\s*$")
MAX_DEPTH = 12
LONGEST_NAME = 100
# Shorter ones, of which there may be thousands, are better read together.
LEAST_ATTRIBUTE_CHARACTERS = 150


def split_by_indentation(
    text: str, name: str, max_characters: int, *, named: bool = True, depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Cut code into pieces that begin at its outermost lines.

    Args:
        text: The code.
        name: Qualified name of what it belongs to.
        max_characters: Longest piece, unless a single line is longer.
        named: Add the names of definitions to the pieces that hold one.
        depth: How often it was cut already.

    Yields:
        Qualified name and text of each piece, in order.
    """
    pending = ""
    for unit in _units(text):
        own = _name_of(unit) if named else ""
        if own and len(unit) <= max_characters:
            if pending:
                yield name, pending
            pending = ""
            yield f"{name}.{own}", unit
            continue
        joined = f"{pending}\n{unit}" if pending else unit
        if len(joined) <= max_characters:
            pending = joined
            continue
        if pending:
            yield name, pending
        pending = ""
        if len(unit) <= max_characters:
            pending = unit
        else:
            yield from _cut(unit, f"{name}.{own}" if own else name, max_characters, named=named, depth=depth)
    if pending:
        yield name, pending


def _cut(unit: str, name: str, max_characters: int, *, named: bool, depth: int) -> Iterator[tuple[str, str]]:
    """Cut a unit that is too long: its first lines, what is inside it, and what closes it."""
    lines = unit.splitlines()
    outermost = _outermost(lines)
    inner = [number for number, line in enumerate(lines) if line.strip() and _indent(line) > outermost]
    if not inner or depth >= MAX_DEPTH:
        yield name, unit  # whoever packs the pieces cuts it at its lines
        return
    head, tail = "\n".join(lines[: inner[0]]), "\n".join(lines[inner[-1] + 1 :])
    inside = "\n".join(lines[inner[0] : inner[-1] + 1])
    parts = list(split_by_indentation(inside, name, max_characters, named=named, depth=depth + 1))
    if head.strip():
        if parts[0][0] == name and len(head) + len(parts[0][1]) < max_characters:
            parts[0] = (name, f"{head}\n{parts[0][1]}")
        else:
            yield name, head
    yield from parts
    if tail.strip():
        yield name, tail


def _units(text: str) -> Iterator[str]:
    """An outermost line with the deeper ones below it, and the closing one; blank lines belong to what is above."""
    lines = text.splitlines()
    outermost = _outermost(lines)
    unit: list[str] = []
    has_body = False
    for line in lines:
        is_outermost = bool(line.strip()) and _indent(line) <= outermost
        blank_above = bool(unit) and not unit[-1].strip()
        if is_outermost and unit and (has_body or blank_above) and not _CLOSING.match(line[:200]):
            yield "\n".join(unit).rstrip()
            unit, has_body = [], False
        has_body = has_body or (bool(unit) and bool(line.strip()) and not is_outermost)
        unit.append(line)
    if "".join(unit).strip():
        yield "\n".join(unit).rstrip()


def _name_of(unit: str) -> str:
    """What the first line that is no comment defines."""
    for line in unit.split("\n", 20)[:20]:
        match = _NAMED.match(line[:300])
        if match is None and len(unit) >= LEAST_ATTRIBUTE_CHARACTERS:
            match = _ATTRIBUTE.match(line[:300])
        if match:
            return match[1].rstrip(":.").replace("::", ".")[:LONGEST_NAME]
        if line.strip() and not line.lstrip().startswith(("#", "//", "/*", "*", "--", ";", "%", "@", "[")):
            return ""
    return ""


def _outermost(lines: list[str]) -> int:
    return min((_indent(line) for line in lines if line.strip()), default=0)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
