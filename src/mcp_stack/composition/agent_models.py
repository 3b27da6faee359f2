"""Which model coding agents work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UnavailableError
from ..settings import Settings
from .models import ModelAdapters, claude_price

if TYPE_CHECKING:
    from ..ports.agent_models import AgentModel

NONE = "none"
"""The name for no model of ours: agents then bring their own."""


def agent_model(settings: Settings, models: ModelAdapters) -> AgentModel:
    """The model that `ralph.model` names.

    - empty: Claude if there is a key for it, else the endpoint at `llm.local.url`, else the local model;
    - `claude`, `local`: Claude, or what `llm.local` says, each with its configured model;
    - `claude-...`, where there is a key for Claude: that model of Claude's;
    - anything else: the model of that name at `llm.local.url`, or if there is no endpoint the pulled one.

    Args:
        settings: Of everything.
        models: Of this process.

    Raises:
        UnavailableError: It is not configured.
        UsageError: Its price is not known, or it is no name of a model.
    """
    name, llm = settings.ralph.model, settings.llm
    has_key = bool(llm.claude.api_key.get_secret_value())
    if name == "claude" or (has_key and (not name or name.startswith("claude-"))):
        if not has_key:
            raise UnavailableError("ralph.model is claude, but there is no key for it", "set ANTHROPIC_API_KEY")
        return _claude(settings, name if name.startswith("claude-") else llm.claude.model)
    own = "" if name == "local" else name
    if llm.local.url:
        return _endpoint(settings, own or llm.local.model)
    return _pulled(own, models)


def _claude(settings: Settings, model: str) -> AgentModel:
    from ..llm.raw.claude_api import ClaudeApi

    claude = settings.llm.claude
    price = claude_price(settings, model)
    key, seconds = claude.api_key.get_secret_value(), settings.ralph.gate.timeout_seconds
    return ClaudeApi(key, model, price, base_url=claude.url, timeout_seconds=seconds)


def _endpoint(settings: Settings, model: str) -> AgentModel:
    from ..llm.prices import Price, Rates
    from ..llm.raw.openai_api import OpenAIApi

    local, seconds = settings.llm.local, settings.ralph.gate.timeout_seconds
    price = Price(Rates.of(local.price_input_per_million, local.price_output_per_million))
    return OpenAIApi(local.url, model, local.api_key.get_secret_value(), price, timeout_seconds=seconds)


def _pulled(name: str, models: ModelAdapters) -> AgentModel:
    from ..llm.gguf_header import chat_template
    from ..llm.raw.in_process import InProcessModel
    from ..llm.raw.tool_text import is_form_of

    try:
        model, file = models.pulled(name)
    except UnavailableError as error:
        if name:
            raise
        raise UnavailableError(
            "no model is configured for agents",
            "set ANTHROPIC_API_KEY or llm.local.url, or pull one: mcp-stack models pull",
        ) from error
    return InProcessModel(model, lambda: is_form_of(chat_template(file)))
