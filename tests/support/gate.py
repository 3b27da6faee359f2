"""A gate in front of a scripted provider, and the providers' own clients in front of the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai

from mcp_stack.llm.prices import Price, Rates
from mcp_stack.llm.raw.claude_api import ClaudeApi
from mcp_stack.llm.raw.openai_api import OpenAIApi
from mcp_stack.ports.agent import ModelAccess
from mcp_stack.ports.agent_models import AgentModel
from mcp_stack.ralph.gate.gate import LoopbackGate
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI

PROVIDERS_KEY = "sk-the-providers-own-key"
QUESTION: Any = [{"role": "user", "content": "Capital of France?"}]
PRICE = Price(Rates.of(2, 10))
"""Of both scripted models."""


def model_of(provider: ScriptedOpenAI | ScriptedClaude, timeout_seconds: float = 20) -> AgentModel:
    """The adapter for a scripted provider."""
    if isinstance(provider, ScriptedClaude):
        return claude_at(provider.url, timeout_seconds=timeout_seconds)
    return openai_at(provider.url, timeout_seconds=timeout_seconds)


def claude_at(url: str, model: str = "claude-sonnet-5-5", timeout_seconds: float = 20) -> AgentModel:
    """A model that speaks Anthropic's API."""
    return ClaudeApi(PROVIDERS_KEY, model, PRICE, base_url=url, timeout_seconds=timeout_seconds)


def openai_at(url: str, model: str = "", timeout_seconds: float = 20) -> AgentModel:
    """A model that speaks OpenAI's API; the first that is listed if none is named."""
    return OpenAIApi(f"{url}/v1", model, PROVIDERS_KEY, PRICE, timeout_seconds=timeout_seconds)


class Pauses:
    """Stands for `asyncio.sleep`: keeps what it was asked for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def gate_to(
    model: AgentModel, *, wait_seconds: float = 300, sleep: Callable[[float], Awaitable[None]] | None = None
) -> AsyncIterator[LoopbackGate]:
    """A gate to a model, closed at the end."""
    gate = LoopbackGate(lambda: model, wait_seconds=wait_seconds, sleep=sleep or Pauses())
    try:
        yield gate
    finally:
        await gate.close()


@asynccontextmanager
async def openai_client(access: ModelAccess, *, max_retries: int = 0) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's own client, as an agent makes it."""
    async with openai.AsyncOpenAI(base_url=access.openai_url, api_key=access.key, max_retries=max_retries) as client:
        yield client


@asynccontextmanager
async def anthropic_client(access: ModelAccess, *, max_retries: int = 0) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Anthropic's own client, as an agent makes it."""
    async with anthropic.AsyncAnthropic(
        base_url=access.anthropic_url, api_key=access.key, max_retries=max_retries
    ) as client:
        yield client


async def ask(access: ModelAccess, **details: Any) -> str:
    """One question by OpenAI's client."""
    async with openai_client(access, **details) as client:
        reply = await client.chat.completions.create(model="m", messages=QUESTION)
    return str(reply.choices[0].message.content)


async def ask_claude(access: ModelAccess, **details: Any) -> str:
    """One question by Anthropic's client."""
    async with anthropic_client(access, **details) as client:
        reply: Any = await client.messages.create(model="m", max_tokens=50, messages=QUESTION)
    return str(reply.content[0].text)


async def read_stream(access: ModelAccess, pieces: list[str]) -> None:
    """One question by OpenAI's client, its answer piece by piece."""
    async with openai_client(access) as client:
        stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
        async for chunk in stream:
            pieces += [choice.delta.content or "" for choice in chunk.choices]
