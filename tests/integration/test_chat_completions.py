"""The router as a client of OpenAI's API sees it, whole and streamed, with both models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from mcp_stack.composition import Stack
from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.hybrid.chat_completions import error_body
from tests.support.answering import claude_at, gguf_at
from tests.support.scripted_claude import ScriptedClaude
from tests.support.stack import open_stack
from tests.support.tiny_gguf import write_knowing_gguf

RIGHT = "Is it true that the capital of France is Paris?"
WRONG = "Is it true that the capital of France is Rome?"


def body(*messages: tuple[str, str], model: str = "mcp-stack", **more: Any) -> dict[str, Any]:
    turns = [{"role": role, "content": content} for role, content in messages]
    return {"model": model, "messages": turns, **more}


async def complete(stack: Stack, **request: Any) -> ChatCompletion:
    chat = await stack.chat_completions()
    return ChatCompletion.model_validate(await chat.complete(chat.checked(request)))


async def stream(stack: Stack, **request: Any) -> list[ChatCompletionChunk]:
    chat = await stack.chat_completions()
    chunks = chat.stream(chat.checked({**request, "stream": True}))
    return [ChatCompletionChunk.model_validate(chunk) async for chunk in chunks]


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def pieces_of(chunks: list[ChatCompletionChunk]) -> int:
    return sum(bool(choice.delta.content) for chunk in chunks for choice in chunk.choices)


async def test_a_whole_answer_has_its_usage_and_says_how_it_came_about(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.answers("Paris.", tokens_in=100, tokens_out=3)
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        answer = await complete(stack, **body(("user", "What is the capital of France?")))
    assert answer.choices[0].message.content == "Paris."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 103
    assert answer.model_extra is not None
    told = answer.model_extra["mcp_stack"]
    assert (told["route"], told["cached"]) == ("remote", False)
    assert told["cost"] > 0


@pytest.mark.parametrize(
    ("question", "answers"), [(RIGHT, "The capital of France is Paris."), (WRONG, "No, it is Paris.")]
)
async def test_the_local_and_the_remote_answer_come_piece_by_piece(  # noqa: PLR0917 - fixtures and parameters
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str, question: str, answers: str
) -> None:
    claude.answers("No, it is Paris.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model)) as stack:
        chunks = await stream(stack, **body(("user", question)), stream_options={"include_usage": True})
        assert text_of(chunks) == answers
        assert pieces_of(chunks) > 2
        assert chunks[0].choices[0].delta.role == "assistant"
        assert len({chunk.id for chunk in chunks}) == 1
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens > 0
        # The next time, it comes from the cache.
        again = await stream(stack, **body(("user", question)))
        assert text_of(again) == answers
        assert again[-1].model_extra is not None
        assert again[-1].model_extra["mcp_stack"]["cached"]
        assert len(claude.received) == (question == WRONG)


async def test_a_checked_local_answer_comes_once_it_passed_and_a_rejected_one_never(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str
) -> None:
    band = {"LOCAL_CONFIDENCE_THRESHOLD": "1.0", "FALLBACK_THRESHOLD": "0.5"}
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model), **band) as stack:
        chunks = await stream(stack, **body(("user", RIGHT)))
        assert (text_of(chunks), pieces_of(chunks)) == ("The capital of France is Paris.", 1)
    lying = str(write_knowing_gguf(tmp_path / "lying.gguf", answer="The capital of France is Rome."))
    claude.answers("Paris, of course.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(lying), **band) as stack:
        chunks = await stream(stack, **body(("user", RIGHT)))
        assert text_of(chunks) == "Paris, of course."
        assert pieces_of(chunks) > 1


async def test_earlier_turns_and_instructions_reach_the_model(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.answers("Oui.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        talk = (("system", "Answer in French."), ("user", "Hello"), ("assistant", "Bonjour"), ("user", "Are you well?"))
        await complete(stack, **body(*talk))
    sent = claude.received[-1].body
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
    assert "Answer in French." in str(sent["system"])


async def test_a_client_may_bound_the_answer_and_name_the_model(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str
) -> None:
    claude.answers("Paris and", stop_reason="max_tokens")
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model)) as stack:
        answer = await complete(stack, **body(("user", RIGHT), model="mcp-stack-remote"), max_tokens=7)
        assert claude.received[-1].body["max_tokens"] == 7
        assert answer.choices[0].finish_reason == "length"
        local = await complete(stack, **body(("user", WRONG), model="mcp-stack-local"))
        assert local.model_extra is not None
        assert local.model_extra["mcp_stack"]["route"] == "local"
        assert [Model.model_validate(each).id for each in (await stack.chat_completions()).models()["data"]] == [
            "mcp-stack",
            "mcp-stack-local",
            "mcp-stack-remote",
        ]


async def test_before_the_first_word_another_model_takes_over_and_after_it_the_answer_breaks_off(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude, knowing_model: str
) -> None:
    claude.drops_connection()
    claude.drops_connection(after="It is ")
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **gguf_at(knowing_model)) as stack:
        assert text_of(await stream(stack, **body(("user", WRONG)))) == "The capital of France is Paris."
        with pytest.raises(UnavailableError, match="broke off"):
            await stream(stack, **body(("user", WRONG + " Really?")))
        stats = await (await stack.coordinator()).routing_stats("")
        assert (stats.total_queries, stats.local_route, stats.remote_route) == (2, 1, 1)
        claude.answers("It is Paris.")
        # Neither the substitute nor the half answer was kept.
        assert text_of(await stream(stack, **body(("user", WRONG + " Really?")))) == "It is Paris."


async def test_without_a_model_the_passages_are_streamed(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        assert "nothing on this yet" in text_of(await stream(stack, **body(("user", "What is it?"))))


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (body(("user", "x"), model="gpt-4"), "no model 'gpt-4'"),
        (body(), "messages"),
        (body(("user", "x"), ("assistant", "y")), "last message is not the user's"),
        (body(("user", "")), "empty"),
        (body(("user", "a\x00b")), "control character"),
        (body(("robot", "x")), "messages.0.role"),
        (body(("user", "x"), n=2), "n: "),
        (body(("user", "x"), tools=[{"type": "function"}]), "tools"),
        (body(("user", "x"), max_tokens=0), "max_tokens"),
        (body(*[("user", "y" * 1000)] * 450, ("user", "x")), "too long"),
        ({"model": "mcp-stack", "messages": "hello"}, "messages"),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    conninfo: str, tmp_path: Path, request_: dict[str, Any], why: str
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        chat = await stack.chat_completions()
        with pytest.raises(UsageError, match=why) as refused:
            await chat.complete(chat.checked(request_))
    told = error_body(refused.value)["error"]
    assert (told["type"], told["code"]) == ("invalid_request_error", "INVALID_INPUT")
