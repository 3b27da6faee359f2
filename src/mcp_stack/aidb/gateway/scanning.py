"""Tools whose descriptions try to steer the model: poisoning, shadowing, hidden text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...ports.tools import KnownTool
from .hidden_text import hidden, plain, spelled
from .steering import Match, names_of_others, sentences, steering
from .suspicion import REMARK, THRESHOLD, suspicion

# Characters that are read of one text and of one tool. What is longer is told: much can be hidden in it.
MAX_TEXT = 8_000
MAX_TOTAL = 24_000
MAX_DEPTH = 24
MAX_FINDINGS = 20
MAX_EVIDENCE = 200

# A tool's name that is no ordinary word.
_DISTINCT = re.compile(r"[A-Za-z0-9]{2,}(?:[_-][A-Za-z0-9]+)+|[a-z0-9]+(?:[A-Z][a-z0-9]*)+")
# A description that says this of another server's tool wants to change how that one is used.
_MEDDLES = re.compile(
    r"\b(?:when(?:ever)?|before|after|instead|must|should|always|never|first|do not|don't"
    r"|(?:replac|supersed|overrid|modif|intercept|redirect|rerout)\w+)\b",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:delet|remov|eras|destroy|drop|overwrit|updat|creat|writ|modif|edit|send|post|upload|install|execut|mov|renam)\w*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in what a tool says of itself that a person should look at.

    Attributes:
        rule: Its name.
        severity: `high` is reason to quarantine the tool; `low` is worth a remark.
        evidence: Where, and the words that matched, with everything that is not printable spelled out.
    """

    rule: str
    severity: Literal["high", "low"]
    evidence: str


def scan(tool: KnownTool, others: Sequence[KnownTool] = ()) -> list[Finding]:
    """Look through all that a model is told of a tool, its schemas included.

    Args:
        tool: What its server says.
        others: Tools of all servers, to find those that it meddles with.

    Returns:
        What was found, the gravest first, each rule once.
    """
    found: dict[str, Finding] = {}
    own = {other.tool for other in others if other.server == tool.server} | {tool.tool}
    foreign = [other.tool for other in others if other.tool not in own and _DISTINCT.fullmatch(other.tool)]
    for finding in _findings(tool, own, foreign):
        before = found.get(finding.rule)
        if before is None or (before.severity == "low" and finding.severity == "high"):
            found[finding.rule] = finding
        if len(found) == MAX_FINDINGS:
            break
    return sorted(found.values(), key=lambda finding: finding.severity != "high")


def _findings(tool: KnownTool, own: Collection[str], foreign: Sequence[str]) -> Iterator[Finding]:
    names = {other.lower(): other for other in foreign}
    folded = plain(tool.tool)
    if not tool.tool.isascii() and folded.lower() in names:
        yield Finding("confusable-name", "high", f"{spelled(tool.tool)} looks like {names[folded.lower()]}")
    left = MAX_TOTAL
    for where, text in _texts(tool):
        bound = min(MAX_TEXT, left)
        if len(text) > bound:
            yield Finding("too-long", "low", f"{where}: {len(text)} characters")
        yield from _of_text(where, text[:bound], own, foreign)
        left -= min(len(text), bound)
    if tool.annotations.get("readOnlyHint") is True and (verb := _CHANGES.match(plain(tool.tool).replace("_", " "))):
        yield Finding("says-read-only", "low", f"readOnlyHint of a tool called {verb[0]}...")


def _of_text(where: str, text: str, own: Collection[str], foreign: Sequence[str]) -> Iterator[Finding]:
    for each in hidden(text):
        grave = each.suspicious or any(match.grave for match in _said(plain(each.text), own))
        yield Finding(each.kind, "high" if grave else "low", f"{where}: {each.shown}"[:MAX_EVIDENCE])
    readable = plain(text)
    for match in _said(readable, own):
        yield Finding(match.rule, "high" if match.grave else "low", f"{where}: {spelled(match.words)}"[:MAX_EVIDENCE])
    for name in names_of_others(readable, foreign):
        sentence = next((part for part in sentences(readable) if name in part), "")
        if _MEDDLES.search(sentence):
            yield Finding("shadows-tool", "high", f"{where}: {name}: {spelled(sentence)}"[:MAX_EVIDENCE])


def _said(text: str, own: Collection[str]) -> Iterator[Match]:
    """What a text says that it should not."""
    yield from steering(text, own)
    weighed = suspicion(text)
    if weighed.weight >= REMARK:
        words = f"{', '.join(weighed.kinds)}: {weighed.sentence}"
        yield Match("steers-the-model", weighed.weight >= THRESHOLD, words)


def _texts(tool: KnownTool) -> Iterator[tuple[str, str]]:
    """Every text of a tool, with its place."""
    yield "description", tool.description
    yield "title", tool.title
    yield "name", tool.tool
    for part, content in (
        ("input schema", tool.input_schema),
        ("output schema", tool.output_schema),
        ("annotations", tool.annotations),
    ):
        yield from _inside(part, content, 0)


def _inside(where: str, content: Any, depth: int) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(content, str):
        yield where, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield f"{where}, name", str(key)
            yield from _inside(f"{where}, {str(key)[:40]}" if depth < 3 else where, value, depth + 1)
    elif isinstance(content, list):
        for value in content:
            yield from _inside(where, value, depth + 1)
