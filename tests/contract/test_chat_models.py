"""What every chat model keeps, whatever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.llm.claude import ClaudeChat
from mcp_stack.llm.llama_cpp import LlamaCppChat
from mcp_stack.llm.openai_compatible import OpenAICompatibleChat
from mcp_stack.llm.sharing.meeting_point import MeetingPoint
from mcp_stack.llm.sharing.shared_model import SharedModel
from mcp_stack.ports.chat import ChatModel, Completion, Message
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.tiny_gguf import write_knowing_gguf

ANSWER = "The capital of France is Paris."
QUESTION = [Message("system", "Be brief."), Message("user", "What is the capital of France?")]


async def _llama_cpp(folder: Path) -> AsyncIterator[ChatModel]:
    model = LlamaCppChat(write_knowing_gguf(folder / "knowing.gguf", answer=ANSWER))
    yield model
    await model.close()


async def _held_elsewhere(folder: Path) -> AsyncIterator[ChatModel]:
    """A local model that another one holds, which might as well be in another process."""
    file = write_knowing_gguf(folder / "knowing.gguf", answer=ANSWER)
    holder, model = (SharedModel(LlamaCppChat(file), MeetingPoint(folder / "run", "knowing")) for _ in range(2))
    await holder.load()
    yield model
    await model.close()
    await holder.close()


async def _openai_compatible(_folder: Path) -> AsyncIterator[ChatModel]:
    with ScriptedOpenAI() as server:
        server.always_answers(ANSWER, tokens_in=20, tokens_out=7)
        model = OpenAICompatibleChat(f"{server.url}/v1")
        yield model
        await model.close()


async def _claude(_folder: Path) -> AsyncIterator[ChatModel]:
    with ScriptedClaude() as claude:
        claude.always_answers(ANSWER, tokens_in=20, tokens_out=7)
        model = ClaudeChat("test-key", base_url=claude.url)
        yield model
        await model.close()


@pytest.fixture(
    params=[_llama_cpp, _held_elsewhere, _openai_compatible, _claude],
    ids=["llama_cpp", "held_elsewhere", "openai_compatible", "claude"],
)
async def model(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChatModel]:
    make: Callable[[Path], AsyncIterator[ChatModel]] = request.param
    async for made in make(tmp_path):
        yield made


async def _pieces(model: ChatModel, max_tokens: int = 50) -> list[str | Completion]:
    return [item async for item in model.stream(QUESTION, max_tokens)]


async def test_complete_answers_and_counts_tokens(model: ChatModel) -> None:
    completion = await model.complete(QUESTION, 50)
    assert completion.text == ANSWER
    assert completion.model
    assert completion.tokens_in > 0
    assert completion.tokens_out > 0
    assert not completion.truncated


async def test_a_stream_is_pieces_and_then_one_completion_of_them(model: ChatModel) -> None:
    *pieces, completion = await _pieces(model)
    assert len(pieces) > 1
    assert isinstance(completion, Completion)
    assert completion.text == "".join(str(piece) for piece in pieces) == ANSWER


async def test_streaming_and_completing_come_to_the_same(model: ChatModel) -> None:
    assert (await _pieces(model))[-1] == await model.complete(QUESTION, 50)


async def test_a_stream_closed_half_way_leaves_the_model_usable(model: ChatModel) -> None:
    async with aclosing(model.stream(QUESTION, 50)) as items:  # type: ignore[type-var] # the port promises an iterator
        assert isinstance(await anext(items), str)
    assert (await model.complete(QUESTION, 50)).text == ANSWER


async def test_a_cancelled_request_leaves_the_model_usable(model: ChatModel) -> None:
    requests = [asyncio.create_task(model.complete(QUESTION, 50)) for _ in range(3)]
    await asyncio.sleep(0)
    for request in requests:
        request.cancel()
    outcomes = await asyncio.gather(*requests, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert (await model.complete(QUESTION, 50)).text == ANSWER


async def test_concurrent_requests_are_all_answered(model: ChatModel) -> None:
    answers = await asyncio.gather(*(model.complete(QUESTION, 50) for _ in range(8)), _pieces(model))
    assert {answer.text for answer in answers if isinstance(answer, Completion)} == {ANSWER}
    assert isinstance(answers[-1], list)


async def test_the_name_never_changes(model: ChatModel) -> None:
    before = model.name
    assert before
    await model.complete(QUESTION, 50)
    assert model.name == before


async def test_closing_twice_is_closing_once(model: ChatModel) -> None:
    await model.complete(QUESTION, 50)
    await model.close()
    await model.close()
    with pytest.raises(UnavailableError):
        await model.complete(QUESTION, 50)


async def test_closing_a_model_that_was_never_used_is_fine(model: ChatModel) -> None:
    await model.close()
