"""Questions that lean on the ones before."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from mcp_stack.errors import NotFoundError, UsageError
from tests.support.answering import ask, claude_at
from tests.support.http_endpoint import Received
from tests.support.scripted_claude import ScriptedClaude, answer
from tests.support.stack import add, open_stack


def turns_sent(claude: ScriptedClaude) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = claude.received[-1].body["messages"]
    return messages


def words_of(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def test_the_model_sees_what_was_said_before_in_the_same_session_only(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.answers("Use systemctl enable.")
    claude.always_answers("Use systemctl disable.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        await ask(stack, "How do I enable a service?", session_id="one")
        await ask(stack, "And how do I undo that?", session_id="one")
        assert [message["role"] for message in turns_sent(claude)] == ["user", "assistant", "user"]
        said = [words_of(message) for message in turns_sent(claude)]
        assert said[:2] == ["How do I enable a service?", "Use systemctl enable."]
        assert "And how do I undo that?" in said[2]
        await ask(stack, "And how do I undo that?", session_id="two")
        assert len(turns_sent(claude)) == 1


async def test_a_short_question_is_searched_for_together_with_the_one_before(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.always_answers("So it is.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        await add(stack, text="The firewall is configured in networking.firewall.", source="firewall.md")
        await ask(stack, "Where is the firewall configured?", session_id="one")
        follow_up = await ask(stack, "And why?", session_id="one")
        assert [source.source for source in follow_up.sources] == ["firewall.md"]
        assert (await ask(stack, "And why?")).sources == []


async def test_the_same_question_later_in_a_talk_is_another_question(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    for number in range(4):
        claude.answers(f"Answer {number}.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        first = await ask(stack, "What comes next?", session_id="one")
        later = await ask(stack, "What comes next?", session_id="one")
        assert (first.response, later.response) == ("Answer 0.", "Answer 1.")
        assert not later.cached


async def test_a_long_talk_is_cut_at_its_beginning(conninfo: str, tmp_path: Path, claude: ScriptedClaude) -> None:
    claude.always_answers("word " * 300)
    bounds = {"MCP_STACK_HYBRID__HISTORY_TOKENS": "1200"}
    async with open_stack(conninfo, tmp_path, **claude_at(claude), **bounds) as stack:
        for number in range(5):
            answer = await ask(stack, f"Question {number}?", session_id="long")
        assert [words_of(message) for message in turns_sent(claude)][:1] == ["Question 2?"]
        assert any("do not fit" in reason for reason in answer.reasons)


async def test_a_session_can_be_read_and_forgotten(conninfo: str, tmp_path: Path, claude: ScriptedClaude) -> None:
    claude.always_answers("Paris.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        coordinator = await stack.coordinator()
        await ask(stack, "What is the capital of France?", session_id="talk")
        session = await coordinator.get_session("talk")
        assert [(turn.role, turn.content) for turn in session.turns] == [
            ("user", "What is the capital of France?"),
            ("assistant", "Paris."),
        ]
        assert 1700 < session.seconds_left <= 1800
        assert session.tokens > 0
        assert (await coordinator.clear_session("talk")).turns_removed == 2
        assert (await coordinator.clear_session("talk")).turns_removed == 0
        with pytest.raises(NotFoundError, match="30 minutes after its last question"):
            await coordinator.get_session("talk")
        await ask(stack, "And of Spain?", session_id="talk")
        assert len(turns_sent(claude)) == 1


async def test_an_answer_under_way_does_not_bring_a_forgotten_session_back(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    asked, cleared = threading.Event(), threading.Event()

    def held_back(request: Received) -> Response:
        asked.set()
        cleared.wait(30)
        return answer("Noted: your PIN is 4711.")(request)

    claude.then(held_back)
    claude.always_answers("I do not know it.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        coordinator = await stack.coordinator()
        saying = asyncio.create_task(ask(stack, "My PIN is 4711.", session_id="secret"))
        await asyncio.to_thread(asked.wait, 30)
        await coordinator.clear_session("secret")
        cleared.set()
        assert "4711" in (await saying).response
        with pytest.raises(NotFoundError):
            await coordinator.get_session("secret")
        assert (await ask(stack, "My PIN is 4711.", session_id="secret")).response == "I do not know it."


async def test_what_was_answered_before_a_session_was_forgotten_is_not_served_again(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.answers("Your password is hunter2.")
    claude.always_answers("I do not know it.")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        first = await ask(stack, "My password is hunter2, say it.", session_id="chat")
        await (await stack.coordinator()).clear_session("chat")
        again = await ask(stack, "My password is hunter2, say it.", session_id="chat")
        assert (first.response, again.response, again.cached) == (
            "Your password is hunter2.",
            "I do not know it.",
            False,
        )


async def test_a_session_must_have_a_name(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        coordinator = await stack.coordinator()
        with pytest.raises(UsageError, match="session_id is empty"):
            await coordinator.get_session(" ")
        with pytest.raises(UsageError, match="control character"):
            await coordinator.clear_session("a\x00b")
        with pytest.raises(UsageError, match="at most 200"):
            await ask(stack, "What?", session_id="x" * 201)
