"""The preset of the collection `nixos-docs`: the manuals' flavour of Markdown, and their list of options."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ....errors import UsageError
from ..chunking import Block, chunk, packed, title_of
from .parsed import Parsed

COLLECTION = "nixos-docs"
OPTIONS_FILE = "options.json"
# The options of NixOS are some 20 MB.
MAX_OPTIONS_BYTES = 100_000_000
GROUP_PARTS = 2

# [An inline anchor]{#sec-x}, and the attributes behind a heading: {#sec-x .unnumbered}.
_ANCHOR = re.compile(r"\[([^\[\]\n]{0,200})\]\{#[^{}\n]{1,200}\}")
_ATTRIBUTES = re.compile(r"[ \t]*\{[#.][^{}\n]{1,200}\}")
# {option}`services.nginx.enable`, {command}`nixos-rebuild`, {manpage}`nix.conf(5)`.
_ROLE = re.compile(r"\{(?:option|command|file|env|var|manpage|ref|program|package|kbd|sub-ref)\}(?=`)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_INCLUDE = re.compile(r"^ {0,3}(`{3,})\{=include=\}")
_ADMONITION = re.compile(r"^ {0,3}:{3,}[ \t]*(?:\{[ \t]*\.?([\w-]*)[^}\n]*\}|([\w-]+))?[ \t]*$")
_DIVISIONS = frozenset({"example", "figure", "warning", "note", "tip", "important", "caution"})


def is_options(name: str, head: bytes) -> bool:
    """Whether a file lists options as the build of a manual does.

    Args:
        name: Its name or path.
        head: Its first bytes, some thousands.
    """
    return name.lower().endswith(".json") and head.lstrip()[:1] == b"{" and b'"declarations"' in head


def read_nixos_markdown(text: str) -> Parsed:
    """Markdown of the manuals of Nix, Nixpkgs and NixOS.

    Args:
        text: The file.
    """
    plain = plain_markdown(text)
    return Parsed(title_of(plain), text, chunk(plain))


def plain_markdown(text: str) -> str:
    """The same in common Markdown: no anchors and roles, admonitions by their name.

    Args:
        text: In the flavour of the manuals.
    """
    return "\n".join(_plain_lines(text))


def read_options(text: str) -> list[Parsed]:
    """One document for each group of options, such as `services.nginx`, and a passage for each option.

    Args:
        text: `options.json`: by name of the option its type, default, example and description.

    Raises:
        UsageError: It is no such file.
    """
    try:
        options = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{OPTIONS_FILE} is no JSON ({error})", "build the manual again") from error
    groups: dict[str, list[Block]] = {}
    for name, option in sorted(options.items()) if isinstance(options, dict) else ():
        if isinstance(option, dict):
            group = ".".join(name.split(".")[:GROUP_PARTS])
            groups.setdefault(group, []).append(Block(name, _described(option)))
    if not groups:
        raise UsageError(f"{OPTIONS_FILE} has no options", "build the manual again")
    return [
        Parsed(
            title=f"{group} options",
            content="\n\n".join(f"## {block.heading}\n\n{block.text}" for block in blocks),
            chunks=packed(blocks),
            fragment=group,
        )
        for group, blocks in groups.items()
    ]


def _plain_lines(text: str) -> Iterator[str]:
    fence = ""
    skipping = False
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = ""
                if skipping:
                    skipping = False
                    continue
            if not skipping:
                yield line
        elif mark:
            fence = mark[1]
            skipping = bool(_INCLUDE.match(line))  # names of files, which are documents of their own
            if not skipping:
                yield line
        elif line.lstrip().startswith(":::") and (admonition := _ADMONITION.match(line)):
            word = (admonition[1] or admonition[2] or "").lower()
            yield f"**{word.capitalize()}:**" if word in _DIVISIONS and word not in {"example", "figure"} else ""
        else:
            yield _ROLE.sub("", _ATTRIBUTES.sub("", _ANCHOR.sub(r"\1", line)))


def _described(option: dict[str, Any]) -> str:
    parts = [plain_markdown(_text_of(option.get("description")))]
    parts += [f"Type: {_text_of(option['type'])}"] if option.get("type") else []
    parts += [f"Default: {_text_of(option['default'])}"] if option.get("default") is not None else []
    parts += [f"Example: {_text_of(option['example'])}"] if option.get("example") is not None else []
    if option.get("readOnly"):
        parts.append("Read only.")
    return "\n\n".join(part for part in parts if part.strip()) or "No description."


def _text_of(value: object) -> str:
    """Texts stand as they are or as `{"_type": "literalExpression", "text": ...}`."""
    if isinstance(value, dict):
        value = value.get("text", value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
