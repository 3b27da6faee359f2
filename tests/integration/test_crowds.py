"""Many questions at once."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from starlette.responses import Response

from tests.support.answering import ask, claude_at, endpoint_at, gguf_at
from tests.support.http_endpoint import Received
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI, answer
from tests.support.stack import open_stack
from tests.support.tiny_gguf import write_knowing_gguf
from tests.support.waiting import until


async def test_equal_questions_of_a_crowd_are_put_to_the_model_once(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.always_answers("Paris.", tokens_in=1000, tokens_out=100)
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        questions = [
            f"What is the {'capital' if number % 2 else f'street number {number}'} of France?" for number in range(64)
        ]
        answers = await asyncio.gather(*(ask(stack, question) for question in questions))
        assert {answer.response for answer in answers} == {"Paris."}
        assert len(claude.received) == 33
        assert sum(not answer.cached for answer in answers) == 33
        assert len({answer.interaction_id for answer in answers}) == 64
        stats = await (await stack.coordinator()).routing_stats("")
        assert (stats.total_queries, stats.cached, stats.remote_route) == (64, 31, 33)
        assert stats.total_cost == pytest.approx(33 * 0.003)


async def test_who_gives_up_does_not_take_the_answer_from_the_others(conninfo: str, tmp_path: Path) -> None:
    asked, go = threading.Event(), threading.Event()

    def held_back(request: Received) -> Response:
        asked.set()
        assert go.wait(20)
        return answer("Paris.")(request)

    with ScriptedOpenAI() as endpoint:
        endpoint.then(held_back)
        async with open_stack(conninfo, tmp_path, **endpoint_at(endpoint)) as stack:
            first = asyncio.create_task(ask(stack, "What is the capital of France?"))
            await asyncio.to_thread(asked.wait, 20)
            second = asyncio.create_task(ask(stack, "What is the capital of France?"))
            flights = (await stack.coordinator()).router._flights._flights
            await until(lambda: [flight.waiting for flight in flights.values()] == [2])
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            go.set()
            assert (await second).response == "Paris."
        assert len([request for request in endpoint.received if "completions" in request.path]) == 1


async def test_a_cancelled_question_frees_the_model_for_the_next(conninfo: str, tmp_path: Path) -> None:
    model = write_knowing_gguf(tmp_path / "knowing.gguf")
    async with open_stack(conninfo, tmp_path, **gguf_at(str(model))) as stack:
        right = "Is it true that the capital of France is Paris?"
        waiting = [asyncio.create_task(ask(stack, right, context={"n": number})) for number in range(20)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        async with asyncio.timeout(5):
            assert (await ask(stack, right)).response == "The capital of France is Paris."
