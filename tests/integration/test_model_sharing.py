"""Processes that share one local model: who holds it, who asks, and what happens when the holder ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.llm.llama_cpp import LlamaCppChat
from mcp_stack.llm.sharing.meeting_point import MeetingPoint
from mcp_stack.llm.sharing.shared_model import SharedModel
from mcp_stack.ports.chat import Message, SelfJudgingModel
from tests.support.tiny_gguf import write_knowing_gguf, write_tiny_gguf
from tests.support.waiting import until

QUESTION = [Message("user", "What is the capital of France?")]
ANSWER = "The capital of France is Paris."
Sharing = Callable[[Path], SharedModel]


@pytest.fixture(scope="module")
def knowing_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_knowing_gguf(tmp_path_factory.mktemp("knowing") / "knowing.gguf", answer=ANSWER)


@pytest.fixture(scope="module")
def slow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose prefill of some thousand tokens takes long enough to be interrupted."""
    return write_tiny_gguf(tmp_path_factory.mktemp("slow") / "slow.gguf", width=256, layers=4, context_tokens=4096)


@pytest.fixture
async def sharing(tmp_path: Path) -> AsyncIterator[Sharing]:
    """Makes models that meet in one folder; a lock does not care whether two of them are in one process."""
    made: list[SharedModel] = []

    def make(file: Path) -> SharedModel:
        made.append(SharedModel(LlamaCppChat(file), MeetingPoint(tmp_path / "run", str(file))))
        return made[-1]

    yield make
    for model in made:
        await model.close()


async def test_the_first_holds_the_model_and_the_others_get_the_same_from_it(
    sharing: Sharing, knowing_file: Path
) -> None:
    models = [sharing(knowing_file) for _ in range(3)]
    assert all(isinstance(model, SelfJudgingModel) for model in models)
    completions = [await model.complete(QUESTION, 50) for model in models]
    assert {completion.text for completion in completions} == {ANSWER}
    assert len(set(completions)) == 1
    judged = [await model.probability_true(QUESTION, "Is that right?") for model in models]
    assert judged == [judged[0]] * 3
    streamed = [[item async for item in model.stream(QUESTION, 50)] for model in models]
    assert streamed == [streamed[0]] * 3
    assert len(streamed[0]) > 3
    assert sum(model._model.status == "ready" for model in models) == 1


async def test_errors_of_the_model_are_the_same_from_afar(sharing: Sharing, knowing_file: Path, tmp_path: Path) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    await near.complete(QUESTION, 5)
    refusals = []
    for model in (near, far):
        with pytest.raises(UsageError) as refused:
            await model.complete([Message("user", "x" * 100_000)], 5)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    missing = [sharing(tmp_path / "none.gguf") for _ in range(2)]
    for model in missing:
        with pytest.raises(UnavailableError, match="is missing"):
            await model.complete(QUESTION, 5)
    assert (await missing[1].state()).status == "failed"


async def test_the_state_is_told_from_afar_and_looking_loads_nothing(sharing: Sharing, knowing_file: Path) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    assert (await far.state()).status == "unloaded"
    assert (await near.state()).holder_pid == 0
    await near.load()
    assert (await far.state()).status == "ready"
    await near.complete(QUESTION, 20)
    state = await far.state()
    assert (state.holder_pid, state.unfinished) == (os.getpid(), 0)
    assert state.prefill_per_second
    assert state.decode_per_second


async def test_loading_goes_on_in_the_background_and_is_seen(sharing: Sharing, knowing_file: Path) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    loading = asyncio.create_task(near.load())
    seen = set()

    async def ready() -> bool:
        seen.add((await far.state()).status)
        return "ready" in seen

    await until(ready)
    await loading
    assert seen <= {"unloaded", "loading", "ready"}


async def test_what_a_judgement_takes_is_known_from_afar_after_the_first_answer(
    sharing: Sharing, knowing_file: Path
) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    await near.load()
    assert far.judgement_seconds(QUESTION) is None
    answer = await far.complete([Message("user", "x" * 600)], 50)
    fresh = far.judgement_seconds([Message("user", "y" * 600)])
    shared = far.judgement_seconds([Message("user", "x" * 600), Message("assistant", answer.text)])
    assert fresh is not None
    assert shared is not None
    assert shared < fresh


async def test_when_the_holder_closes_another_takes_over_and_the_rest_follow(
    sharing: Sharing, knowing_file: Path
) -> None:
    first, second, third = (sharing(knowing_file) for _ in range(3))
    for model in (first, second, third):
        await model.complete(QUESTION, 5)
    await first.close()
    answers = await asyncio.gather(second.complete(QUESTION, 50), third.complete(QUESTION, 50))
    assert [answer.text for answer in answers] == [ANSWER] * 2
    with pytest.raises(UnavailableError, match="is closed"):
        await first.complete(QUESTION, 5)


async def test_requests_that_wait_when_the_holder_closes_are_answered_by_the_next(
    sharing: Sharing, slow_file: Path
) -> None:
    first, second, third = (sharing(slow_file) for _ in range(3))
    await first.load()
    own = asyncio.create_task(first.complete([Message("user", "a" * 3500)], 400))
    waiting = [asyncio.create_task(model.complete(QUESTION, 3)) for model in (second, third)]

    async def all_wait() -> bool:
        return (await first.state()).unfinished == 3

    await until(all_wait)
    await first.close()
    assert [(await answer).tokens_out for answer in waiting] == [3, 3]
    with pytest.raises(UnavailableError):
        await own


async def test_a_stream_that_had_begun_fails_when_its_holder_closes(sharing: Sharing, slow_file: Path) -> None:
    first, second = sharing(slow_file), sharing(slow_file)
    await first.load()
    items = second.stream(QUESTION, 3000)
    await anext(items)
    await first.close()
    with pytest.raises(UnavailableError, match="ended"):
        async for _ in items:
            pass


async def test_cancelling_from_afar_frees_the_model(sharing: Sharing, slow_file: Path) -> None:
    near, far = sharing(slow_file), sharing(slow_file)
    await near.load()
    requests = [asyncio.create_task(far.complete([Message("user", letter * 3500)], 2000)) for letter in "abcdef"]

    async def unfinished(count: int) -> bool:
        return (await near.state()).unfinished == count

    await until(lambda: unfinished(6))
    for request in requests:
        request.cancel()
    await until(lambda: unfinished(0), seconds=1)
    async with aclosing(far.stream(QUESTION, 3000)) as items:
        await anext(items)
    await until(lambda: unfinished(0), seconds=1)
    assert (await near.complete(QUESTION, 1)).tokens_out == 1
