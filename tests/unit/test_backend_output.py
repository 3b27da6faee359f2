"""Reading what agents print: whatever it is, it never fails, and what is told is found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_stack.ralph.backends import INSTALLED_PROGRAMS
from mcp_stack.ralph.backends.locating import Programs
from mcp_stack.ralph.backends.place import Place, read_end
from mcp_stack.ralph.backends.program import Said
from tests.support.unconfined import Unconfined

FIGURES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
KEYS = (
    *("type", "message", "content", "text", "role", "id", "usage", "result", "response", "status", "tokens"),
    *("total_tokens", "total_cost_usd", "input_tokens", "is_error", "failed"),
)
WORDS = st.sampled_from(["message", "result", "complete", "assistant", "text", "error"])
EVENTS = st.recursive(
    FIGURES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner | WORDS, max_size=6),
    max_leaves=12,
)


def said(name: str, folder: Path, output: str, chat: str = "") -> Said:
    file = folder / "agent.log"
    file.write_bytes(output.encode(errors="surrogatepass"))
    (folder / "chat.md").write_text(chat, encoding="utf-8")
    agent = INSTALLED_PROGRAMS[name](Programs({}, folder, {}), {}, Unconfined())
    return agent._said(Place(folder, folder, folder), file)


@pytest.mark.parametrize("name", INSTALLED_PROGRAMS)
@given(lines=st.lists(EVENTS.map(json.dumps) | st.text(max_size=40), max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_output_is_read(name: str, lines: list[str], tmp_path: Path) -> None:
    found = said(name, tmp_path, "\n".join(lines), "\n".join(lines))
    assert found.tokens >= 0
    assert found.cost_usd >= 0


def test_aider_tells_tokens_and_cost_of_each_message(tmp_path: Path) -> None:
    output = (
        "Tokens: 2.1k sent, 1.3k cache hit, 312 received. Cost: $0.01 message, $0.01 session.\n"
        "I see 'Tokens: many'.\nTokens: 900 sent, 1,100 received. Cost: $0.0025 message, $0.0125 session.\n"
    )
    found = said("aider", tmp_path, output)
    assert found.tokens == 2100 + 312 + 900 + 1100
    assert found.cost_usd == pytest.approx(0.0125)


def test_the_last_words_of_aider_are_its_models_not_its_own(tmp_path: Path) -> None:
    chat = (
        "# aider chat started\n\n#### Mend it.\n\nFirst try.\n\n> Tokens: 1 sent, 1 received.\n\n#### It fails.\n\n"
        "a.py\n```\n<<<<<<< SEARCH\nx\n```\n\nALL DONE\n\n> Tokens: 1 sent, 1 received.\n> Applied edit to a.py\n"
    )
    assert said("aider", tmp_path, "", chat).text.splitlines()[-1] == "ALL DONE"


def _link(chat: Path) -> None:
    chat.symlink_to(chat.with_name("secret"))


@pytest.mark.parametrize("made", [_link, os.mkfifo, Path.mkdir])
def test_what_an_agent_puts_in_the_place_of_its_file_is_not_followed(
    tmp_path: Path, made: Callable[[Path], None]
) -> None:
    secret, chat = tmp_path / "secret", tmp_path / "chat.md"
    secret.write_text("#### x\n\ns3cret\n")
    made(chat)
    assert read_end(chat) == ""
    assert "s3cret" in read_end(secret)


def test_an_error_that_aider_goes_on_after_is_no_failure(tmp_path: Path) -> None:
    error = "litellm.BadRequestError: OpenAIException - no\n"
    assert said("aider", tmp_path, error).failed
    assert not said("aider", tmp_path, f"{error}Tokens: 10 sent, 5 received.\n").failed


def test_goose_joins_the_pieces_of_a_message(tmp_path: Path) -> None:
    def piece(identity: str, text: str) -> str:
        content = [{"type": "text", "text": text}]
        return json.dumps({"type": "message", "message": {"id": identity, "role": "assistant", "content": content}})

    lines = (piece("1", "First."), piece("2", "All "), piece("2", "done."), '{"type": "complete", "total_tokens": 7}')
    found = said("goose", tmp_path, "\n".join(lines))
    assert (found.text, found.tokens, found.failed) == ("All done.", 7, False)
    assert said("goose", tmp_path, piece("1", "Ran into this error: 400")).failed
    notice = {"type": "systemNotification", "notificationType": "creditsExhausted", "msg": "no more"}
    message = {"type": "message", "message": {"id": "1", "role": "assistant", "content": [notice]}}
    assert said("goose", tmp_path, json.dumps(message)).failed


def test_claude_tells_the_result_usage_and_price_after_other_lines(tmp_path: Path) -> None:
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 6}
    result = {"type": "result", "result": "Done.", "usage": usage, "total_cost_usd": 0.5, "is_error": False}
    found = said("claude-code", tmp_path, f"[claude-code:unrecognized_model]\n{json.dumps(result)}\n")
    assert found == Said("Done.", 18, 0.5, failed=False)
    ended = {"type": "result", "subtype": "error_max_turns", "is_error": True}
    assert said("claude-code", tmp_path, json.dumps(ended)) == Said("error_max_turns", failed=True)


def test_continue_tells_its_answer_or_its_error(tmp_path: Path) -> None:
    assert said("continue", tmp_path, '{"response": "Done.", "status": "success"}') == Said("Done.")
    assert said("continue", tmp_path, "").failed
    assert said("continue", tmp_path, '{"status": "error", "message": "400"}') == Said("400", failed=True)
