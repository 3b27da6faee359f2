"""The form that a question asks its answer to have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .quantities import quantities_of

MAX_CHARACTERS = 8_000
Form = Literal[
    "json", "yaml", "csv", "table", "items", "bullets", "one_word", "yes_no", "words_at_most", "words_at_least",
    "sentences", "letter", "number",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """A form that is asked for.

    Attributes:
        form: Which.
        count: How many items, words or sentences; 0 where none is said.
        alone: Nothing but it.
        options: The letters to choose from.
        exactly: Sentences or items: so many, not at most.
    """

    form: Form
    count: int = 0
    alone: bool = False
    options: str = ""
    exactly: bool = True


_N = (
    r"(\d{1,4}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|fifty"
    r"|(?:one |a )?hundred)"
)
_ASK = (
    r"(?:answer|respond|reply|return|output|produce|give|provide|format|write|present|express|formatted|print|generate"
    r"|show|list|make|convert\w*|structured?|summari[sz]e|render|put|send|deliver)"
)
_ALONE = re.compile(
    r"\b(?:only|just|nothing (?:but|else)|solely|raw"
    r"|(?:no|without(?: any)?) (?:explanation|other text|prose|commentary|additional text))\b",
    re.IGNORECASE,
)
# "as JSON", "return a JSON object", "JSON only"; but no JSON parser, file or schema that the question is about.
_THING = r"(?!\s+(?:files?|parser|schema|library|column|string|api|field|body|payload|key|package|module|path|web)\b)"
_SORT = r"(?:valid |single |raw |well-formed |compact |minified |nested |proper |only |just |me |a |an |the )*"


def _as_data(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"\b(?:as|in|into|to|using|with|valid|raw|only)\s+{_SORT}{name}\b{_THING}"
        rf"|\b{_ASK}\s+{_SORT}{name}\b{_THING}"
        rf"|\b{name}\s+(?:format|only|output)\b",
        re.IGNORECASE,
    )


_DATA: tuple[tuple[Form, re.Pattern[str]], ...] = (
    ("json", _as_data("json")),
    ("yaml", _as_data("ya?ml")),
    ("csv", _as_data("csv")),
)
_TABLE = re.compile(
    r"\b(?:in|as|with|into|using)\s+(?:a |an )?(?:markdown |comparison |small |simple )*table\b(?!\s+of contents)"
    rf"|\b{_ASK}\s+(?:me\s+)?a (?:markdown |comparison )table\b",
    re.IGNORECASE,
)
_BULLETS = re.compile(r"\b(?:bullet(?:ed)?[ -]?(?:points?|list)|(?:in|as) bullets)\b", re.IGNORECASE)
# What is counted otherwise than by items.
_NO_ITEMS = (
    r"(?!(?:words?|sentences?|paragraphs?|lines?|characters?|times|percent|dollars?|hours?|minutes?|of|years?|days?)\b)"
)
_ITEMS = re.compile(
    r"\b(?:list|give|name|provide|suggest|mention|write|enumerate|state|identify|recommend|come up with"
    r"|describe|top)\s+"
    rf"(?:me |exactly |only |the |at least |up to |top |any |your )*{_N}\s+{_NO_ITEMS}(?:[a-z-]+\s+){{0,3}}?[a-z-]+s\b",
    re.IGNORECASE,
)
_ONE_WORD = re.compile(
    r"\b(?:in|with|using|as|answer:?|reply:?)\s+(?:just |only |exactly )?(?:one|a single|1) word\b"
    r"|\b(?:one|single)[- ]word (?:answer|response|reply|only)\b",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"\b(?:yes(?:/| or |\s*\|\s*)no|(?:true|correct)(?:/| or )(?:false|incorrect))\b", re.IGNORECASE)
_YES_NO_ASK = re.compile(rf"\b(?:{_ASK}|say|simply|just|only|with|is it)\b|[?(]\s*(?:yes|true)", re.IGNORECASE)
_LOOSE = r"(?:about |around |approximately |roughly |at least |or so )"
_AT_MOST = r"(?:at most |no more than |not more than |up to |under |fewer than |less than |a maximum of |max )"
_WORDS_AT_MOST = re.compile(
    r"\b(?:in|within|using|under|with|to|at most|(?:no|not) more than|fewer than|less than|up to|maximum(?: of)?|max"
    rf"|limit(?:ed)?(?: \w+)?(?: to)?|exceed(?:ing)?)\s+(?:{_AT_MOST}|{_LOOSE}|exactly |only )*{_N}\s+words\b"
    rf"|\b{_N}[ -]words? (?:or (?:less|fewer)|max(?:imum)?|at most|limit|summary)",
    re.IGNORECASE,
)
_WORDS_AT_LEAST = re.compile(
    rf"\b(?:at least|no fewer than|no less than|minimum(?: of)?|more than|over)\s+{_N}\s+words\b", re.IGNORECASE
)
_SENTENCES = re.compile(
    r"\b(?:in|with|using|write|exactly|into|at most|no more than|within|of|give(?: me)?|to)\s+"
    rf"(?:{_AT_MOST}|{_LOOSE}|exactly |only |just )*{_N}(?:\s+\w+)?\s+sentences?\b"
    rf"|\b{_N}[- ]sentence\s+(?:answer|summary|explanation|description|reply|response)",
    re.IGNORECASE,
)
_ANY_LIMIT = re.compile(rf"\b(?:{_AT_MOST}|{_LOOSE}|within )", re.IGNORECASE)
_OPTION = re.compile(r"(?:^|\n)[ \t]*\(?([A-H])[).:][ \t]+\S|\(([A-H])\)\s+\S")
_LETTER_ASK = re.compile(
    r"\b(?:letter|option|choice|which of the following|choose|select|correct answer|pick)\b|\?|answer:?\s*$",
    re.IGNORECASE,
)
_NUMBER_ONLY = re.compile(
    r"\b(?:only|just|simply)\s+(?:with |give |return |output |answer |a |the |one |final )*(?:number|integer|digits?)\b"
    r"|\b(?:a |single )(?:number|integer) only\b",
    re.IGNORECASE,
)


def requests_of(question: str) -> list[Request]:
    """The forms that a question asks for.

    Args:
        question: What was asked; its end is read if it is long.
    """
    text = question[-MAX_CHARACTERS:]
    for form, pattern in _DATA:
        if pattern.search(text):
            return [Request(form, alone=_ALONE.search(text) is not None)]
    options = "".join(dict.fromkeys(match[1] or match[2] for match in _OPTION.finditer(text)))
    if options.startswith("AB") and _LETTER_ASK.search(text):
        return [Request("letter", options=options)]
    return [*_shapes(text), *_lengths(text)]


def _shapes(text: str) -> Iterator[Request]:
    if _TABLE.search(text):
        yield Request("table")
    if match := _ITEMS.search(text):
        yield Request("items", _count(match), exactly=not _ANY_LIMIT.search(match.group()))
    elif _BULLETS.search(text):
        yield Request("bullets")
    if _NUMBER_ONLY.search(text):
        yield Request("number", alone=True)


def _lengths(text: str) -> Iterator[Request]:
    if _ONE_WORD.search(text):
        yield Request("one_word")
    if (match := _YES_NO.search(text)) and _YES_NO_ASK.search(text[max(match.start() - 60, 0) : match.end()]):
        yield Request("yes_no")
    if match := _WORDS_AT_LEAST.search(text):
        yield Request("words_at_least", _count(match))
    elif match := _WORDS_AT_MOST.search(text):
        yield Request("words_at_most", _count(match), exactly=False)
    if match := _SENTENCES.search(text):
        yield Request("sentences", _count(match), exactly=not _ANY_LIMIT.search(match.group()))


def _count(match: re.Match[str]) -> int:
    words = next(group for group in match.groups() if group)
    values = quantities_of(words)
    return int(values[0]) if values else 0
