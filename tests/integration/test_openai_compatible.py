"""An OpenAI-compatible endpoint through the real SDK, answering by script."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.llm.openai_compatible import OpenAICompatibleChat
from mcp_stack.ports.chat import Completion, FailedAnswerError, Message
from tests.support.http_endpoint import STALL, never_ending
from tests.support.scripted_openai import ScriptedOpenAI

QUESTION = [Message("system", "Be brief."), Message("user", "Capital of France?")]


@pytest.fixture
def server() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI(models=["qwen-7b", "other"]) as endpoint:
        yield endpoint


@pytest.fixture
async def model(server: ScriptedOpenAI) -> AsyncIterator[OpenAICompatibleChat]:
    chat = OpenAICompatibleChat(f"{server.url}/v1", max_retries=0, timeout_seconds=10)
    yield chat
    await chat.close()


async def test_without_a_model_the_first_that_the_endpoint_lists_is_asked(
    server: ScriptedOpenAI, model: OpenAICompatibleChat
) -> None:
    server.always_answers("Paris.")
    assert (await model.complete(QUESTION, 50)).model == "qwen-7b"
    await model.complete(QUESTION, 50)
    assert [request.path for request in server.received] == ["/v1/models", *["/v1/chat/completions"] * 2]
    assert server.received[-1].body["temperature"] == 0


async def test_a_given_model_is_asked_without_listing(server: ScriptedOpenAI) -> None:
    server.answers("Paris.")
    model = OpenAICompatibleChat(f"{server.url}/v1", "other")
    assert await model.complete(QUESTION, 50) == Completion("Paris.", "other", tokens_in=10, tokens_out=5)
    assert [request.path for request in server.received] == ["/v1/chat/completions"]
    await model.close()


@pytest.mark.parametrize("offered", [True, False])
async def test_a_stream_counts_tokens_where_the_server_tells_them(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, offered: bool
) -> None:
    server.answers("Paris it is.", tokens_in=11, tokens_out=4, usage_offered=offered)
    *pieces, completion = [item async for item in model.stream(QUESTION, 50)]
    assert pieces == ["Paris", " it", " is."]
    assert isinstance(completion, Completion)
    assert (completion.tokens_in, completion.tokens_out) == ((11, 4) if offered else (0, 0))


async def test_an_answer_cut_short_says_so(server: ScriptedOpenAI, model: OpenAICompatibleChat) -> None:
    server.answers("The capital of", finish_reason="length")
    assert (await model.complete(QUESTION, 3)).truncated


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reason", ["content_filter", "tool_calls"])
async def test_what_stopped_before_it_was_an_answer_is_a_failure(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, reason: str, streamed: bool
) -> None:
    server.answers("Half an ans", finish_reason=reason)
    with pytest.raises(FailedAnswerError, match=reason):
        await drained(model, streamed=streamed)


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_no_database_can_hold_is_replaced_and_white_space_alone_is_no_answer(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, streamed: bool
) -> None:
    server.answers("a\0b \udfff.")
    assert (await drained(model, streamed=streamed)).text == "a\ufffdb \ufffd."
    server.answers(" \n\t")
    with pytest.raises(FailedAnswerError, match="without any text"):
        await drained(model, streamed=streamed)


@pytest.mark.parametrize("tokens", ["3000000000", "NaN", "Infinity", "-1", "-1e9", '"ten"', "true"])
@pytest.mark.parametrize("counted", ["prompt_tokens", "completion_tokens"])
async def test_a_number_of_tokens_that_cannot_be_is_unavailable(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, tokens: str, counted: str
) -> None:
    counts = {"prompt_tokens": "10", "completion_tokens": "5", counted: tokens}
    told = ", ".join(f'"{name}": {count}' for name, count in counts.items())
    server.says(
        '{"id": "c", "object": "chat.completion", "created": 0, "model": null, "choices": [{"index": 0, "message":'
        f' {{"role": "assistant", "content": "Paris."}}, "finish_reason": "stop"}}], "usage": {{{told}}}}}'
    )
    with pytest.raises(UnavailableError, match="malformed"):
        await model.complete(QUESTION, 50)


@pytest.mark.parametrize("streamed", [False, True])
async def test_more_words_than_were_asked_for_are_cut_off(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, streamed: bool
) -> None:
    server.answers("word " * 4000)
    with pytest.raises(UnavailableError, match="more than was asked for"):
        await drained(model, streamed=streamed, max_tokens=10)


@pytest.mark.parametrize("content", ["word ", ""])
async def test_a_stream_without_end_is_given_up(server: ScriptedOpenAI, content: str) -> None:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    server.then(never_ending(f"data: {json.dumps(chunk)}\n\n"))
    model = OpenAICompatibleChat(f"{server.url}/v1", max_retries=0, timeout_seconds=0.3)
    with pytest.raises(UnavailableError, match=r"did not answer|more than was asked for"):
        await drained(model, streamed=True)
    await model.close()


async def drained(model: OpenAICompatibleChat, *, streamed: bool, max_tokens: int = 50) -> Completion:
    """The completion, asked for whole or as a stream."""
    if not streamed:
        return await model.complete(QUESTION, max_tokens)
    last = [item async for item in model.stream(QUESTION, max_tokens)][-1]
    assert isinstance(last, Completion)
    return last


async def test_a_connection_dropped_in_mid_stream_is_unavailable(
    server: ScriptedOpenAI, model: OpenAICompatibleChat
) -> None:
    server.drops_connection(after="The capital")
    pieces: list[str | Completion] = []
    with pytest.raises(UnavailableError, match="was lost"):
        await _read(model, pieces)
    assert pieces == ["The", " capital"]


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "the request exceeds the available context size, try increasing it", ""),  # llama-server
        (400, "This model's maximum context length is 4096 tokens", ""),  # vLLM
        (400, "too many tokens", "context_length_exceeded"),  # OpenAI
    ],
)
async def test_a_conversation_that_is_too_long_is_the_callers_fault(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, status: int, message: str, code: str
) -> None:
    server.fails(status, message, code=code)
    with pytest.raises(UsageError, match=message[:20]):
        await model.complete(QUESTION, 50)


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refuses the API key"), (404, r"llm\.local\.model"), (500, "HTTP 500"), (400, "no")]
)
async def test_other_failures_are_unavailable(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, status: int, words: str
) -> None:
    server.fails(status)
    with pytest.raises(UnavailableError, match=words):
        await model.complete(QUESTION, 50)


async def test_a_busy_endpoint_is_asked_again_when_it_wants(server: ScriptedOpenAI) -> None:
    server.fails(429, retry_after=0.01)
    server.fails(503, retry_after=0.01)
    server.answers("Paris.")
    model = OpenAICompatibleChat(f"{server.url}/v1", "other", max_retries=2)
    assert (await model.complete(QUESTION, 50)).text == "Paris."
    await model.close()


async def test_an_endpoint_that_stays_busy_is_unavailable(server: ScriptedOpenAI, model: OpenAICompatibleChat) -> None:
    for status in (429, 529):
        server.fails(status)
        with pytest.raises(UnavailableError, match=f"HTTP {status}"):
            await model.complete(QUESTION, 50)


async def test_a_stream_that_stalls_is_given_up(server: ScriptedOpenAI) -> None:
    server.streams(_chunk(content="Paris"), STALL)
    model = OpenAICompatibleChat(f"{server.url}/v1", "other", max_retries=0, timeout_seconds=0.3)
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"):
        await _read(model, [])
    await model.close()


def _chunk(reason: str | None = None, **delta: object) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"


def _reply(**changes: object) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Paris."}, "finish_reason": "stop"}
    return json.dumps({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice]} | changes)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{not json",
        "[1, 2]",
        "null",
        "{}",
        _reply(choices=None),
        _reply(choices=[]),
        _reply(choices=[{"index": 0, "message": None}]),
        _reply(choices=[{"index": 0, "message": {"role": "assistant", "content": [1]}}]),
        _reply(usage={"prompt_tokens": "many", "completion_tokens": 2}),
    ],
)
async def test_a_malformed_reply_is_unavailable(server: ScriptedOpenAI, model: OpenAICompatibleChat, body: str) -> None:
    server.says(body)
    with pytest.raises(UnavailableError, match="malformed"):
        await model.complete(QUESTION, 50)


@pytest.mark.parametrize(
    "events",
    [
        (_chunk(content="Hi"), "data: {oops\n\n"),
        (_chunk(content="Hi"), 'data: {"choices": null}\n\n'),
        ("data: [1]\n\n",),
        (_chunk(content=5), _chunk("stop")),
    ],
)
async def test_a_malformed_stream_is_unavailable(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, events: tuple[str, ...]
) -> None:
    server.streams(*events)
    with pytest.raises(UnavailableError, match="malformed"):
        await _read(model, [])


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 5}])
async def test_an_endpoint_that_names_neither_model_nor_tokens_is_good_enough(
    server: ScriptedOpenAI, model: OpenAICompatibleChat, usage: object
) -> None:
    server.says(_reply(model=None, usage=usage))
    completion = await model.complete(QUESTION, 50)
    assert (completion.text, completion.model, completion.tokens_out) == ("Paris.", model.name, 0)


async def test_an_answer_without_text_is_a_failure(server: ScriptedOpenAI, model: OpenAICompatibleChat) -> None:
    server.answers("")
    with pytest.raises(FailedAnswerError, match="without any text"):
        await model.complete(QUESTION, 50)
    server.answers("")
    with pytest.raises(FailedAnswerError, match="without any text"):
        await _read(model, [])


async def test_a_hosted_endpoint_has_its_price(server: ScriptedOpenAI) -> None:
    model = OpenAICompatibleChat(f"{server.url}/v1", "other", price_input_per_million=0.5, price_output_per_million=1.5)
    server.always_answers("Paris.", tokens_in=1000, tokens_out=100)
    assert (await model.complete(QUESTION, 50)).cost_usd == 0.00065
    *_, last = [item async for item in model.stream(QUESTION, 50)]
    assert isinstance(last, Completion)
    assert last.cost_usd == 0.00065
    await model.close()


async def test_an_endpoint_without_models_is_unavailable() -> None:
    with ScriptedOpenAI(models=[]) as server:
        model = OpenAICompatibleChat(f"{server.url}/v1")
        with pytest.raises(UnavailableError, match="has no model"):
            await model.complete(QUESTION, 50)
        await model.close()


async def test_nobody_listening_is_unavailable_and_a_password_in_the_address_is_not_shown() -> None:
    with ScriptedOpenAI() as server:
        gone = server.url.replace("//", "//user:hidden@")
    model = OpenAICompatibleChat(f"{gone}/v1", max_retries=0)
    with pytest.raises(UnavailableError, match="was lost or refused") as failed:
        await model.complete(QUESTION, 50)
    assert "hidden" not in str(failed.value)
    assert "hidden" not in model.name
    await model.close()


async def _read(model: OpenAICompatibleChat, pieces: list[str | Completion]) -> None:
    """Keeps what came before an error, too."""
    async for piece in model.stream(QUESTION, 50):
        pieces.append(piece)  # noqa: PERF401 - a comprehension would lose the pieces before an error
