"""Outcomes are kept, labelled and learned from."""

from __future__ import annotations

import struct
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.hybrid.budget import RemoteBudget
from mcp_stack.hybrid.confidence.features import FEATURES_VERSION, read_query
from mcp_stack.hybrid.confidence.training import (
    FEWEST_NEW_LABELS,
    OutcomeModels,
    OutcomeTraining,
    next_fit,
)
from mcp_stack.hybrid.renewed import SECONDS_BETWEEN_LOOKS
from mcp_stack.hybrid.value import value_score
from mcp_stack.ports.outcomes import Outcome
from mcp_stack.settings.hybrid import Budget
from mcp_stack.storage.postgres.interactions import PostgresInteractions
from mcp_stack.storage.postgres.outcomes import ADDITIONS_BETWEEN_SWEEPS, PostgresOutcomes
from mcp_stack.storage.postgres.pool import Database
from tests.support.postgres import open_database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EMBEDDER = "test model"


def outcome(text: str = "Why?", **details: Any) -> Outcome:
    query = read_query(text, [0.6, 0.8], 0.25)
    known: dict[str, Any] = {
        "interaction_id": str(uuid.uuid4()),
        "asked_at": NOW,
        "embedder": EMBEDDER,
        "vector": query.vector,
        "features_version": FEATURES_VERSION,
        "features": query.features,
        "words": query.words,
        "p_true": None,
        "asked": "local",
        "gain": 0.1,
        "propensity": 1.0,
    }
    return Outcome(**{**known, **details})


@pytest.fixture
def outcomes(database: Database) -> PostgresOutcomes:
    return PostgresOutcomes(database)


async def learn(outcomes: PostgresOutcomes, count: int, *, good: bool) -> None:
    for number in range(count):
        await outcomes.add(outcome(f"Question {number}", local=float(good), remote=1.0, asked="both"))


async def test_what_is_recorded_comes_back_as_it_was(outcomes: PostgresOutcomes) -> None:
    first = outcome("How many apples are 3 + 4?", p_true=0.75, propensity=0.5, asked="both", local=0.0, remote=1.0)
    second = outcome(embedder="", vector=b"", local=0.5)
    await outcomes.add(first)
    await outcomes.add(second)
    found = await outcomes.newest(10)
    assert [each.interaction_id for each in found] == [first.interaction_id, second.interaction_id]
    assert found[0].features == pytest.approx(first.features, rel=1e-6)
    assert struct.unpack("<2f", found[0].vector) == pytest.approx((0.6, 0.8))
    for each, was in zip(found, (first, second), strict=True):
        for name in ("asked_at", "embedder", "vector", "words", "p_true", "asked", "propensity", "local", "remote"):
            assert getattr(each, name) == getattr(was, name), name


async def test_a_label_comes_later_and_may_change(outcomes: PostgresOutcomes) -> None:
    asked = outcome()
    await outcomes.add(asked)
    assert await outcomes.newest(10) == []
    assert len(await outcomes.newest(10, labelled=False)) == 1
    assert await outcomes.label(asked.interaction_id, local=1.0)
    assert await outcomes.label(asked.interaction_id, remote=0.25)
    assert await outcomes.label(asked.interaction_id, local=0.0)
    (found,) = await outcomes.newest(10)
    assert (found.local, found.remote) == (0.0, 0.25)
    assert await outcomes.labels() == 3
    assert not await outcomes.label(str(uuid.uuid4()), local=1.0)
    assert await outcomes.labels() == 3


async def test_an_outcome_that_is_recorded_twice_counts_once(outcomes: PostgresOutcomes) -> None:
    again = outcome(local=1.0)
    await outcomes.add(again)
    await outcomes.add(again)
    assert len(await outcomes.newest(10)) == 1
    assert await outcomes.labels() == 1


async def test_the_oldest_outcomes_are_forgotten_beyond_the_bound(database: Database) -> None:
    bounded = PostgresOutcomes(database, most=10)
    kept = [outcome(local=1.0) for _ in range(ADDITIONS_BETWEEN_SWEEPS)]
    for each in kept:
        await bounded.add(each)
    assert [each.interaction_id for each in await bounded.newest(100)] == [each.interaction_id for each in kept[-10:]]
    assert len(await bounded.newest(3)) == 3


async def test_a_model_is_fitted_once_enough_was_learned_and_again_once_there_is_more(
    outcomes: PostgresOutcomes,
) -> None:
    training = OutcomeTraining(outcomes, EMBEDDER)
    assert not await training.run()
    assert await outcomes.model() is None
    await learn(outcomes, 40, good=True)
    assert await training.run()
    assert not await training.run()
    assert await outcomes.model_version() == 1
    await learn(outcomes, FEWEST_NEW_LABELS, good=False)
    assert await training.run()
    assert await outcomes.model_version() == 2
    assert await outcomes.labels_fitted() == 40 + FEWEST_NEW_LABELS


def test_a_model_of_many_outcomes_is_fitted_less_often() -> None:
    assert next_fit(0) == FEWEST_NEW_LABELS
    assert next_fit(1000) == 1100
    assert next_fit(100_000) - 100_000 == next_fit(50_000) - 50_000


async def test_feedback_that_changes_labels_is_learned_from_too(outcomes: PostgresOutcomes) -> None:
    training = OutcomeTraining(outcomes, EMBEDDER)
    seen = [outcome(f"Question {number}", local=1.0) for number in range(40)]
    for each in seen:
        await outcomes.add(each)
    await training.run()
    now = [0.0]
    models = OutcomeModels(outcomes, clock=lambda: now[0])
    before = await models()
    for each in seen:
        await outcomes.label(each.interaction_id, local=0.0)
    assert await training.run()
    now[0] += SECONDS_BETWEEN_LOOKS
    after = await models()
    assert before is not None
    assert after is not None
    query = read_query("Question 7", [0.6, 0.8], 0.25)
    assert before.predict(query).local > 0.9
    assert after.predict(query).local < 0.1


async def test_outcomes_that_cannot_be_read_any_more_are_left_out(outcomes: PostgresOutcomes) -> None:
    for number in range(40):
        await outcomes.add(outcome(f"{number}", local=1.0, features_version=FEATURES_VERSION + 1))
    assert not await OutcomeTraining(outcomes, EMBEDDER).run()
    for number in range(40):
        await outcomes.add(outcome(f"{number}", local=1.0, embedder="a model of before", vector=b"\0" * 400))
    assert await OutcomeTraining(outcomes, EMBEDDER).run()


async def test_a_process_looks_for_a_newer_model_now_and_then_and_keeps_its_own_when_the_store_is_down(
    database: Database, conninfo: str
) -> None:
    outcomes = PostgresOutcomes(database)
    now = 0.0
    other = open_database(conninfo)
    models = OutcomeModels(PostgresOutcomes(other), clock=lambda: now)
    assert await models() is None
    await learn(outcomes, 40, good=True)
    await OutcomeTraining(outcomes, EMBEDDER).run()
    assert await models() is None
    now += SECONDS_BETWEEN_LOOKS
    model = await models()
    assert model is not None
    await other.close()
    now += SECONDS_BETWEEN_LOOKS
    assert await models() is model


async def test_the_budget_of_a_new_process_compares_with_what_others_decided(database: Database) -> None:
    outcomes = PostgresOutcomes(database)
    for number in range(100):
        await outcomes.add(outcome(gain=number / 100, asked="remote" if number >= 80 else "local"))
    decided = await outcomes.decided(50)
    assert [each.gain for each in decided] == pytest.approx([number / 100 for number in range(50, 100)])
    assert sum(each.remote for each in decided) == 20
    settings = Budget(max_remote_share=0.2, explore_share=0)
    budget = RemoteBudget(outcomes, PostgresInteractions(database, value_score), settings)
    assert await budget.propensity(0.95) == 1
    assert await budget.propensity(0.5) == 0
    assert budget.wants(0.95)


async def test_a_sum_an_hour_becomes_the_share_that_it_pays_for(database: Database, conninfo: str) -> None:
    import psycopg

    outcomes = PostgresOutcomes(database)
    for number in range(100):
        minutes = timedelta(minutes=60 * (1 - number / 100))
        await outcomes.add(
            outcome(asked_at=NOW - minutes, gain=number / 100, asked="local" if number % 2 else "remote")
        )
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "insert into app.interactions (id, query, response, route, model, confidence, latency_ms, tokens_in,"
            " tokens_out, cost_usd, saved_usd, value_score, learned, session_id, sources, reasons, private, created_at)"
            " values"
            " (gen_random_uuid(), '', '', 'remote', '', 0, 0, 0, 0, 1.0, 0, 0, false, '', '[]', '{}', false, %s)",
            [NOW - timedelta(minutes=10)],
        )
    # 100 questions an hour, 50 calls for 1 USD: 0.20 USD an hour pay for 10 calls, a tenth of the questions.
    settings = Budget(usd_per_hour=0.2, explore_share=0)
    budget = RemoteBudget(outcomes, PostgresInteractions(database, value_score), settings, now=lambda: NOW)
    assert await budget.propensity(0.95) == 1
    assert await budget.propensity(0.85) == 0


async def test_a_store_that_is_down_is_told(tmp_path: Path) -> None:
    nowhere = PostgresOutcomes(open_database(f"host={tmp_path} dbname=none"))
    with pytest.raises(UnavailableError):
        await nowhere.add(outcome())
