"""What differs in anything that is not known to be harmless asks for something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.hybrid.cache.verifier import compare
from mcp_stack.hybrid.cache.wording import compare_wordings
from tests.support.question_flips import families


@pytest.mark.parametrize("seed", range(6))
def test_no_flip_of_any_family_passes(seed: int) -> None:
    flips = [pair for each in families(seed) for pair in each.flips]
    passing = [pair for pair in flips if compare(*pair).says_the_same or compare(*pair).rephrased]
    assert len(flips) >= 1_000
    assert passing == []


@pytest.mark.parametrize("seed", range(3))
def test_most_paraphrases_of_the_same_families_pass(seed: int) -> None:
    pairs = [pair for each in families(seed) for pair in each.paraphrases]
    assert sum(compare(*pair).says_the_same for pair in pairs) >= 0.95 * len(pairs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I move Rust crates?", "How do I move rust crates?"),
        ("Does it work in the US?", "Does it work in the us?"),
        ("does it work in the us", "Does it work in the US?"),
        ("How fast is MBps?", "How fast is Mbps?"),
        ("Is the food here good?", "Is the good food here?"),
        ("What is the news?", "What is the new?"),
        ("does curl support http by default?", "does curl support https by default?"),
        ("Does Apple pay well?", "Does apple pay well?"),
        ("¿Puedes comer gluten?", "¿Puede comer gluten?"),
        ("Wie heißt der Bruder?", "Wie heißt die Bruder?"),
        ("What does .* match?", "What does .*? match?"),
        ("What does this print?\nif a:\n    b()\nc()", "What does this print?\nif a:\n    b()\n    c()"),
        ("What is x² + 1?", "What is x2 + 1?"),
        ("Is 5! even?", "Is 5 even?"),
        ("What does a \N{ZERO WIDTH SPACE} do?", "What does a do?"),
        ("May I bring a few friends?", "May I bring few friends?"),
        ("When was Dune published?", "What year was Dune published?"),
        ("Is 3 m enough?", "Is 3 M enough?"),
        ("How do you trust me?", "How do I trust you?"),
        ("How do you feel?", "How do I feel?"),
    ],
)
def test_what_is_not_known_to_be_harmless_tells_two_questions_apart(one: str, other: str) -> None:
    assert not compare(one, other).says_the_same
    assert not compare(other, one).says_the_same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What does == mean in C++?", "what does == mean in c++"),
        ("How do I squash commits in git?", "What's the right way of squashing commits in git?"),
        ("Can you tell me what the capital of Peru is?", "What is the capital of Peru?"),
        ("Tell me the capital of Peru", "What's the capital of Peru?"),
        ("I need to renew a passport. How?", "Steps to renew a passport"),
        ("How do you reverse a list in Haskell?", "How do I reverse a list in Haskell?"),
        ("What do I have to do to cancel my order?", "How can I cancel my order?"),
        ("In what year was Dune published?", "Which year was Dune published?"),
        ("Is it possible to park here?", "Can I park here?"),
        ("Why can't I log in?", "Why can I not login?"),
        ("How do I store 5 GB in MongoDB?", "How do I store five gigabytes in mongodb?"),
        ("If I cancel, do I get a refund?", "Do I get the refund if I cancel?"),
        ("How do I back up my phone's photos?", "Hi! How can I back up the photos of my phone, please?"),
    ],
)
def test_frames_spellings_and_politeness_may_differ(one: str, other: str) -> None:
    assert compare(one, other).difference == ""
    assert compare(other, one).difference == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is a == b true?", "Is a != b true?"),
        ("What does grep -v do?", "What does grep -V do?"),
        ("Can I sue my tenant?", "Can my tenant sue me?"),
        ("Who can vote in May?", "Who must vote in May?"),
        ("How do I eat raw rice?", "Should I eat raw rice?"),
        ("Is the shop open?", "Was the shop open?"),
        ("Which dogs bite?", "Which dogs do not bite?"),
        ("How do I get from Rome to Oslo?", "How do I get from Oslo to Rome?"),
    ],
)
def test_no_likelihood_overrules_what_turns_a_question(one: str, other: str) -> None:
    assert compare(one, other).is_a_flip


def test_an_exchanged_word_alone_may_be_overruled_by_what_was_learned() -> None:
    assert not compare("Why was my payment declined?", "Why was my payment refused?").is_a_flip


@given(st.text(max_size=60), st.characters(categories=("Sm", "So", "Sc", "Lo", "Mn", "Po")))
def test_a_symbol_more_in_the_middle_is_another_question(text: str, symbol: str) -> None:
    one, other = f"What does {text} print?", f"What does {text} {symbol} print?"
    assert not compare_wordings(one, other).same
