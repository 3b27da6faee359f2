"""The record of answered questions: what cannot be stored takes nothing else along."""

from __future__ import annotations

import logging
import uuid

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.hybrid.value import value_score
from mcp_stack.ports.answering import Answer
from mcp_stack.ports.interactions import NewInteraction
from mcp_stack.storage.postgres.interactions import PostgresInteractions
from mcp_stack.storage.postgres.pool import Database


def answered(response: str = "Paris.", tokens_in: int = 10, answered_by: str = "") -> NewInteraction:
    answer = Answer(
        response=response,
        route="cache" if answered_by else "local",
        confidence=0.9,
        latency_ms=1.0,
        cost_usd=0.0,
        tokens_in=tokens_in,
        tokens_out=5,
        cached=bool(answered_by),
        value_score=0.5,
        learned=False,
        model="m",
        sources=(),
        reasons=(),
        interaction_id=str(uuid.uuid4()),
        answered_by=answered_by,
    )
    return NewInteraction("What is the capital of France?", answer, 0.0, "", private=False)


@pytest.mark.parametrize("bad", [answered("a\0b"), answered("a\ud800b"), answered(tokens_in=3_000_000_000)])
async def test_one_that_cannot_be_stored_is_told_of_and_the_others_of_its_moment_are_recorded(
    database: Database, caplog: pytest.LogCaptureFixture, bad: NewInteraction
) -> None:
    interactions = PostgresInteractions(database, value_score)
    good = [answered() for _ in range(11)]
    served_again = answered(answered_by=good[0].answer.interaction_id)
    with caplog.at_level(logging.ERROR):
        for interaction in [*good[:5], bad, *good[5:], served_again]:
            interactions.add_soon(interaction)
        await interactions.close()
    for interaction in [*good, served_again]:
        assert await interactions.get(interaction.answer.interaction_id), interaction
    assert await interactions.get(bad.answer.interaction_id) is None
    assert [record for record in caplog.records if bad.answer.interaction_id in record.getMessage()]
    first = await interactions.get(good[0].answer.interaction_id)
    assert first is not None
    assert first.reused == 1


async def test_one_that_cannot_be_stored_is_unavailable_where_somebody_waits_for_it(database: Database) -> None:
    interactions = PostgresInteractions(database, value_score)
    with pytest.raises(UnavailableError, match="cannot be stored"):
        await interactions.add(answered("a\0b"))
    await interactions.add(good := answered())
    assert await interactions.get(good.answer.interaction_id)
