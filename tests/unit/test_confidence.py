"""How likely a good local answer is, part by part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.hybrid.confidence import Asked, ConfidenceEstimator, Estimate
from mcp_stack.hybrid.confidence.features import read_query
from mcp_stack.hybrid.confidence.fitting import fit_outcomes
from mcp_stack.hybrid.confidence.outcome_model import Labelled, OutcomeModel
from mcp_stack.ports.chat import Completion, Message
from mcp_stack.settings.hybrid import Budget, Hybrid

MESSAGES = [Message("user", "Question: What is the capital of France?")]
EASY = "Please name the capital of France."
HARD = "Compute 17 * 23 + 4 / 9 - 12 ^ 3, step by step, with all digits."


class Judge:
    """A local model that says how sure it is, and counts how often it was asked."""

    name = "judge"

    def __init__(self, p_true: float, seconds: float | None = None, *, fails: bool = False) -> None:
        self.p_true, self.seconds, self.fails = p_true, seconds, fails
        self.asked = 0

    async def probability_true(self, messages: Sequence[Message], question: str) -> float:
        self.asked += 1
        if self.fails:
            raise UnavailableError("the model is gone", "bring it back")
        return self.p_true

    def judgement_seconds(self, messages: Sequence[Message]) -> float | None:
        return self.seconds

    async def complete(self, messages: Sequence[Message], max_tokens: int) -> Completion:
        return Completion("", self.name, 0, 0)

    async def stream(self, messages: Sequence[Message], max_tokens: int) -> AsyncIterator[str | Completion]:
        yield Completion("", self.name, 0, 0)

    async def close(self) -> None:
        pass


def learned(count: int = 400) -> OutcomeModel:
    """A model that knows that every other question is easy for the local model, and the rest are hard."""
    texts = (EASY, HARD)
    seen = [Labelled(read_query(f"{texts[n % 2]} {n}", None, 0.0), 1.0 - n % 2, 1.0) for n in range(count)]
    model = fit_outcomes(seen)
    assert model is not None
    return model


async def estimate(
    text: str,
    judge: Judge | None = None,
    *,
    model: OutcomeModel | None = None,
    relevance: float = 0.0,
    settings: Hybrid | None = None,
) -> Estimate:
    async def models() -> OutcomeModel | None:
        return model

    estimator = ConfidenceEstimator(models, settings or Hybrid())
    return await estimator.estimate(Asked(text, None, relevance), judge, MESSAGES)


def names(found: Estimate) -> list[str]:
    return [part.name for part in found.parts]


async def test_before_any_outcome_the_prior_is_stated_as_one() -> None:
    found = await estimate(EASY, relevance=0.8)
    assert names(found) == ["prior", "retrieval", "query features"]
    assert "a prior, for no outcome was seen yet" in found.reason
    assert found.value == pytest.approx(0.5 + 0.4 * 0.8)
    assert found.parts[0].value == pytest.approx(found.value)
    assert found.gain == pytest.approx(found.remote - found.value, abs=1e-3)


async def test_the_prior_rises_with_relevance_and_falls_with_length() -> None:
    assert (await estimate(EASY, relevance=0.9)).value > (await estimate(EASY, relevance=0.2)).value
    assert (await estimate(EASY)).value > (await estimate(EASY * 30)).value
    assert (await estimate("")).value == (await estimate(EASY)).value


async def test_before_any_outcome_a_judgement_is_what_counts() -> None:
    sure, unsure = await estimate(EASY, Judge(0.97)), await estimate(EASY, Judge(0.03), relevance=0.9)
    assert (sure.value, unsure.value) == (0.97, 0.03)
    assert sure.reason == "the local model's P(True) 0.97"
    assert (sure.p_true, unsure.p_true) == (0.97, 0.03)
    assert sure.gain < 0 < unsure.gain


async def test_once_outcomes_were_seen_their_number_is_told_and_the_judgement_is_one_part_of_several() -> None:
    found = await estimate(EASY, Judge(0.1), model=learned(60), settings=Hybrid(local_confidence_threshold=0.9))
    assert names(found) == ["outcome model", "P(True)", "retrieval", "query features"]
    assert "learned from 60 local and 60 remote answers" in found.reason
    assert 0.1 < found.value < found.parts[0].value


async def test_a_judgement_that_could_change_nothing_is_not_asked_for() -> None:
    judge = Judge(0.5)
    found = await estimate(HARD, judge, model=learned())
    assert (judge.asked, found.p_true) == (0, None)
    assert found.value < 0.1
    await estimate(EASY, judge, model=learned(), settings=Hybrid(local_confidence_threshold=0.97))
    assert judge.asked == 1


async def test_in_the_budget_mode_the_outcome_model_ranks_and_no_judgement_is_asked_for() -> None:
    judge = Judge(0.5)
    budget = Hybrid(budget=Budget(max_remote_share=0.2), local_confidence_threshold=0.97)
    assert (await estimate(EASY, judge, model=learned(), settings=budget)).p_true is None
    assert judge.asked == 0


@pytest.mark.parametrize(("seconds", "asked"), [(None, 1), (1.9, 1), (2.1, 0)])
async def test_a_judgement_that_would_take_too_long_is_not_asked_for(seconds: float | None, asked: int) -> None:
    judge = Judge(0.9, seconds)
    found = await estimate(EASY, judge)
    assert judge.asked == asked
    assert (found.p_true is not None) == bool(asked)


async def test_a_judgement_that_fails_leaves_the_other_parts() -> None:
    found = await estimate(EASY, Judge(0.9, fails=True))
    assert names(found) == ["prior", "retrieval", "query features"]


async def test_the_features_that_are_there_are_told() -> None:
    told = (await estimate(HARD)).parts[-1].reason
    assert "numbers" in told
    assert "formula signs" in told
    assert "code" not in told
