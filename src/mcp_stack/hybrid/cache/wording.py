"""Whether two questions differ in nothing but what is known to be harmless.

Each is brought into one form: politeness and the frame of the question (`frames`), contractions, articles, numbers and
units in words. What is left is compared token by token, in order. So pronouns, prepositions, particles, quantifiers,
modals, tense, and who does what to whom need no rules of their own: where they differ, the tokens do.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from . import grammar
from .capitals import is_like_code, is_name_in_lower_case, same_case, tells_case, without_capital
from .frames import rewritten
from .lexicon import is_english, same_form, surely_the_same
from .tokens import MARKS, Token, tokens_of

# Longer ones are compared by their very text.
LONGEST = 1_000
_PRIVATE = 0xE000
_ARTICLES = frozenset(("a", "an", "the"))
# With an article they are something else: `a few`, `the most`.
_WITH_ARTICLE = frozenset(
    ("few", "little", "lot", "most", "more", "less", "least", "fewer", "other", "others", "only", "same", "half")
)
_NO_NOUN = MARKS | grammar.PREPOSITIONS.keys() | {"", "and", "or"}
_SAME_WORD = {
    "are": "is",
    "am": "is",
    "were": "was",
    "has": "have",
    "does": "do",
    "okay": "ok",
    "towards": "toward",
    "till": "until",
    "til": "until",
    "versus": "vs",
}
_ASKED_ALIKE = {"which": "what", "whom": "who", "need": "must", "would": "can", "could": "can"}
# They come and go with the order of words: `what do I need`, `tell me what I need`.
_WITHOUT_KIND = frozenset(("do", "is", "be", "been", "have"))


@dataclass(frozen=True, slots=True)
class Wording:
    """A question in the form that it is compared in.

    Attributes:
        tokens: In order.
        tells_case: Whether capitals tell names from words: not where there is none, or nothing else.
        is_english: Whether the rules of English hold.
    """

    tokens: tuple[Token, ...]
    tells_case: bool
    is_english: bool


@dataclass(frozen=True, slots=True)
class Wordings:
    """How two wordings differ.

    Attributes:
        same: In nothing that is not known to be harmless.
        symbols: A symbol, flag, path, identifier or the like is missing on either side, or the capitals of one differ.
        turned: Another question made of the same words: they differ in nothing but the order, in pronouns, and in words
            that ask (how, who), tell a mode or a tense (may, must, was, will), or negate.
    """

    same: bool
    symbols: bool
    turned: bool


def compare_wordings(first: str, second: str) -> Wordings:
    """Compare two questions; which is which does not matter."""
    lines = _lines(first), _lines(second)
    if lines[0] == lines[1]:
        return Wordings(same=True, symbols=False, turned=False)
    # In several lines there may be code, where an indentation matters.
    if max(len(first), len(second)) > LONGEST or max(map(len, lines)) > 1:
        return Wordings(same=False, symbols=False, turned=False)
    one, other = worded(first), worded(second)
    same = _are_the_same(one, other)
    return Wordings(same=same, symbols=_other_symbols(one, other), turned=not same and _is_turned(one, other))


def _lines(text: str) -> list[str]:
    lines = text.strip().splitlines()
    return [line.rstrip() for line in lines] if len(lines) > 1 else [" ".join(text.split())]


def _are_the_same(one: Wording, other: Wording) -> bool:
    if not one.tokens or len(one.tokens) != len(other.tokens):
        return False
    if one.is_english != other.is_english:
        return False
    asks_how_to = [token.text for token in one.tokens[:2]] == ["how", "to"]
    for place, (a, b) in enumerate(zip(one.tokens, other.tokens, strict=True)):
        # What has a version is a name, with a capital or without.
        has_version = place + 1 < len(one.tokens) and one.tokens[place + 1].text[0].isdigit()
        tells_case = one.tells_case and other.tells_case and not has_version
        begins = place == 2 and asks_how_to
        if not (_is_the_same(a, b, tells_case=tells_case) or (one.is_english and _stands_for(a, b, gerund=begins))):
            return False
    return True


@functools.lru_cache(maxsize=4_096)
def worded(text: str) -> Wording:
    """Bring a question into the form that it is compared in."""
    tokens = tokens_of(text)
    if tokens and not tokens[0].code:
        tokens[0] = Token(without_capital(tokens[0].text), code=False)
    code = [token for token in tokens if token.code]
    numbered = iter(range(len(code)))
    said = " ".join(chr(_PRIVATE + next(numbered)) if token.code else token.text for token in tokens)
    words = rewritten(said).split()
    is_english = not grammar.ENGLISH.isdisjoint(word.lower() for word in words)
    return Wording(tuple(_kept(words, code, is_english=is_english)), tells_case(text), is_english)


def _kept(words: Sequence[str], code: Sequence[Token], *, is_english: bool) -> list[Token]:
    found: list[Token] = []
    for place, word in enumerate(words):
        before = words[place - 1].lower() if place else ""
        following = words[place + 1].lower() if place + 1 < len(words) else ""
        if len(word) == 1 and _PRIVATE <= ord(word) < _PRIVATE + len(code):
            found.append(code[ord(word) - _PRIVATE])
        elif not (word == "," and before not in grammar.NEGATIONS) and not (
            is_english and _is_article(word, following)
        ):
            found.append(Token(_SAME_WORD.get(word.lower(), "i" if word == "I" else word), code=False))
    return found


def _is_article(word: str, following: str) -> bool:
    # `From a to b`, hepatitis A: here it is none.
    is_one = word != "A" and word.lower() in _ARTICLES
    return is_one and following not in _WITH_ARTICLE and following not in _NO_NOUN


def _is_the_same(one: Token, other: Token, *, tells_case: bool) -> bool:
    a, b = one.text, other.text
    if one == other or a.lower() != b.lower() or one.code != other.code:
        return one == other
    if not one.code:
        return same_case(a, b, tells_case=tells_case)
    return not tells_case and is_name_in_lower_case(a, b)


def _stands_for(one: Token, other: Token, *, gerund: bool) -> bool:
    a, b = one.text.lower(), other.text.lower()
    if one.code or other.code or not grammar.CLOSED.isdisjoint((a, b)):
        return False
    if one.text == a and other.text == b:
        return same_form(a, b, gerund=gerund) or surely_the_same(a, b)
    # A name has other names (US, USA), but no inflections (Alien, Aliens).
    same_kind = one.text.islower() == other.text.islower() or not (is_english(a) or is_english(b))
    return same_kind and a != b and surely_the_same(a, b)


def _other_symbols(one: Wording, other: Wording) -> bool:
    first, second = (Counter(_symbols(each)) for each in (one, other))
    if first == second:
        return False
    if one.tells_case and other.tells_case:
        return True
    return Counter(each.lower() for each in first.elements()) != Counter(each.lower() for each in second.elements())


def _symbols(wording: Wording) -> list[str]:
    return [token.text for token in wording.tokens if token.code or is_like_code(token.text)]


def _is_turned(one: Wording, other: Wording) -> bool:
    if _asks(one) != _asks(other):
        # A wish or a complaint is put in place of a question, and tells little of its kind.
        return False
    first, second = _without(one, grammar.TURNING | {"i", "to"}), _without(other, grammar.TURNING | {"i", "to"})
    if first and _asked(one) != _asked(other) and _are_aligned(first, second):
        return True
    pronouns = _pronouns(one), _pronouns(other)
    left_out = grammar.TURNING | grammar.PRONOUNS
    first, second = _without(one, left_out), _without(other, left_out)
    if len(pronouns[0]) == len(pronouns[1]) and pronouns[0] != pronouns[1] and first and _are_aligned(first, second):
        return True
    return _are_exchanged(_texts(first), _texts(second)) or (
        pronouns[0] != pronouns[1] and Counter(_texts(first)) == Counter(_texts(second))
    )


def _asked(wording: Wording) -> set[str]:
    words = {_ASKED_ALIKE.get(word, word) for word in _texts(wording.tokens)}
    return (words & grammar.TURNING) - _WITHOUT_KIND


def _asks(wording: Wording) -> bool:
    return bool(wording.tokens) and wording.tokens[0].text.lower() in grammar.TURNING


def _are_aligned(first: Sequence[Token], second: Sequence[Token]) -> bool:
    return len(first) == len(second) and all(
        _is_the_same(a, b, tells_case=False) or _stands_for(a, b, gerund=False)
        for a, b in zip(first, second, strict=True)
    )


def _are_exchanged(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two parts have changed places around a third: A to B, B to A. A part that moved by itself is none."""
    if first == second or Counter(first) != Counter(second):
        return False
    begin = next(place for place, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
    end = next(place for place, (a, b) in enumerate(zip(first[::-1], second[::-1], strict=True)) if a != b)
    one, other = list(first[begin : len(first) - end]), list(second[begin : len(second) - end])
    return not any(one[place:] + one[:place] == other for place in range(1, len(one)))


def _without(wording: Wording, left_out: frozenset[str]) -> list[Token]:
    return [token for token in wording.tokens if token.text.lower() not in left_out and token.text not in MARKS]


def _texts(tokens: Sequence[Token]) -> list[str]:
    return [token.text.lower() for token in tokens]


def _pronouns(wording: Wording) -> list[str]:
    return [token.text.lower() for token in wording.tokens if token.text.lower() in grammar.PRONOUNS]
