"""Claude through the real SDK, at an endpoint that answers by script."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.llm.claude import ClaudeChat
from mcp_stack.ports.chat import Completion, FailedAnswerError, Message
from tests.support.http_endpoint import never_ending
from tests.support.scripted_claude import ScriptedClaude, event_text

KEY = "sk-ant-very-secret-0123456789"
QUESTION = [Message("system", "Be brief."), Message("system", "Be kind."), Message("user", "Capital of France?")]


@pytest.fixture
async def model(claude: ScriptedClaude) -> AsyncIterator[ClaudeChat]:
    chat = ClaudeChat(KEY, model="claude-sonnet-4-6", base_url=claude.url, max_retries=1, timeout_seconds=10)
    yield chat
    await chat.close()


async def test_an_answer_carries_its_tokens_and_its_cost_with_cache_prices(
    claude: ScriptedClaude, model: ClaudeChat
) -> None:
    claude.answers("Paris.", tokens_in=1000, tokens_out=100, cache_write=2000, cache_read=3000, thinking="France ...")
    completion = await model.complete(QUESTION, 50)
    # (1000 * 3 + 100 * 15 + 2000 * 3.75 + 3000 * 0.3) / 1e6
    assert completion == Completion("Paris.", "claude-sonnet-4-6", 6000, 100, cost_usd=0.0129)


async def test_system_messages_are_sent_as_the_system_prompt_and_the_key_as_a_header(
    claude: ScriptedClaude, model: ClaudeChat
) -> None:
    claude.answers("Paris.")
    await model.complete([*QUESTION, Message("assistant", "Paris."), Message("user", "Sure?")], 50)
    (request,) = claude.received
    assert request.path == "/v1/messages"
    assert request.body["system"] == "Be brief.\n\nBe kind."
    assert [turn["role"] for turn in request.body["messages"]] == ["user", "assistant", "user"]
    assert request.body["max_tokens"] == 50
    assert any(KEY in value for value in request.headers.values())


async def test_a_stream_has_the_same_tokens_and_cost_and_leaves_thinking_out(
    claude: ScriptedClaude, model: ClaudeChat
) -> None:
    claude.answers("Paris it is.", tokens_in=1000, tokens_out=100, cache_read=3000, thinking="Let me see.")
    items = [item async for item in model.stream(QUESTION, 50)]
    assert items[:-1] == ["Paris", " it", " is."]
    assert items[-1] == Completion("Paris it is.", "claude-sonnet-4-6", 4000, 100, cost_usd=0.0054)


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
async def test_an_answer_cut_short_says_so(claude: ScriptedClaude, model: ClaudeChat, reason: str) -> None:
    claude.answers("The capital of", stop_reason=reason)
    assert (await model.complete(QUESTION, 3)).truncated


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reason", ["refusal", "pause_turn", "tool_use", "something_new"])
async def test_what_stopped_before_it_was_an_answer_is_a_failure_that_was_paid_for(
    claude: ScriptedClaude, model: ClaudeChat, reason: str, streamed: bool
) -> None:
    claude.answers("Half an ans", stop_reason=reason, tokens_in=1000, tokens_out=100)
    with pytest.raises(FailedAnswerError, match=reason) as failed:
        await drained(model, streamed=streamed)
    assert failed.value.spent_usd == 0.0045


@pytest.mark.parametrize("streamed", [False, True])
async def test_white_space_alone_is_no_answer(claude: ScriptedClaude, model: ClaudeChat, streamed: bool) -> None:
    claude.answers(" \n ")
    with pytest.raises(FailedAnswerError, match="without any text"):
        await drained(model, streamed=streamed)


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_no_database_can_hold_is_replaced(claude: ScriptedClaude, model: ClaudeChat, streamed: bool) -> None:
    claude.answers("a\0b \ud800 \U0001f389.", model="cl\0aude")
    completion = await drained(model, streamed=streamed)
    assert (completion.text, completion.model) == ("a\ufffdb \ufffd \U0001f389.", "cl\ufffdaude")


async def test_an_answer_of_no_model_is_of_the_one_that_was_asked(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.says(message_text(model="null"))
    assert (await model.complete(QUESTION, 50)).model == "claude-sonnet-4-6"


@pytest.mark.parametrize("tokens", ["3000000000", "NaN", "-NaN", "Infinity", "-1", "-1e9", "1e400", '"ten"', "[]"])
@pytest.mark.parametrize("counted", ["input_tokens", "output_tokens", "cache_read_input_tokens"])
async def test_a_number_of_tokens_that_cannot_be_is_unavailable(
    claude: ScriptedClaude, model: ClaudeChat, tokens: str, counted: str
) -> None:
    claude.says(message_text(usage={counted: tokens}))
    with pytest.raises(UnavailableError, match="malformed"):
        await model.complete(QUESTION, 50)


@pytest.mark.parametrize("streamed", [False, True])
async def test_more_words_than_were_asked_for_are_cut_off_and_paid(claude: ScriptedClaude, streamed: bool) -> None:
    claude.answers("word " * 4000, tokens_in=1000)
    model = ClaudeChat(KEY, model="claude-sonnet-4-6", base_url=claude.url, max_retries=0)
    with pytest.raises(FailedAnswerError, match="more than was asked for") as failed:
        await drained(model, streamed=streamed, max_tokens=10)
    assert failed.value.spent_usd >= 0.003
    await model.close()


async def test_a_stream_that_is_busy_without_end_is_given_up(claude: ScriptedClaude) -> None:
    claude.then(never_ending('event: ping\ndata: {"type": "ping"}\n\n'))
    model = ClaudeChat(KEY, base_url=claude.url, max_retries=0, timeout_seconds=0.3)
    with pytest.raises(UnavailableError, match="did not answer"):
        await drained(model, streamed=True)
    await model.close()


async def drained(model: ClaudeChat, *, streamed: bool, max_tokens: int = 50) -> Completion:
    """The completion, asked for whole or as a stream."""
    if not streamed:
        return await model.complete(QUESTION, max_tokens)
    last = [item async for item in model.stream(QUESTION, max_tokens)][-1]
    assert isinstance(last, Completion)
    return last


def message_text(model: str = '"claude-sonnet-4-6"', usage: Mapping[str, str] | None = None) -> str:
    """A reply as JSON text, for numbers that Python would not write."""
    counts = {"input_tokens": "10", "output_tokens": "5", **(usage or {})}
    told = ", ".join(f'"{name}": {count}' for name, count in counts.items())
    return (
        f'{{"id": "m", "type": "message", "role": "assistant", "model": {model}, "content": [{{"type": "text", "text":'
        f' "Paris."}}], "stop_reason": "end_turn", "stop_sequence": null, "usage": {{{told}}}}}'
    )


@pytest.mark.parametrize("streamed", [False, True], ids=["complete", "stream"])
async def test_after_429_it_waits_as_long_as_asked_and_succeeds(
    claude: ScriptedClaude, model: ClaudeChat, streamed: bool
) -> None:
    claude.fails(429, retry_after=1.2)  # longer than the SDK's own first backoff of half a second
    claude.answers("Paris.")
    started = time.monotonic()
    completion = await _ask(model, streamed)
    assert time.monotonic() - started >= 1.2
    assert completion.text == "Paris."
    assert len(claude.received) == 2


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "rate limit"), (529, "overloaded"), (500, "HTTP 500")],
)
async def test_a_failure_that_lasts_is_unavailable_after_the_allowed_repetitions(
    claude: ScriptedClaude, model: ClaudeChat, status: int, words: str
) -> None:
    claude.fails(status, retry_after=0.01)
    claude.fails(status, retry_after=0.01)
    with pytest.raises(UnavailableError, match=words) as failed:
        await model.complete(QUESTION, 50)
    assert "try again in 0.01 s" in failed.value.remedy
    assert len(claude.received) == 2


async def test_a_retry_after_beyond_the_timeout_is_not_waited_for(claude: ScriptedClaude) -> None:
    claude.fails(429, retry_after=3600)
    model = ClaudeChat(KEY, base_url=claude.url, timeout_seconds=0.5)
    with pytest.raises(UnavailableError, match=r"within 0\.5 s"):
        await model.complete(QUESTION, 50)
    await model.close()


async def test_400_is_unavailable_and_not_repeated(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.fails(400, "max_tokens: 999999 > 128000")
    with pytest.raises(UnavailableError, match="max_tokens: 999999"):
        await model.complete(QUESTION, 999999)
    assert len(claude.received) == 1


@pytest.mark.parametrize("status", [400, 413])
async def test_a_conversation_that_is_too_long_is_the_callers_fault(
    claude: ScriptedClaude, model: ClaudeChat, status: int
) -> None:
    claude.fails(status, "prompt is too long: 1200000 tokens > 1000000 maximum")
    with pytest.raises(UsageError, match="1200000 tokens > 1000000"):
        await model.complete(QUESTION, 50)


async def test_an_unknown_model_names_the_setting(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.fails(404)
    with pytest.raises(UnavailableError, match=r"llm\.claude\.model"):
        await model.complete(QUESTION, 50)


@pytest.mark.parametrize("streamed", [False, True], ids=["complete", "stream"])
async def test_a_connection_dropped_before_the_answer_is_tried_again(
    claude: ScriptedClaude, model: ClaudeChat, streamed: bool
) -> None:
    claude.drops_connection()
    claude.answers("Paris.")
    assert (await _ask(model, streamed)).text == "Paris."


async def test_a_connection_that_always_drops_is_unavailable(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.drops_connection()
    claude.drops_connection()
    with pytest.raises(UnavailableError, match="connection to Claude was lost"):
        await model.complete(QUESTION, 50)


async def test_a_connection_dropped_in_mid_stream_gives_the_pieces_and_then_unavailable(
    claude: ScriptedClaude, model: ClaudeChat
) -> None:
    claude.drops_connection(after="The capital is")
    pieces: list[str | Completion] = []
    with pytest.raises(UnavailableError, match="connection to Claude was lost"):
        await _read(model, pieces)
    assert pieces == ["The", " capital", " is"]
    assert len(claude.received) == 1


async def test_an_error_event_in_mid_stream_is_unavailable(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.fails_midway("The capital")
    with pytest.raises(UnavailableError, match="overloaded"):
        await _ask(model, streamed=True)


# What a failed answer costs


async def test_a_stream_that_drops_says_what_it_had_cost(claude: ScriptedClaude, model: ClaudeChat) -> None:
    text = "The capital of France is " * 20
    claude.drops_connection(after=text, tokens_in=1000, cache_write=2000, cache_read=3000)
    with pytest.raises(FailedAnswerError, match="connection to Claude was lost") as failed:
        await _ask(model, streamed=True)
    partial = failed.value.partial
    assert (partial.text, partial.tokens_in) == (text, 6000)
    # 500 characters come to 125 tokens: (1000 * 3 + 125 * 15 + 2000 * 3.75 + 3000 * 0.3) / 1e6
    assert (partial.tokens_out, failed.value.spent_usd) == (125, 0.013275)


async def test_an_error_event_in_mid_stream_says_what_it_had_cost(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.fails_midway("The capital", tokens_in=1000)
    with pytest.raises(FailedAnswerError, match="overloaded") as failed:
        await _ask(model, streamed=True)
    assert failed.value.spent_usd == 0.00303  # (1000 * 3 + 2 * 15) / 1e6


async def test_a_stream_that_stalls_is_given_up_and_says_what_it_had_cost(claude: ScriptedClaude) -> None:
    claude.stalls("The capital")
    model = ClaudeChat(KEY, base_url=claude.url, timeout_seconds=0.3)
    with pytest.raises(FailedAnswerError, match=r"did not answer within 0\.3 s") as failed:
        await _ask(model, streamed=True)
    assert failed.value.spent_usd > 0
    await model.close()


async def test_what_was_refused_or_never_began_costs_nothing(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.fails(401)
    claude.drops_connection()
    claude.drops_connection()
    for _ in range(2):
        with pytest.raises(UnavailableError) as failed:
            await _ask(model, streamed=True)
        assert not isinstance(failed.value, FailedAnswerError)


@pytest.mark.parametrize("streamed", [False, True], ids=["complete", "stream"])
@pytest.mark.parametrize("reason", ["end_turn", "refusal", "max_tokens"])
async def test_an_answer_without_text_is_a_failure_that_was_paid_for(
    claude: ScriptedClaude, model: ClaudeChat, streamed: bool, reason: str
) -> None:
    claude.answers("", stop_reason=reason, tokens_in=1000, tokens_out=0)
    with pytest.raises(FailedAnswerError, match=reason) as failed:
        await _ask(model, streamed)
    assert failed.value.spent_usd == 0.003


# Replies that are none

_ANSWER = {
    "id": "msg_scripted",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": "Paris."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 2},
}
_START = event_text({"type": "message_start", "message": _ANSWER | {"content": [], "stop_reason": None}})
_DELTA = event_text({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Paris"}})


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{not json",
        "[1, 2]",
        "null",
        json.dumps({name: value for name, value in _ANSWER.items() if name != "usage"}),
        json.dumps(_ANSWER | {"usage": None}),
        json.dumps(_ANSWER | {"usage": {"input_tokens": "many", "output_tokens": 2}}),
        json.dumps(_ANSWER | {"content": None}),
        json.dumps(_ANSWER | {"content": [{"type": "text", "text": None}]}),
    ],
)
async def test_a_malformed_reply_is_unavailable(claude: ScriptedClaude, model: ClaudeChat, body: str) -> None:
    claude.says(body)
    with pytest.raises(UnavailableError, match="malformed"):
        await model.complete(QUESTION, 50)
    claude.answers("Paris.")
    assert (await model.complete(QUESTION, 50)).text == "Paris."


async def test_a_page_instead_of_a_reply_is_unavailable(claude: ScriptedClaude, model: ClaudeChat) -> None:
    for streamed in (False, True):
        claude.says("<html>Please log in</html>", kind="text/html")
        with pytest.raises(UnavailableError, match="malformed"):
            await _ask(model, streamed)


@pytest.mark.parametrize(
    "events",
    [
        (),
        (_DELTA,),
        (_START, "event: content_block_delta\ndata: {oops\n\n"),
        (_START, _DELTA),
        (event_text({"type": "message_start", "message": {"type": "message"}}), _DELTA),
        (_START, event_text({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})),
    ],
)
async def test_a_malformed_stream_is_unavailable(
    claude: ScriptedClaude, model: ClaudeChat, events: tuple[str, ...]
) -> None:
    claude.streams(*events)
    with pytest.raises(UnavailableError, match="malformed"):
        await _ask(model, streamed=True)


# The prompt cache


def _marked(body: dict[str, Any]) -> list[str]:
    """Texts that carry a mark, in the order of the prompt."""
    blocks = [body.get("system", ""), *(turn["content"] for turn in body["messages"])]
    return [block["text"] for each in blocks if isinstance(each, list) for block in each if "cache_control" in block]


async def test_a_long_system_prompt_is_marked_and_a_short_one_is_not(claude: ScriptedClaude, model: ClaudeChat) -> None:
    claude.always_answers("Paris.")
    rules = "Be brief. " * 500
    await model.complete([Message("system", rules), Message("user", "Hello")], 50)
    await _ask(model, streamed=True)
    long, short = (request.body for request in claude.received)
    assert _marked(long) == [rules]
    assert _marked(short) == []


async def test_a_conversation_that_goes_on_is_marked_at_its_last_answer_and_never_at_the_question(
    claude: ScriptedClaude, model: ClaudeChat
) -> None:
    claude.always_answers("Paris.")
    turns = [Message("user", "Tell me of France. " * 150), Message("assistant", "It is a country. " * 150)]
    question = Message("user", "And its capital? " * 300)
    await model.complete([*turns, question], 50)
    await model.complete([question], 50)
    await model.complete([Message("user", "Hello"), Message("assistant", "Hello"), question], 50)
    going_on, first, short = (request.body for request in claude.received)
    assert _marked(going_on) == [turns[1].content]
    assert _marked(first) == []
    assert _marked(short) == []


async def test_nobody_listening_is_unavailable() -> None:
    with ScriptedClaude() as endpoint:
        gone = endpoint.url
    model = ClaudeChat(KEY, base_url=gone, max_retries=0)
    with pytest.raises(UnavailableError, match="connection"):
        await model.complete(QUESTION, 50)
    await model.close()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_named_as_the_cause_but_never_shown(
    claude: ScriptedClaude, model: ClaudeChat, status: int
) -> None:
    claude.fails(status, f"invalid x-api-key {KEY}")
    with pytest.raises(UnavailableError, match="refuses the API key") as refused:
        await model.complete(QUESTION, 50)
    assert "ANTHROPIC_API_KEY" in refused.value.remedy
    assert KEY not in str(refused.value)


async def test_the_key_is_in_no_log_of_any_library_even_at_debug(
    claude: ScriptedClaude, model: ClaudeChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    claude.fails(401)
    with pytest.raises(UnavailableError):
        await model.complete(QUESTION, 50)
    claude.drops_connection()
    claude.answers("Paris.")
    await _ask(model, streamed=True)
    assert len(caplog.records) > 10
    assert KEY not in caplog.text


async def test_without_a_key_it_is_unavailable_and_nothing_is_sent(claude: ScriptedClaude) -> None:
    with pytest.raises(UnavailableError, match="set ANTHROPIC_API_KEY"):
        await ClaudeChat("", base_url=claude.url).complete(QUESTION, 50)
    assert claude.received == []


def test_a_model_without_a_known_price_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match=r"llm\.claude\.price_input_per_million"):
        ClaudeChat(KEY, model="claude-of-tomorrow")


async def test_given_prices_make_any_model_usable(claude: ScriptedClaude) -> None:
    claude.answers("Paris.", tokens_in=1000, tokens_out=100)
    model = ClaudeChat(
        KEY,
        model="claude-of-tomorrow",
        base_url=claude.url,
        price_input_per_million=2,
        price_output_per_million=20,
    )
    assert (await model.complete(QUESTION, 50)).cost_usd == 0.004
    await model.close()


async def _ask(model: ClaudeChat, streamed: bool) -> Completion:
    if not streamed:
        return await model.complete(QUESTION, 50)
    *_, last = [item async for item in model.stream(QUESTION, 50)]
    assert isinstance(last, Completion)
    return last


async def _read(model: ClaudeChat, pieces: list[str | Completion]) -> None:
    """Keeps what came before an error, too."""
    async for piece in model.stream(QUESTION, 50):
        pieces.append(piece)  # noqa: PERF401 - a comprehension would lose the pieces before an error
