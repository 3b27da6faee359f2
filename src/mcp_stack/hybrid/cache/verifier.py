"""Whether two questions that are near in meaning ask for the same."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from .lexicon import inflected, opposite, same_meaning
from .reading import Reading, Word, read
from .wording import Wordings, compare_wordings

# A text is long from so many words of content. There, one word exchanged is still something else; several are a text
# in other words.
LONG = 8
SEVERAL = 3
MOSTLY_THE_SAME = 0.6
NEARLY_THE_SAME = 0.8


@dataclass(frozen=True, slots=True)
class Details:
    """What words of content and of grammar tell apart; see `Comparison`."""

    numbers: bool
    negation: bool
    opposites: bool
    names: bool
    kind: bool
    order: bool
    words: bool
    overlap: float
    one_word: bool
    long_in_other_words: bool


class Comparison:
    """What tells two questions apart.

    One substituted word is enough to ask for something else. So the questions say the same where they differ in nothing
    but what is known to be harmless. The rest tells how they differ; it is found out when it is asked for.

    Args:
        first: A question.
        second: Another one; which is which does not matter.
    """

    def __init__(self, first: str, second: str) -> None:
        self._texts = first, second

    @functools.cached_property
    def _wordings(self) -> Wordings:
        return compare_wordings(*self._texts)

    @functools.cached_property
    def _details(self) -> Details:
        return _compared(*self._texts)

    @property
    def says_the_same(self) -> bool:
        """Nothing differs but what is known to be harmless."""
        return self._wordings.same

    @property
    def rephrased(self) -> bool:
        """Both are long statements and differ by several words.

        None of these tells by itself that something else is said, and those in common come in the same order.
        """
        if any(mark in text for text in self._texts for mark in "?!"):
            return False
        details = self._details
        is_told_apart = details.numbers or details.negation or details.opposites or details.names or details.kind
        return details.long_in_other_words and not (is_told_apart or self.symbols)

    @property
    def symbols(self) -> bool:
        """A symbol, flag or identifier that the other lacks, or writes with other capitals."""
        return self._wordings.symbols

    @property
    def turned(self) -> bool:
        """They differ in nothing but who, how, whether, may, must, was, will, not, pronouns and the order."""
        return self._wordings.turned

    @property
    def numbers(self) -> bool:
        """Other numbers, versions or amounts."""
        return self._details.numbers

    @property
    def negation(self) -> bool:
        """One says no where the other does not."""
        return self._details.negation

    @property
    def opposites(self) -> bool:
        """A word of the one means the contrary of a word of the other."""
        return self._details.opposites

    @property
    def names(self) -> bool:
        """A name, identifier, file or flag that the other lacks."""
        return self._details.names

    @property
    def kind(self) -> bool:
        """How and why, may and must, was and will be, mine and yours."""
        return self._details.kind

    @property
    def overlap(self) -> float:
        """Share of the words of content that they have in common, in [0, 1]."""
        return self._details.overlap

    @property
    def is_a_flip(self) -> bool:
        """They are nearly the same, but for something that no likelihood may overrule."""
        nearly = self.numbers or self.negation or self.opposites or self.symbols
        word = self.numbers or self.opposites or self.names or self.symbols
        return self.turned or (self.overlap >= NEARLY_THE_SAME and nearly) or (self._details.one_word and word)

    @property
    def difference(self) -> str:
        """What tells them apart, in words; empty where they say the same."""
        if self.says_the_same:
            return ""
        for differs, what in (
            (self.numbers, "another number"),
            (self.negation, "a negation"),
            (self.opposites, "an opposite"),
            (self.names, "another name"),
            (self.kind, "another kind of question"),
            (self._details.order, "another order of words"),
            (self._details.words, "another word"),
            (self.symbols, "another symbol"),
        ):
            if differs:
                return what
        return "another wording"


@functools.lru_cache(maxsize=16_384)
def compare(first: str, second: str) -> Comparison:
    """Compare two questions; see `Comparison`."""
    return Comparison(first, second)


def _compared(first: str, second: str) -> Details:
    one, other = read(first), read(second)
    pairs, left, right = _matched(one.words, other.words)
    total = len(one.words) + len(other.words)
    same_text = one.plain == other.plain
    overlap = 2 * len(pairs) / total if total else float(same_text)
    are_statements = not (one.kind or other.kind or one.persons or other.persons)
    is_long = min(len(one.words), len(other.words)) >= LONG
    several = len(left) + len(right) >= SEVERAL and overlap >= MOSTLY_THE_SAME
    return Details(
        numbers=one.numbers != other.numbers,
        negation=one.negations != other.negations,
        opposites=any(opposite(a.text, b.text) for a in left for b in right),
        names=any(word.special for word in (*left, *right)),
        kind=_asks_otherwise(one, other),
        order=_in_another_order(pairs, one.words),
        # Without a word of content there is nothing to go by.
        words=bool(left or right or (total == 0 and not same_text)),
        overlap=overlap,
        one_word=max(len(left), len(right)) <= 1,
        long_in_other_words=are_statements and is_long and several and _in_one_order(pairs, one.words),
    )


def _matched(first: Sequence[Word], second: Sequence[Word]) -> tuple[list[tuple[Word, Word]], list[Word], list[Word]]:
    """Words that stand for each other, in the second one's order, and those left over; the very same words first."""
    partner: dict[int, Word] = {}
    free = dict(enumerate(first))
    for stands_for in (_are_equal, _mean_the_same):
        for place, word in enumerate(second):
            if place in partner:
                continue
            found = next((other for other, candidate in free.items() if stands_for(candidate, word)), None)
            if found is not None:
                partner[place] = free.pop(found)
    pairs = [(partner[place], word) for place, word in enumerate(second) if place in partner]
    return pairs, list(free.values()), [word for place, word in enumerate(second) if place not in partner]


def _are_equal(one: Word, other: Word) -> bool:
    if one.text == other.text:
        return True
    return not (one.special and other.special) and inflected(one.text, other.text)


def _mean_the_same(one: Word, other: Word) -> bool:
    # A name has synonyms (US, USA), but no inflections (Alien, Aliens).
    if one.special and other.special and inflected(one.text, other.text):
        return False
    return same_meaning(one.text, other.text)


def _asks_otherwise(one: Reading, other: Reading) -> bool:
    if one.kind and other.kind and one.kind != other.kind:
        return True
    if one.kind == other.kind == "whether" and one.mode != other.mode:
        return True
    if one.tense and other.tense and one.tense != other.tense:
        return True
    return bool(one.persons and other.persons and one.persons != other.persons)


def _in_one_order(pairs: Sequence[tuple[Word, Word]], first: Sequence[Word]) -> bool:
    """Whether the words that both have come in the same order, and none under two prepositions that tell directions."""
    place = {id(word): number for number, word in enumerate(first)}
    places = [place[id(a)] for a, _ in pairs]
    none = {"", "~"}
    return places == sorted(places) and all(
        a.governor == b.governor or {a.governor, b.governor} & none for a, b in pairs
    )


def _in_another_order(pairs: Sequence[tuple[Word, Word]], first: Sequence[Word]) -> bool:
    """Whether the words that both have depend on other prepositions, or come in another order.

    A phrase may move as a whole (`on Linux, how do I ...`), and may lose a preposition that tells no direction (`the
    capital of France`, `France's capital`).

    Args:
        pairs: Words that stand for each other, in the order of the second text.
        first: Words of the first text, in theirs.
    """
    changed = {(a.governor, b.governor) for a, b in pairs if a.governor != b.governor}
    if changed and changed not in ({("~", "")}, {("", "~")}):
        return True
    place = {id(word): number for number, word in enumerate(first)}
    for governor in {a.governor for a, _ in pairs}:
        places = [place[id(a)] for a, b in pairs if a.governor == b.governor == governor]
        if places != sorted(places):
            return True
    return False
