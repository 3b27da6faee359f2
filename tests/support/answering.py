"""Asking the hybrid coordinator in this process."""

from __future__ import annotations

from typing import Any

from mcp_stack.composition import Stack
from mcp_stack.hybrid.models import RouteResult
from tests.support.scripted_claude import ScriptedClaude
from tests.support.scripted_openai import ScriptedOpenAI


def claude_at(endpoint: ScriptedClaude, **more: str) -> dict[str, str]:
    """Settings that make Claude of a scripted endpoint; nothing is repeated."""
    return {
        "ANTHROPIC_API_KEY": "sk-test",
        "ANTHROPIC_BASE_URL": endpoint.url,
        "MCP_STACK_LLM__CLAUDE__MAX_RETRIES": "0",
        **more,
    }


def gguf_at(path: str) -> dict[str, str]:
    """Settings that make a GGUF file the local model."""
    return {"MCP_STACK_LLM__LOCAL__PATH": path, "MCP_STACK_LLM__LOCAL__CONTEXT_TOKENS": "4096"}


def endpoint_at(endpoint: ScriptedOpenAI) -> dict[str, str]:
    """Settings that make a scripted endpoint the local model."""
    return {"MCP_STACK_LLM__LOCAL__URL": f"{endpoint.url}/v1", "MCP_STACK_LLM__LOCAL__MODEL": "local-model"}


async def ask(stack: Stack, query: str, **details: Any) -> RouteResult:
    """Route a query, with every argument at its default but what is given."""
    arguments = {"context": {}, "prefer_local": True, "session_id": "", "max_cost_usd": 0.0, "force_route": ""}
    return await (await stack.coordinator()).route_query(query=query, **{**arguments, **details})
