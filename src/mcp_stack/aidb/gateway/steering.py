"""Words by which a description steers the model that reads it, rather than saying what its tool does.

The rules follow the published kinds of attacks on tool descriptions: tool poisoning and line jumping (instructions to
read secrets, to send data along, to hide it), prompt injection (earlier instructions overridden, safety switched off,
text from outside obeyed), shadowing (another tool's behaviour changed), and rug pulls (an announced change after the
approval). A word alone is no finding: a rule wants an act together with whom it is told to, what it is done to or
where to. What a description says of attacks that its tool finds (`detects strings such as "ignore previous
instructions"`) is not taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from . import steering_words as words

# Characters.
MAX_SENTENCE, OVERLAP = 600, 150


@dataclass(frozen=True, slots=True)
class Match:
    """Words that match a rule.

    Attributes:
        rule: Its name.
        grave: It is reason to quarantine the tool.
        words: What matched.
    """

    rule: str
    grave: bool
    words: str


# What stands before an order; before a mention there is `that`, `such as`, `to`.
_BEFORE_AN_ORDER = re.compile(
    r"(?:^|[.,:;!?)\]}>*#-]|\b(?:and|then|please|must|should|shall|you|now|will|also|always|first|instead|but|so"
    r"|need to|have to))\s*$",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\b(?:mock|sample|examples?|test|canned|demo|expected|training|illustrat\w+|returns?)\b[^.:;]{0,30}:\s",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences of a text; lines and marked up parts count as such, and a very long one is several.

    The patterns look a bounded way ahead from each word: with sentences of bounded length, a scan takes time in
    proportion to the text.
    """
    found = []
    for sentence in words.SENTENCE.split(text):
        rest = " ".join(sentence.split())
        while len(rest) > MAX_SENTENCE:
            found.append(rest[:MAX_SENTENCE])
            rest = rest[MAX_SENTENCE - OVERLAP :]
        if rest:
            found.append(rest)
    return found


def steering(text: str, own: Collection[str] = ()) -> Iterator[Match]:
    """The rules that a text matches.

    Args:
        text: As a model reads it; bounded by the caller.
        own: Names of tools that it may say anything of.
    """
    parts = sentences(text)
    for place, sentence in enumerate(parts):
        yield from _of_sentence(sentence, " ".join(parts[max(0, place - 1) : place + 2]), own)


def _of_sentence(sentence: str, around: str, own: Collection[str]) -> Iterator[Match]:
    told = words.TO_THE_MODEL.search(around) is not None
    guards = not told and words.GUARDS.search(sentence) is not None
    studies = not told and words.STUDIES.search(sentence) is not None
    if guards or studies:
        sentence = words.QUOTED.sub("''", sentence)
    disclaims = words.DISCLAIMS.search(sentence) is not None
    if found := ordered(sentence):
        yield Match("overrides-instructions", True, found)
    if not (guards or studies or disclaims):
        for rule, pattern in (("unsafe-mode", words.UNSAFE_MODE), ("obeys-content", words.OBEYS_OUTSIDE)):
            if match := pattern.search(sentence):
                yield Match(rule, True, match[0])
    if not (guards or disclaims):
        yield from _data(sentence, around, told=told)
        if (match := words.MEDDLES.search(sentence)) and not _only_of(own, match[0]):
            yield Match("shadows-tool", True, match[0])
        if (after := words.AFTER_APPROVAL.search(sentence)) and (bad := words.TURNS_BAD.search(sentence)):
            yield Match("changes-after-approval", True, f"{after[0]} ... {bad[0]}")
    if before := words.BEFORE_OTHER_TOOLS.search(sentence):
        yield Match("comes-before-all-tools", False, before[0])


def ordered(sentence: str) -> str:
    """An order to override instructions; empty if they are only spoken of."""
    for match in words.OVERRIDE.finditer(sentence):
        before = sentence[: match.start()]
        if words.TO_THE_MODEL.search(sentence) or (_BEFORE_AN_ORDER.search(before[-60:]) and not _LABEL.search(before)):
            return match[0]
    return ""


def _only_of(own: Collection[str], matched: str) -> bool:
    """Whether the only tools that are named are these."""
    named = [name.strip("`'\"") for name in re.findall(words.NAME, matched)]
    return bool(named) and all(name in own for name in named)


def _data(sentence: str, around: str, *, told: bool) -> Iterator[Match]:
    """Data taken, sent along, or hidden."""
    hides, stealth, stranger = (
        words.HIDES.search(sentence),
        words.STEALTH.search(sentence),
        words.STRANGER.search(sentence),
    )
    outside = stranger or words.OUTSIDE.search(sentence)
    gives, takes = words.GIVES_AWAY.search(sentence), words.TAKES_AWAY.search(sentence)
    ordered = words.ORDERS.search(sentence) is not None
    file = words.SECRET_FILE.search(sentence)
    thing = words.SECRET_THING.search(sentence)
    if thing and words.OWN_CREDENTIAL.search(sentence[: thing.start()]):
        thing = None
    secret = file or thing
    act = gives or takes or (words.GIVES_AWAY.search(around) if told else None)
    if secret and act:
        goes_on = outside or words.ARGUMENT.search(sentence)
        grave = bool(
            told
            or stealth
            or words.HIDES.search(around)
            or (gives and (outside or (goes_on and (ordered or file)) or (takes and ordered)))
            or (takes and file and goes_on)
        )
        if grave or ordered:
            yield Match("takes-secrets", grave, f"{act[0]} ... {secret[0]}")
    data, sends = words.USERS_DATA.search(sentence), words.SENDS.search(sentence)
    if exfiltrates := words.EXFILTRATES.search(sentence):
        yield Match("sends-data-out", True, exfiltrates[0])
    elif sends and outside and data and (ordered or told or hides or stealth or stranger):
        yield Match("sends-data-out", True, f"{sends[0]} ... {data[0]} ... {outside[0]}")
    if hides:
        known = told or gives or stealth or words.SECRET_FILE.search(around) or words.SECRET_THING.search(around)
        yield Match("hides-from-user", bool(known or words.ORDERS_SILENCE.search(sentence)), hides[0])
    elif stealth and gives and (data or outside):
        yield Match("hides-from-user", True, f"{stealth[0]} ... {gives[0]}")


def names_of_others(text: str, names: Sequence[str]) -> list[str]:
    """Which names of other servers' tools a text has, as whole words.

    Args:
        text: As a model reads it.
        names: Names that are no ordinary words: with a separator, or with a hump.
    """
    words = set(re.findall(r"[A-Za-z0-9][\w.-]*[A-Za-z0-9]", text))
    return [name for name in names if name in words]
