"""What people say of answers changes their value, the cache and the statistics."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from mcp_stack.errors import NotFoundError, UsageError
from tests.support.answering import ask, claude_at, gguf_at
from tests.support.scripted_claude import ScriptedClaude
from tests.support.stack import open_stack
from tests.support.tiny_gguf import write_knowing_gguf

QUESTION = "What is the capital of France?"


async def test_a_good_rating_raises_the_value_and_a_bad_one_makes_it_a_failure(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.always_answers("Paris.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        coordinator = await stack.coordinator()
        answer = await ask(stack, QUESTION)
        good = await coordinator.give_feedback(interaction_id=answer.interaction_id, rating=1, correction="")
        assert good.value_score_before == answer.value_score
        assert good.value_score_after > good.value_score_before
        bad = await coordinator.give_feedback(
            interaction_id=answer.interaction_id, rating=-1, correction="It is Paris!"
        )
        assert bad.value_score_before == good.value_score_after
        assert bad.value_score_after < 0.3
        taken_back = await coordinator.give_feedback(interaction_id=answer.interaction_id, rating=0, correction="")
        assert taken_back.value_score_after == answer.value_score
    lines = (tmp_path / "data" / "telemetry" / "hybrid-events.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines if '"feedback"' in line]
    assert [(event["rating"], event["correction"]) for event in told] == [(1, ""), (-1, "It is Paris!"), (0, "")]


async def test_a_bad_answer_is_not_served_again(conninfo: str, tmp_path: Path, claude: ScriptedClaude) -> None:
    claude.answers("Rome.")
    claude.answers("Paris.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        await ask(stack, QUESTION)
        again = await ask(stack, QUESTION)
        assert (again.response, again.cached) == ("Rome.", True)
        coordinator = await stack.coordinator()
        await coordinator.give_feedback(interaction_id=again.interaction_id, rating=-1, correction="")
        anew = await ask(stack, QUESTION)
        assert (anew.response, anew.cached) == ("Paris.", False)


async def test_a_cached_answer_is_rated_where_it_was_given_first_and_is_worth_more_for_being_reused(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.always_answers("Paris.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        coordinator = await stack.coordinator()
        first = await ask(stack, QUESTION)
        again = [await ask(stack, QUESTION) for _ in range(3)]
        rated = await coordinator.give_feedback(interaction_id=again[-1].interaction_id, rating=0, correction="")
        assert rated.interaction_id == first.interaction_id
        assert rated.value_score_before > first.value_score


async def test_the_error_of_the_confidence_is_told_once_there_are_enough_ratings(conninfo: str, tmp_path: Path) -> None:
    model = write_knowing_gguf(tmp_path / "knowing.gguf")
    async with open_stack(conninfo, tmp_path, **gguf_at(str(model))) as stack:
        coordinator = await stack.coordinator()
        answers = [
            await ask(stack, "Is it true that the capital of France is Paris?", context={"number": number})
            for number in range(20)
        ]
        for number, answer in enumerate(answers):
            assert (await coordinator.routing_stats("")).calibration_error == 0
            await coordinator.give_feedback(
                interaction_id=answer.interaction_id, rating=1 if number % 2 else -1, correction=""
            )
        expected = sum(answer.confidence for answer in answers) / 20 - 0.5
        assert (await coordinator.routing_stats("")).calibration_error == pytest.approx(expected, abs=0.01)


async def test_what_was_never_answered_cannot_be_rated(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        coordinator = await stack.coordinator()
        with pytest.raises(NotFoundError, match="no interaction"):
            await coordinator.give_feedback(interaction_id=str(uuid.uuid4()), rating=1, correction="")
        with pytest.raises(UsageError, match="came with the answer"):
            await coordinator.give_feedback(interaction_id="the last one", rating=1, correction="")
        with pytest.raises(UsageError, match="rating is 2"):
            await coordinator.give_feedback(interaction_id=str(uuid.uuid4()), rating=2, correction="")
