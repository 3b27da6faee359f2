"""A local answer is judged: by checks, and where they leave it open by the model that gave it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from mcp_stack.hybrid.prompts import conversation
from mcp_stack.hybrid.quality import Judge, asked, assess, defect_of, inspect, unfitted
from mcp_stack.llm.llama_cpp import LlamaCppChat
from mcp_stack.ports.chat import Completion, Message
from mcp_stack.ports.retrieval import Passage
from tests.support.tiny_gguf import write_knowing_gguf

CAPITAL = "Is it true that the capital of France is Paris?"


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_knowing_gguf(tmp_path_factory.mktemp("model") / "knowing.gguf")


@pytest.fixture
async def model(gguf: Path) -> AsyncIterator[LlamaCppChat]:
    chat = LlamaCppChat(gguf)
    yield chat
    await chat.close()


class SlowJudge(LlamaCppChat):
    """The same model on a machine on which a judgement takes ten seconds."""

    def judgement_seconds(self, messages: Sequence[Message]) -> float | None:
        return 10.0


def answer(text: str, *, truncated: bool = False) -> Completion:
    return Completion(text, "knowing", tokens_in=10, tokens_out=10, truncated=truncated)


async def test_a_right_answer_that_no_check_speaks_against_is_judged_by_the_model(model: LlamaCppChat) -> None:
    quality = await assess(model, conversation(CAPITAL, {}, []), answer("The capital of France is Paris."), 0)
    assert quality.value >= 0.8
    assert "judges its answer" in quality.reason
    assert quality.judged is not None


async def test_a_wrong_one_is_seen_by_the_model_that_gave_it(model: LlamaCppChat) -> None:
    quality = await assess(model, conversation(CAPITAL, {}, []), answer("The capital of France is Rome."), 0)
    assert quality.value < 0.8
    assert quality.judged is not None


async def test_a_plain_defect_settles_it_and_the_model_is_not_asked(model: LlamaCppChat) -> None:
    for text, truncated in (("", False), ("Paris is", True), ("I do not know.", False), ("Paris. " * 60, False)):
        quality = await assess(model, conversation(CAPITAL, {}, []), answer(text, truncated=truncated), 0)
        assert (quality.value, quality.judged) == (0.0, None)
    assert model.status == "unloaded"


async def test_a_miscalculation_is_worse_than_what_the_model_could_outweigh(model: LlamaCppChat) -> None:
    question = "A pen costs 3 dollars. How much do 12 pens cost?"
    wrong = await assess(model, conversation(question, {}, []), answer("12 * 3 = 48, so they cost 48 dollars."), 0)
    assert wrong.value < 0.3
    assert "12 * 3 = 48, which is 36" in wrong.reason
    assert model.status == "unloaded"


async def test_a_judgement_that_takes_longer_than_allowed_is_not_asked_for(gguf: Path) -> None:
    slow = SlowJudge(gguf)
    messages = conversation(CAPITAL, {}, [])
    in_time = await assess(slow, messages, answer("The capital of France is Rome."), 0, seconds_allowed=2.0)
    assert (in_time.judged, slow.status) == (None, "unloaded")
    at_leisure = await assess(slow, messages, answer("The capital of France is Rome."), 0, seconds_allowed=20.0)
    assert at_leisure.judged is not None
    await slow.close()


async def test_outcomes_change_what_a_finding_weighs(gguf: Path) -> None:
    model = SlowJudge(gguf)
    messages = conversation("How do I list files?", {}, [])
    doubtful = answer("Perhaps with ls, which may be what you want.")
    strict = Judge(tuple(8 * each for each in unfitted().weights), unfitted().intercept, unfitted().base)
    stated = await assess(model, messages, doubtful, 0, seconds_allowed=0.0)
    learned = await assess(model, messages, doubtful, 0, judge=strict, seconds_allowed=0.0)
    assert learned.value < stated.value
    assert stated.features == learned.features == inspect("How do I list files?", doubtful.text).features


def test_the_question_is_found_behind_the_passages() -> None:
    passage = Passage(
        document_id="1",
        title="A",
        source="a",
        collection="c",
        heading="",
        text="Question: no",
        score=1.0,
        relevance=1.0,
        lexical_rank=1,
        vector_rank=1,
    )
    assert asked(conversation("What is 2 + 2?\n\nIn words.", {"a": 1}, [passage])) == "What is 2 + 2?\n\nIn words."
    assert asked([Message("user", "Hello")]) == "Hello"
    assert asked([]) == ""


def test_a_remote_answer_is_checked_for_plain_defects_alone() -> None:
    assert defect_of(answer("It is 2 + 2 = 5."), 0) == ""
    assert defect_of(answer("See [4]."), 3) == "cites a passage that does not exist: [4] of 3"
    assert defect_of(answer("See [3]."), 3) == ""
