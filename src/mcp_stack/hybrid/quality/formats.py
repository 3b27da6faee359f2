"""Whether an answer has the form that was asked for."""

# ruff: noqa: RUF001 - typographic signs are what is looked for

from __future__ import annotations

import re

from .code import json_problem, yaml_problem
from .findings import Finding
from .requests import Request, requests_of
from .text import MAX_CHARACTERS, blocks_of, prose, words_of

_ITEM = re.compile(
    r"^\s{0,6}(?:[-*+•–◦▪]|\(?\d{1,3}[.):]|\*\*\d{1,3}[.):]|#{1,6}\s*\d{1,3}[.):]?|[a-z][.)])\s+\S", re.MULTILINE
)
_NUMBERED = re.compile(r"^\s{0,6}(?:\*\*|#{1,6}\s*)?\(?\d{1,3}[.):]\s*\S", re.MULTILINE)
_NESTED = re.compile(r"^(?:\s{2,}|\t)(?:[-*+•–◦▪])\s+\S", re.MULTILINE)
_ROW = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$", re.MULTILINE)
_YES_NO = re.compile(r"\b(?:yes|no|true|false|correct|incorrect|not)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?。！？]*[^\s.!?。！？][^.!?。！？]*(?:[.!?。！？]+(?=[\s\"'”’)]|$)|$)")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|mr|mrs|ms|dr|st|no|u\.s|approx)\.|(?<=\d)\.(?=\d)", re.IGNORECASE)


def formats(question: str, answer: str) -> list[Finding]:
    """The forms that were asked for and missed.

    Args:
        question: What was asked.
        answer: What was answered.
    """
    text = answer[:MAX_CHARACTERS].strip()
    findings = []
    for request in requests_of(question):
        words, severity = _missed(request, text)
        if words:
            findings.append(Finding("format", severity, words))
    return findings


def _missed(request: Request, text: str) -> tuple[str, float]:
    """What is missed, as the end of a sentence, and how bad it is; empty if nothing is."""
    match request.form:
        case "json" | "yaml" | "csv":
            return _data(request, text)
        case "items":
            return _items(request, text)
        case "table" | "bullets" | "letter" | "number":
            return _shape(request, text)
        case _:
            return _length(request, text)


def _shape(request: Request, text: str) -> tuple[str, float]:
    match request.form:
        case "table":
            table = (len(_ROW.findall(text)) >= 2 and _RULE.search(text)) or "<table" in text or "\t" in text
            return ("" if table else "has no table, which was asked for"), 0.7
        case "bullets":
            return ("" if len(_ITEM.findall(text)) >= 2 else "has no list, which was asked for"), 0.6
        case "letter":
            return ("" if _chosen(text, request.options) else "chooses none of the options"), 0.8
        case _:
            return ("" if re.search(r"\d", text) or len(words_of(text)) <= 3 else "has no number"), 0.8


def _data(request: Request, text: str) -> tuple[str, float]:
    blocks = blocks_of(text)
    name = request.form.upper()
    bodies = [block.code for block in blocks if block.language in {"", request.form, "yml", "text", "jsonc"}]
    if request.form == "json":
        bodies = bodies or [_outermost(text)]
        problems = [json_problem(body) if body.strip() else "no JSON" for body in bodies]
    elif request.form == "yaml":
        bodies = bodies or [text]
        problems = [
            yaml_problem(body) or ("" if re.search(r"^\s*(?:- |[\w\"'-]+:)", body, re.MULTILINE) else "no YAML")
            for body in bodies
        ]
    else:
        bodies = bodies or [text]
        problems = ["" if _is_csv(body) else "no CSV" for body in bodies]
    if all(problems):
        return f"is no {name}, which was asked for", 0.9
    if request.alone and not blocks and request.form == "json" and not text.startswith(("{", "[", '"')):
        return "has words around the JSON, which alone was asked for", 0.5
    return "", 0.0


def _outermost(text: str) -> str:
    """From the first bracket of a text to its last."""
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    return text[min(starts) : end + 1] if starts and end >= 0 else text


def _is_csv(text: str) -> bool:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    counts = {re.sub(r"\"[^\"\n]*\"", "", line).count(",") for line in lines}
    if len(lines) >= 2 and len(counts) == 1 and counts != {0}:
        return True
    # Words around it: most lines have the same number of commas.
    with_commas = [line.count(",") for line in lines if "," in line]
    return len(with_commas) >= 2 and max(map(with_commas.count, with_commas)) >= 0.6 * len(lines)


def _items(request: Request, text: str) -> tuple[str, float]:
    wanted = request.count
    if wanted < 2:
        return "", 0.0
    numbered = len(_NUMBERED.findall(text))
    listed = len(_ITEM.findall(text)) - len(_NESTED.findall(text))
    best = numbered if numbered >= 2 else listed
    if best >= 2:
        counts = {numbered, listed, len(blocks_of(text)), len(_ROW.findall(text)) - 2}
        if wanted in counts or (not request.exactly and best > wanted):
            return "", 0.0
        return f"has {best} items where {wanted} were asked for", 0.5
    # No list: lines or the parts of a sentence may be the items.
    lines = len([line for line in text.splitlines() if line.strip()])
    parts = len([part for part in re.split(r",|;|\band\b|\n", prose(text)) if part.strip()])
    fits = wanted in {lines, lines - 1, lines - 2, len(_ROW.findall(text)) - 2} or parts >= wanted
    return ("", 0.0) if fits else ("has no list of items, which was asked for", 0.4)


def _chosen(text: str, options: str) -> bool:
    letters = f"[{options}{options.lower()}]"
    if re.fullmatch(rf"\W*{letters}\W*(?:[).:\s-].*)?", text, re.DOTALL):
        return True
    return (
        re.search(
            rf"\b(?:[Aa]nswer|[Oo]ption|[Cc]hoice|is|be)\b[\s:*(]*[{options}]\b|\([{options}]\)|\b[{options}][).:]|\*\*[{options}]\b",
            text,
        )
        is not None
    )


def _length(request: Request, text: str) -> tuple[str, float]:
    words = len(words_of(prose(text)))
    match request.form:
        case "one_word":
            return ("" if words <= 3 else f"has {words} words where one was asked for"), 0.6
        case "yes_no":
            return ("" if _YES_NO.search(" ".join(text.split()[:40])) else "says neither yes nor no"), 0.6
        case "words_at_most":
            over = words > 1.1 * request.count + 2
            return (f"has {words} words where {request.count} were allowed" if over else ""), min(
                0.3 + 0.3 * (words / max(request.count, 1) - 1), 0.7
            )
        case "words_at_least":
            return (
                ""
                if words >= 0.9 * request.count
                else f"has {words} words where at least {request.count} were asked for"
            ), 0.5
        case _:
            sentences = len(_SENTENCE.findall(_ABBREVIATION.sub("", prose(text)))) if text else 0
            fits = sentences == request.count if request.exactly else 1 <= sentences <= request.count + 1
            return ("" if fits else f"has {sentences} sentences where {request.count} were asked for"), 0.4
