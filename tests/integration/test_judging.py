"""The judge of local answers learns from what people say of them, in every process."""

from __future__ import annotations

from pathlib import Path

from mcp_stack.hybrid.quality import FEATURES_VERSION, Judge, unfitted
from mcp_stack.hybrid.quality.training import Judges, JudgeTraining
from mcp_stack.storage.postgres.judging import PostgresJudging
from mcp_stack.storage.postgres.pool import Database
from tests.support.answering import ask, gguf_at
from tests.support.stack import open_stack
from tests.support.tiny_gguf import write_knowing_gguf

RIGHT = "Is it true that the capital of France is Paris?"


class Clock:
    """Seconds, as told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def rate(stack_folder: Path, conninfo: str, ratings: list[int]) -> None:
    model = write_knowing_gguf(stack_folder / "knowing.gguf")
    async with open_stack(conninfo, stack_folder, **gguf_at(str(model))) as stack:
        coordinator = await stack.coordinator()
        for number, rating in enumerate(ratings):
            answer = await ask(stack, RIGHT, context={"number": number})
            await coordinator.give_feedback(interaction_id=answer.interaction_id, rating=rating, correction="")


async def test_bad_ratings_lower_what_like_answers_are_thought_of(
    conninfo: str, database: Database, tmp_path: Path
) -> None:
    judging = PostgresJudging(database)
    clock = Clock()
    judges = Judges(judging, clock)
    before = await judges()
    assert before == unfitted()
    await rate(tmp_path, conninfo, [-1, -1, -1, 1] * 6)
    await JudgeTraining(judging).run()
    assert await judges() == before  # it looks again after a while
    clock.now += 60
    after = await judges()
    (example,) = await judging.rated_answers(FEATURES_VERSION, 1)
    assert after.outcomes == 24
    assert after.probability(example.features) < 0.5 < before.probability(example.features)


async def test_nothing_is_learned_from_a_few_ratings_or_from_ratings_of_one_kind(
    conninfo: str, database: Database, tmp_path: Path
) -> None:
    judging = PostgresJudging(database)
    await rate(tmp_path, conninfo, [1] * 20)
    await JudgeTraining(judging).run()
    assert await judging.judge(0) is None


async def test_a_judge_of_another_version_is_as_good_as_none(database: Database) -> None:
    judging = PostgresJudging(database)
    await judging.save_judge(b"of another time")
    assert await Judges(judging)() == unfitted()
    await judging.save_judge(Judge(unfitted().weights, intercept=-9.0, base=0.0).to_bytes())
    judge = await Judges(judging)()
    assert judge.intercept == -9.0
