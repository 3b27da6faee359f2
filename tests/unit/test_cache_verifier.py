"""Two questions that are near in meaning ask for the same, or they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.hybrid.cache.lexicon import opposite, same_meaning
from mcp_stack.hybrid.cache.verifier import compare
from tests.support.question_templates import variations


@pytest.mark.parametrize("seed", range(20))
def test_no_flip_of_any_template_passes(seed: int) -> None:
    passing = [
        (each.question, flip)
        for each in variations(seed)
        for flip in each.flips
        if compare(each.question, flip).says_the_same or compare(each.question, flip).rephrased
    ]
    assert passing == []


@pytest.mark.parametrize("seed", range(5))
def test_most_paraphrases_of_the_same_templates_pass(seed: int) -> None:
    pairs = [(each.question, other) for each in variations(seed) for other in each.paraphrases]
    passing = [pair for pair in pairs if compare(*pair).says_the_same]
    assert len(passing) >= 0.9 * len(pairs)


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ("Do all users need a license?", "Do any users need a license?", "another word"),
        ("Convert 10 USD to EUR", "Convert 10 EUR to USD", "another number"),
        ("How do I convert PDF to Word?", "How do I convert Word to PDF?", "another order of words"),
        ("Does Ana like Ben?", "Does Ben like Ana?", "another order of words"),
        ("Who directed Alien?", "Who directed Aliens?", "another name"),
        ("Does it support HTTP?", "Does it support HTTPS?", "another name"),
        ("Open main.py", "Open main.rs", "another name"),
        ("What does --force do?", "What does --dry-run do?", "another name"),
        ("events before 2020", "events after 2020", "another number"),
        ("buy 3 get 1 free", "buy 1 get 3 free", "another number"),
        ("Set temperature to -5", "Set temperature to 5", "another number"),
        ("what is 20% of 50", "what is 50% of 20", "another number"),
        ("move files from a to b", "move files from b to a", "another order of words"),
        ("Upgrade to v2.1", "Upgrade to v2.10", "another number"),
        ("boil it for 5 minutes", "boil it for 5 hours", "another number"),
        ("What is my balance?", "What is your balance?", "another kind of question"),
        ("When did the sale start?", "When will the sale start?", "another kind of question"),
        ("Why does it restart?", "When does it restart?", "another kind of question"),
        ("Should I freeze it?", "Can I freeze it?", "another kind of question"),
        ("Is the service up?", "Is the service down?", "an opposite"),
        ("Is it safe to eat?", "Is it unsafe to eat?", "an opposite"),
        ("I can log in", "I can't log in", "a negation"),
        ("what is postgres", "what is mysql", "another word"),
        ("Wie installiere ich numpy?", "How do I install numpy?", "another word"),
        ("如何安装", "如何卸载", "another word"),
        ("???", "!!!", "another word"),
    ],
)
def test_what_tells_two_questions_apart_is_named(one: str, other: str, difference: str) -> None:
    assert compare(one, other).difference == difference
    assert compare(other, one).difference == difference


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How long should I boil 10 eggs?", "how long should I boil ten eggs"),
        ("How to upgrade python3.11?", "How do I upgrade Python 3.11 please"),
        ("On Linux, how do I list open ports?", "How do I list open ports on Linux?"),
        ("What is the capital of France?", "What's France's capital?"),
        ("How do I delete a branch in git?", "What is the best way to remove a branch in git?"),
        ("Why is my card not working?", "Why isn't my card working?"),
        ("What is the number of planets?", "How many planets are there?"),
        ("How do I create an index in PostgreSQL?", "How do I make an index in Postgres?"),
        ("Set the colour", "Set the color"),
        ("How do I increase the heap size of the JVM?", "How can I raise the JVM's heap size?"),
        ("How much does a ticket cost?", "What is the price of a ticket?"),
        ("Where is Dover?", "Where is Dover located?"),
        ("disk of 1,000 GB", "disk of 1000 gigabytes"),
        ("On Ubuntu 22.04, how do I install Python 3.11?", "How do I install Python 3.11 on Ubuntu 22.04?"),
        ("twenty five users", "25 users"),
    ],
)
def test_what_asks_for_the_same_passes(one: str, other: str) -> None:
    assert compare(one, other).difference == ""


def test_a_long_text_in_other_words_is_told_from_one_with_a_word_exchanged() -> None:
    text = "Datasets keeps a large table on disk and maps the file into memory, so that little memory suffices."
    reworded = (
        "Datasets stores a big table on disk and maps its file into memory, so that only little memory is required."
    )
    exchanged = text.replace("table", "image")
    turned = reworded.replace("on disk", "in memory").replace("into memory", "onto disk")
    assert compare(text, reworded).rephrased
    assert not compare(text, exchanged).rephrased
    assert not compare(text, exchanged).says_the_same
    assert not compare(text, turned).rephrased
    assert not compare(text + "?", reworded).rephrased, "of a question every word counts"


@pytest.mark.parametrize(
    ("one", "other"), [("plan", "plane"), ("rat", "rates"), ("important", "import"), ("car", "care")]
)
def test_words_that_look_alike_are_no_inflections_of_each_other(one: str, other: str) -> None:
    assert not same_meaning(one, other)


@given(st.text(max_size=200))
def test_every_text_says_the_same_as_itself(text: str) -> None:
    assert compare(text, text).says_the_same


@given(st.text(max_size=80), st.text(max_size=80))
def test_which_of_two_comes_first_does_not_matter(one: str, other: str) -> None:
    assert compare(one, other).says_the_same == compare(other, one).says_the_same


@given(st.integers(2, 10**6), st.integers(2, 10**6))
def test_other_numbers_are_another_question(one: int, other: int) -> None:
    said = compare(f"Can I store {one} files?", f"Can I store {other} files?")
    assert said.numbers == (one != other)


@pytest.mark.parametrize(
    ("one", "other"), [("install", "uninstall"), ("increase", "decrease"), ("useful", "useless"), ("hot", "cold")]
)
def test_opposites_are_known_and_mean_nothing_the_same(one: str, other: str) -> None:
    assert opposite(one, other)
    assert not same_meaning(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caches", "caching"),
        ("installation", "install"),
        ("biggest", "largest"),
        ("wrote", "write"),
        ("begin", "start"),
    ],
)
def test_inflections_derivations_and_synonyms_stand_for_each_other(one: str, other: str) -> None:
    assert same_meaning(one, other)
    assert not opposite(one, other)
