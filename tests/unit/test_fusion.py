"""Two rankings made one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.aidb.knowledge.fusion import MEANING_WEIGHT, Leg, contenders, fused

SHARES = st.dictionaries(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.floats(0.01, 1), min_size=1)


def best(scores: dict[str, float], limit: int) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit])


def test_a_document_of_both_legs_beats_one_of_a_single_leg() -> None:
    scores = fused({"both": 0.5, "words": 0.6}, {"both": 0.5, "meaning": 0.6})
    assert max(scores, key=scores.__getitem__) == "both"
    assert scores["both"] == pytest.approx(0.5)


def test_a_leg_without_documents_has_no_say() -> None:
    assert fused({"a": 0.3}, {}) == {"a": 0.3}
    assert fused({}, {"a": 0.3}) == {"a": 0.3}
    assert fused({}, {}) == {}
    assert contenders(Leg({"a": 0.3}), Leg({}), 5) == ([], [])


def test_a_document_without_vectors_counts_as_one_of_little_similarity() -> None:
    scores = fused({"a": 0.4}, {"b": 0.3}, without_meaning=0.2)
    assert scores["a"] == pytest.approx((1 - MEANING_WEIGHT) * 0.4 + MEANING_WEIGHT * 0.2)


@given(SHARES, SHARES, st.integers(1, 10), st.integers(1, 10))
def test_looking_up_the_contenders_gives_the_same_best_as_knowing_everything(
    words: dict[str, float], meaning: dict[str, float], candidates: int, limit: int
) -> None:
    everything = fused(words, meaning)
    by_words, by_meaning = best(words, candidates), best(meaning, candidates)
    words_floor = min(by_words.values()) if len(by_words) == candidates else 0.0
    unknown_words, unknown_meaning = contenders(
        Leg(by_words, words_floor), Leg(by_meaning, min(by_meaning.values())), limit
    )
    by_words |= {key: words[key] for key in unknown_words if key in words}
    by_meaning |= {key: meaning[key] for key in unknown_meaning if key in meaning}
    found = best(fused(by_words, by_meaning), limit)
    for key, score in found.items():
        assert score == pytest.approx(everything[key])
    candidates_of_both = {key: score for key, score in everything.items() if key in by_words or key in by_meaning}
    assert list(found.values()) == pytest.approx(list(best(candidates_of_both, limit).values()))
