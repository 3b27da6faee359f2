"""Which model `ralph.model` stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_stack.composition.agent_models import agent_model
from mcp_stack.composition.models import ModelAdapters
from mcp_stack.composition.stores import Stores
from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.llm.raw.claude_api import ClaudeApi
from mcp_stack.llm.raw.in_process import InProcessModel
from mcp_stack.llm.raw.openai_api import OpenAIApi
from mcp_stack.ports.agent_models import Usage
from mcp_stack.ralph.gate.gate import LoopbackGate
from mcp_stack.settings import Settings
from tests.support.scripted_openai import ScriptedOpenAI
from tests.support.tiny_gguf import write_tiny_gguf

KEY = {"claude": {"api_key": "sk-ant"}}
ENDPOINT = {"local": {"url": "http://127.0.0.1:9/v1", "model": "qwen"}}


def _adapters(data: Path, llm: dict[str, Any], name: str = "") -> tuple[Settings, ModelAdapters]:
    settings = Settings.model_validate({"data": data, "llm": llm, "ralph": {"model": name}})
    return settings, ModelAdapters(settings, Stores(settings))


@pytest.mark.parametrize(
    ("name", "llm", "kind", "model"),
    [
        ("", KEY | ENDPOINT, ClaudeApi, "claude-sonnet-5-5"),
        ("", ENDPOINT, OpenAIApi, "qwen"),
        ("claude", KEY | ENDPOINT, ClaudeApi, "claude-sonnet-5-5"),
        ("claude-opus-5", KEY | ENDPOINT, ClaudeApi, "claude-opus-5"),
        ("claude-opus-5", ENDPOINT, OpenAIApi, "claude-opus-5"),
        ("local", KEY | ENDPOINT, OpenAIApi, "qwen"),
        ("qwen3-coder", KEY | ENDPOINT, OpenAIApi, "qwen3-coder"),
    ],
)
async def test_a_name_stands_for_a_model(
    tmp_path: Path, name: str, llm: dict[str, Any], kind: type, model: str
) -> None:
    chosen = agent_model(*_adapters(tmp_path, llm, name))
    assert isinstance(chosen, kind)
    assert await chosen.name() == model


@pytest.mark.parametrize("name", ["", "local", "tiny"])
async def test_without_an_endpoint_the_pulled_model_is_meant(tmp_path: Path, name: str) -> None:
    (tmp_path / "models").mkdir()
    write_tiny_gguf(tmp_path / "models" / "tiny.gguf")
    write_tiny_gguf(tmp_path / "models" / "other.gguf")
    settings, models = _adapters(tmp_path, {"local": {"model": "tiny"}}, name)
    chosen = agent_model(settings, models)
    assert isinstance(chosen, InProcessModel)
    assert await chosen.name() == "tiny"
    other = agent_model(*_adapters(tmp_path, {"local": {"model": "tiny"}}, "other"))
    assert await other.name() == "other"


async def test_an_endpoint_without_a_model_is_asked_for_the_first_it_lists(tmp_path: Path) -> None:
    with ScriptedOpenAI(models=["qwen-7b", "other"]) as server:
        chosen = agent_model(*_adapters(tmp_path, {"local": {"url": f"{server.url}/v1"}}))
        assert await chosen.name() == "qwen-7b"
        await chosen.close()


@pytest.mark.parametrize(
    ("name", "llm", "said"),
    [
        ("", {}, "no model is configured for agents.*ANTHROPIC_API_KEY"),
        ("claude", ENDPOINT, "there is no key"),
        ("nonesuch", KEY, "'nonesuch' is not on this machine.*models pull nonesuch"),
    ],
)
async def test_what_is_not_configured_is_unavailable_and_says_what_to_do(
    tmp_path: Path, name: str, llm: dict[str, Any], said: str
) -> None:
    gate = LoopbackGate(lambda: agent_model(*_adapters(tmp_path, llm, name)), wait_seconds=0)
    with pytest.raises(UnavailableError, match=said):
        async with gate.open("task", max_cost_usd=0):
            pass


async def test_an_endpoint_that_is_down_is_unavailable_when_its_model_has_to_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"lost or refused.*llm\.local\.url"):
        await agent_model(*_adapters(tmp_path, {"local": {"url": "http://127.0.0.1:9/v1"}})).name()


async def test_an_unknown_price_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="price"):
        agent_model(*_adapters(tmp_path, KEY, "claude-unheard-of-9"))


async def test_the_prices_are_those_of_the_model(tmp_path: Path) -> None:
    used = Usage(tokens_in=1_000_000, tokens_out=1_000_000)
    claude = {"claude": {**KEY["claude"], "price_input_per_million": 7, "price_output_per_million": 8}}
    assert agent_model(*_adapters(tmp_path, claude)).cost_usd(used) == 15
    assert agent_model(*_adapters(tmp_path, claude, "claude-opus-5")).cost_usd(used) == 30
    hosted = {"local": {**ENDPOINT["local"], "price_input_per_million": 1, "price_output_per_million": 2}}
    assert agent_model(*_adapters(tmp_path, hosted)).cost_usd(used) == 3
