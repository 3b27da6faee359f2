"""Words, their ranking, categories of cost: what the search for tools computes without a model or a store."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.aidb.gateway.bm25f import K1, B, Bm25f
from mcp_stack.aidb.gateway.terms import spaced, terms
from mcp_stack.aidb.gateway.tokens import SUMMARY_CHARACTERS, listed_tokens, summary
from tests.support.tools import known

WORDS = ["red", "green", "blue", "black"]


@pytest.mark.parametrize(
    ("text", "stems"),
    [
        ("readFile", ["read", "file"]),
        ("read_files", ["read", "file"]),
        ("HTTPServer-list", ["http", "server", "list"]),
        ("Creating the creations", ["creat", "creation"]),
        ("the of and to", []),
        ("getBaziDetail2", ["get", "bazi", "detail2"]),
        ("\u83b7\u53d6\u7f51\u9875", ["\u83b7\u53d6", "\u53d6\u7f51", "\u7f51\u9875"]),
        ("\uff26\uff35\uff2c\uff2c caf\u00e9", ["full", "caf\u00e9"]),
    ],
)
def test_identifiers_and_sentences_have_the_same_words(text: str, stems: list[str]) -> None:
    assert terms(text) == stems


def test_identifiers_are_read_as_words() -> None:
    assert spaced("mcp_howtocook_recommendMeals") == "mcp howtocook recommend meals"


@given(st.text(max_size=200))
def test_any_text_has_words(text: str) -> None:
    assert all(word and word == word.strip() for word in terms(text))


@given(
    documents=st.lists(
        st.fixed_dictionaries({"name": st.lists(st.sampled_from(WORDS)), "text": st.lists(st.sampled_from(WORDS))}),
        max_size=6,
    ),
    query=st.lists(st.sampled_from([*WORDS, "white"]), max_size=5),
)
def test_scores_are_those_of_the_formula(documents: list[dict[str, list[str]]], query: list[str]) -> None:
    weights = {"name": 3.0, "text": 1.0}

    scores = Bm25f(documents, weights).scores(query)

    assert scores.tolist() == pytest.approx(_by_the_formula(documents, weights, query), rel=1e-5)


def _by_the_formula(
    documents: Sequence[dict[str, list[str]]], weights: dict[str, float], query: Sequence[str]
) -> list[float]:
    size = len(documents)
    means = {field: max(1.0, sum(len(each[field]) for each in documents) / max(1, size)) for field in weights}
    scores = [0.0] * size
    for word in set(query):
        holding = sum(any(word in each[field] for field in weights) for each in documents)
        for number, each in enumerate(documents):
            frequency = sum(
                weight * Counter(each[field])[word] / (1 - B + B * len(each[field]) / means[field])
                for field, weight in weights.items()
            )
            if holding:
                rarity = math.log(1 + (size - holding + 0.5) / (holding + 0.5))
                scores[number] += rarity * frequency * (K1 + 1) / (frequency + K1)
    return scores


def test_a_thousand_documents_are_searched_in_a_blink() -> None:
    chosen = random.Random(1)
    words = [f"word{number}" for number in range(2000)]
    index = Bm25f([{"text": chosen.choices(words, k=60)} for _ in range(1000)], {"text": 1.0})

    assert np.count_nonzero(index.scores(words[:5])) > 50


def test_a_summary_is_the_first_sentence_cut_at_a_word() -> None:
    short = known("s.short", "Adds numbers. Only integers are allowed.")
    long = known("s.long", "Finds " + "every single thing that anybody has ever " * 9)
    nameless = known("s.nameless", "", title="Does it")

    assert summary(short, 0.123456, with_schema=False).model_dump() == {
        "name": "s.short",
        "summary": "Adds numbers.",
        "score": 0.12,
        "server_status": "known",
    }
    assert len(summary(long, 0, with_schema=False).summary) <= SUMMARY_CHARACTERS
    assert summary(long, 0, with_schema=False).summary.endswith(" that anybody…")
    assert summary(nameless, 0, with_schema=False).summary == "Does it"


def test_the_schema_comes_on_demand() -> None:
    tool = known("s.tool", "Adds.", input_schema={"type": "object", "properties": {"a": {"type": "number"}}})

    assert summary(tool, 1, with_schema=True).model_dump()["input_schema"] == tool.input_schema
    assert "input_schema" not in summary(tool, 1, with_schema=False).model_dump()
    assert listed_tokens(tool) > listed_tokens(known("s.tool", "Adds."))
