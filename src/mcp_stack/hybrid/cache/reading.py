"""A question taken apart: its words of content, numbers, negations, and what kind of question it is."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

from . import grammar


@dataclass(frozen=True, slots=True)
class Word:
    """A word of content.

    Attributes:
        text: In lower case.
        special: A name, an identifier, a file or a flag: nothing else stands for it.
        governor: The preposition before it: one that tells a direction, `~` for others, or empty.
    """

    text: str
    special: bool
    governor: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a question says.

    Attributes:
        words: Its words of content, in their order.
        numbers: Numbers, versions and amounts with their units and directions, sorted by the word before.
        negations: How many.
        kind: `how`, `why`, `when`, `where`, `who`, `what`, `how many` and the like, `whether` for yes or no; empty for
            a statement or an order.
        mode: Of a question for yes or no: `may`, `must` or empty.
        tense: `past`, `future` or empty.
        persons: Whose something is: `my`, `your`, `his`, `her`, `their`.
        plain: The text in lower case with single spaces.
    """

    words: tuple[Word, ...]
    numbers: tuple[str, ...]
    negations: int
    kind: str
    mode: str
    tense: str
    persons: frozenset[str]
    plain: str


_CONTRACTIONS = (
    (re.compile(r"\bcan['\u2019]?t\b"), "can not"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"\bwon['\u2019]t\b"), "will not"),
    (re.compile(r"\bshan['\u2019]t\b"), "shall not"),
    (re.compile(r"\bain['\u2019]t\b"), "is not"),
    (
        re.compile(r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must|need|might)n['\u2019]?t\b"),
        r"\1 not",
    ),
    (re.compile(r"['\u2019](?:m|re|s|ve|ll|d)\b"), ""),
    (re.compile(r"(?<![\w.])([a-z]{3,})(?=\d)"), r"\1 "),
    (re.compile(r"\bwhats\b"), "what is"),
    (re.compile(r"\be-mail"), "email"),
    (re.compile(r"\bwi-fi\b"), "wifi"),
    (re.compile(r"\b(set|log|sign|back|shut|start|roll|check|clean)[ -](up|in|out|on|off|down|back)\b"), r"\1\2"),
    (re.compile(r"\b(?:get|getting|got) rid of\b"), "remove"),
    (re.compile(r"\blook(?:ing)? for\b"), "find"),
    (re.compile(r"\bhow come\b"), "why"),
    (re.compile(r"\bhow much time\b"), "how long"),
    (re.compile(r"\bwhat (?:is|are) the (?:price|cost)s? (?:of|for)\b"), "how much is"),
    (re.compile(r"\b(how much (?:do|does|did|will|would) .+) costs?\b"), r"\1"),
    (re.compile(r"\bwhat is the location of\b"), "where is"),
    (re.compile(r"\b(where (?:is|are|was|were) .+) (?:located|situated)\b"), r"\1"),
    (re.compile(r"\bwhat is the (?:total )?number of\b"), "how many"),
    (re.compile(r"\bwhat (?:do|should|must|can|would) i (?:have to |need to )?do to\b"), "how to"),
    (re.compile(r"\b(?:what|which) (?:time|date|day|year|month)\b"), "when"),
    (re.compile(r"\b(?:at |in )?(?:what|which) (?:place|location)\b"), "where"),
    (re.compile(r"\b(?:for )?(?:what|which) reasons?\b"), "why"),
    (re.compile(r"\bwhat (?:is|are) the reasons?(?: that| why| for| behind)?\b"), "why"),
    (re.compile(r"\bthe reasons? (?:why|for|behind)\b"), "why"),
)
# A way to do something: the same as how to do it.
_WAYS = re.compile(
    r"\b(?:(?:what|which) (?:is|are|would be|s)? ?)?(?:there )?(?:a |the |any |some )?"
    r"(?:(?:best|right|correct|proper|easiest|simplest|recommended|quickest|fastest|good|easy|simple|usual|standard) )?"
    r"(?:ways?|steps?|methods?|procedures?|process(?:es)?|approach(?:es)?|instructions?|guides?|tutorials?|directions|commands?)"
    r"(?: required| needed| involved| necessary)? (?:to|for|of|on|in|by which)\b"
)
# Said before the question itself.
_POLITE = re.compile(
    r"\b(?:(?:please|kindly|hi|hello|hey|thanks|thank you|excuse me|sorry|good morning|quick question|just wondering)\b"
    r"|(?:(?:can|could|would|will) (?:you|someone|anyone|somebody|anybody)(?: please| kindly| possibly)?"
    r" (?:tell|show|explain|help|advise|describe|walk|guide|teach|let|remind|clarify|share|give|provide|point)"
    r"(?: to)?(?: me| us)?(?: out)?(?: know| understand| through)?(?: with)?)"
    r"|(?:tell|show|explain|help|advise|teach|let|remind|walk|guide|give)"
    r"(?: to)? (?:me|us)(?: know| understand| through)?"
    r"|i (?:would|do|really|just|also)? ?(?:want|need|like|love|wish|have|am trying|am looking|am hoping)(?: to)?"
    r" (?:know|learn|understand|ask|find out|figure out|hear)(?: about)?"
    r"|i (?:am|was)? ?(?:wonder|wondering|curious|asking|not sure|unsure)(?: if| whether| about)?"
    r"|(?:do|would|does) (?:you|anyone|anybody|someone|somebody)(?: happen to)? (?:know|have any idea)"
    r"|any (?:idea|ideas|tips|advice)(?: on| about)?"
    r"|would you mind (?:telling|showing|explaining)(?: to)?(?: me| us)?"
    r"|i need(?: some)? help(?: with| on)?(?: to)?|(?:can|could|would) you(?: please)? help me(?: to)?"
    r"|i (?:would like|want|need|wish|am trying|try|like) to|(?:,|and)? ?how (?:do|can|should) i do (?:it|that|this)"
    r"|\bgo(?:ing)? about"
    r"|is it (?:ok|okay|fine|alright|all right)(?: for me| for us)? to"
    r"|is it possible (?:for me |for us )?to|(?:am|are|is) (?:i|we|you|one|it) able to)"
)
_TOKEN = re.compile(
    r"(?P<path>(?:~|\.{1,2})?/[\w.@+-]+(?:/[\w.@+-]+)*/?|\b[A-Za-z]:\\[\w\\.-]+|\b[\w.-]+(?:/[\w.-]+)+|\b[\w.+-]+@[\w.-]+)"
    r"|(?<!\w)(?P<flag>--?[A-Za-z][\w-]*)"
    r"|(?P<number>(?<![\w.])(?:(?<!\S)-)?[$€£¥]?v?\d[\d,]*(?:[.:/-]\d+)*(?:[a-z]{1,4}\d*)?%?(?![\w]))"
    r"|(?P<code>\b[^\W\d_]+[#+]{1,2}(?!\w)|\b\w*(?:_\w+)+\b|\b[A-Za-z]\w*(?:\.[A-Za-z]\w+)+\b|(?<![\w.])\.[a-z]\w+)"
    r"|(?P<word>[^\W_]+)"
    r"|(?P<stop>[,;:.?!()\u2013\u2014])"
)
_WH = ("how", "why", "when", "where", "who", "what")
_AND = ("and",)
_ARTICLE = ("a",)
_NO_NOUN = frozenset(".,;:?!()") | grammar.PREPOSITIONS.keys() | {"and", "or"}
_WHO = {"whom": "who", "whose": "who", "which": "what"}


@functools.lru_cache(maxsize=4_096)
def read(text: str) -> Reading:
    """Take a question apart.

    Args:
        text: In English; words of other languages are words of content, so that only their like stands for them.
    """
    given = unicodedata.normalize("NFKC", text)
    capitalised = _names(given)
    plain = " ".join(given.lower().split())
    said = plain
    for pattern, put in _CONTRACTIONS:
        said = pattern.sub(put, said)
    said = _POLITE.sub(" ", said)
    said = _WAYS.sub(" how to ", said)
    return _Reader(capitalised).read(said, plain)


def _names(text: str) -> frozenset[str]:
    """Words that are written like names: a capital inside of a sentence, or inside of the word."""
    found: set[str] = set()
    if text.isupper():
        return frozenset()
    for match in re.finditer(r"[^\W\d_][\w.+#-]*", text):
        word = match.group().rstrip(".-")
        before = text[: match.start()].rstrip()
        opens = not before or before[-1] in ".?!:\"'`“"
        empty = word.lower() in grammar.EMPTY and not (word.isupper() and word != "I")
        if not empty and (re.search(r"[a-z0-9]\w*[A-Z]", word) or (word[0].isupper() and not opens)):
            found.add(word.lower())
    return frozenset(found)


class _Reader:
    """Goes through the tokens of one question."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._words: list[Word] = []
        self._numbers: list[tuple[str, str]] = []
        self._negations = 0
        self._persons: set[str] = set()
        self._kind = ""
        self._auxiliaries: list[str] = []
        self._governor = ""
        self._previous = "how"

    def read(self, said: str, plain: str) -> Reading:
        tokens = [(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(said)]
        place = 0
        first = True
        while place < len(tokens):
            kind, token = tokens[place]
            place += 1
            following = tokens[place][1] if place < len(tokens) else ""
            if kind == "stop":
                self._governor = ""
            elif kind == "number":
                place += self._number(token, following, spelled=False)
            elif kind in {"path", "flag", "code"}:
                self._put(token, special=True)
            elif (value := spelled([each[1] for each in tokens[place - 1 :]])) is not None:
                place += value[1] - 1
                following = tokens[place][1] if place < len(tokens) else ""
                place += self._number(value[0], following, spelled=True)
            else:
                self._word(token, following, first=first)
            self._previous = token
            first = first and kind == "stop"
        tenses = {"past" for each in self._auxiliaries if each in grammar.PAST} | {
            "future" for each in self._auxiliaries if each in grammar.FUTURE
        }
        whether = self._kind == "whether"
        mode = next(
            (name for name, of in (("may", grammar.MAY), ("must", grammar.MUST)) if of & set(self._auxiliaries[:1])), ""
        )
        return Reading(
            words=tuple(self._words),
            numbers=tuple(number for _, number in sorted(self._numbers, key=lambda each: each[0])),
            negations=self._negations,
            kind=self._kind,
            mode=mode if whether else "",
            tense=tenses.pop() if len(tenses) == 1 else "",
            persons=frozenset(self._persons),
            plain=plain,
        )

    def _number(self, token: str, following: str, *, spelled: bool) -> int:
        """Take a number with its unit; returns how many tokens the unit was."""
        match = re.fullmatch(r"(-?)([$€£¥]?)(v?)([\d,.:/-]*\d)([a-z]*\d*)(%?)", token)
        if match is None:
            self._put_number(token)
            return 0
        sign, currency, _, number, ending, percent = match.groups()
        number = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", number)
        unit = currency or percent
        taken = 0
        if ending in grammar.UNITS:
            unit = grammar.UNITS[ending]
        elif ending in {"st", "nd", "rd", "th"}:
            unit = ""
        elif ending:
            number += ending
        elif following in grammar.UNITS:
            unit, taken = grammar.UNITS[following], 1
        # A one in words is as good as none: `one of them`.
        if number != "1" or unit or not spelled:
            self._put_number(sign + number + unit)
        return taken

    def _put_number(self, number: str) -> None:
        # From 1 to 2 is not from 2 to 1, nor is `buy 3 get 1` the same as `buy 1 get 3`.
        direction = "" if self._governor == "~" else self._governor
        self._numbers.append((direction or self._previous, f"{direction} {number}".strip()))

    def _word(self, token: str, following: str, *, first: bool) -> None:
        if token in grammar.ORDINALS:
            self._put_number(str(grammar.ORDINALS[token]))
            return
        if token in grammar.NEGATIONS:
            self._negations += 1
        if token in grammar.PERSONS:
            self._persons.add(grammar.PERSONS[token])
        if token in grammar.AUXILIARIES:
            self._auxiliaries.append(token)
            if first and not self._kind:
                self._kind = "whether"
        wh = _WHO.get(token, token)
        if wh in _WH and self._kind in {"", "whether"} and token not in self._names:
            self._kind = wh
            if wh == "how" and following in grammar.MEASURES:
                self._kind = f"how {following}"
        governor = grammar.PREPOSITIONS.get(token, "")
        if governor and not (governor == "to" and self._previous in grammar.BEFORE_A_VERB):
            self._governor = governor
        # `From a to b`: here it is no article.
        is_a_name = token in self._names or (token in _ARTICLE and (not following or following in _NO_NOUN))
        if token in grammar.EMPTY and not is_a_name:
            if token not in grammar.DETERMINERS and token not in grammar.PREPOSITIONS:
                self._governor = ""
            return
        if self._kind == f"how {token}":
            return
        self._put(token, special=token in self._names or any(map(str.isdigit, token)))

    def _put(self, token: str, *, special: bool) -> None:
        self._words.append(Word(token, special, self._governor))


def spelled(tokens: list[str]) -> tuple[str, int] | None:
    """A number in words: its digits, and how many tokens it takes."""
    total = current = used = 0
    for token in tokens:
        if token in grammar.SCALES and used:
            current = max(current, 1) * grammar.SCALES[token]
            if grammar.SCALES[token] >= 1_000:
                total, current = total + current, 0
        elif token in grammar.NUMBERS and (
            current == 0 or current % 100 == 0 or (current % 10 == 0 and grammar.NUMBERS[token] < 10)
        ):
            current += grammar.NUMBERS[token]
        elif token not in _AND or not used or not current or current % 100 != 0:
            break
        used += 1
    if used and tokens[used - 1] in _AND:
        used -= 1
    return (str(total + current), used) if used else None
