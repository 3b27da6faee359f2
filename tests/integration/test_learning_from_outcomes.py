"""What became of answers is what the next ones are routed by."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_stack.composition import Stack
from mcp_stack.storage.postgres.outcomes import PostgresOutcomes
from mcp_stack.storage.postgres.pool import Database
from tests.support.answering import ask, endpoint_at
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.stack import open_stack

ANSWER = "The service is enabled in its configuration file, under services."


async def route(stack: Stack, questions: range, rating: int) -> None:
    """Ask, and rate each answer unless the rating is 0."""
    coordinator = await stack.coordinator()
    for number in questions:
        answer = await ask(stack, f"How do I enable the service of machine {number}?", force_route="local")
        if rating:
            await coordinator.give_feedback(interaction_id=answer.interaction_id, rating=rating, correction="")


async def fit(stack: Stack) -> None:
    """What the worker does every five minutes."""
    await stack._hybrid.close()
    await stack._hybrid.handlers["hybrid.fit_outcomes"]()


@pytest.mark.parametrize(
    ("rating", "least", "most"),
    [(1, 0.9, 1.0), (-1, 0.0, 0.1), (0, 0.6, 0.8)],
    ids=["good answers", "bad answers", "answers that nobody rated"],
)
async def test_confidence_follows_what_people_say_and_without_a_word_stays_in_the_middle(
    conninfo: str, tmp_path: Path, rating: int, least: float, most: float
) -> None:
    with ScriptedOpenAI() as local:
        local.always_answers(ANSWER)
        async with open_stack(conninfo, tmp_path, **endpoint_at(local)) as stack:
            before = await (await stack.coordinator()).explain_route("How do I enable the service of machine 99?")
            assert before.parts[0].name == "prior"
            await route(stack, range(40), rating)
            await fit(stack)
        async with open_stack(conninfo, tmp_path, **endpoint_at(local)) as stack:
            after = await (await stack.coordinator()).explain_route("How do I enable the service of machine 99?")
    assert after.parts[0].name == "outcome model"
    assert "40 local" in after.parts[0].reason
    assert least <= after.confidence <= most


async def test_a_rating_takes_the_place_of_what_the_checks_saw_and_can_be_taken_back(
    conninfo: str, tmp_path: Path, database: Database
) -> None:
    outcomes = PostgresOutcomes(database)
    with ScriptedOpenAI() as local:
        local.always_answers(ANSWER)
        async with open_stack(conninfo, tmp_path, **endpoint_at(local)) as stack:
            coordinator = await stack.coordinator()
            answer = await ask(stack, "How do I enable it?", force_route="local")
            labels = []
            for rating in (-1, 1, 0):
                await coordinator.give_feedback(interaction_id=answer.interaction_id, rating=rating, correction="")
                (outcome,) = await outcomes.newest(10)
                labels.append(outcome.local)
    assert labels == [0.0, 1.0, pytest.approx(0.75)]
    assert (outcome.asked, outcome.remote) == ("local", None)
