"""Requests that would have a provider do what an agent's box forbids."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_stack.ports.agent_models import ModelRefusedError
from mcp_stack.ralph.gate.boundary import check

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(
    "request_",
    [
        HELLO,
        HELLO | {"tools": [{"name": "edit", "input_schema": {}}, {"type": "custom", "name": "a"}]},
        HELLO | {"tools": [{"type": "function", "function": {"name": "edit"}}]},
        HELLO | {"tools": [{"type": "bash_20250124", "name": "bash"}, {"type": "text_editor_20250728", "name": "e"}]},
        HELLO | {"tools": None, "mcp_servers": []},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]}
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "see https://example.org"}]}]},
        {"messages": "anything"},
    ],
)
def test_what_agents_ask_passes(request_: dict[str, Any]) -> None:
    check(request_)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (HELLO | {"tools": [{"type": "web_fetch_20250910", "name": "f"}]}, "the tool 'web_fetch_20250910'"),
        (HELLO | {"tools": [{"type": "web_search_20250305", "name": "s"}]}, "the tool 'web_search_20250305'"),
        (HELLO | {"tools": [{"type": "code_execution_20250825"}]}, "the tool 'code_execution_20250825'"),
        (HELLO | {"mcp_servers": [{"type": "url", "url": "https://example.org"}]}, "mcp_servers"),
        (HELLO | {"web_search_options": {"user_location": {}}}, "web_search_options"),
        (
            {"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": "https://example.org/a"}}]}]},
            "sources with an address",
        ),
        (
            {
                "messages": [
                    {"content": [{"type": "tool_result", "content": [{"source": {"type": "url", "url": "x"}}]}]}
                ]
            },
            "sources with an address",
        ),
        (
            {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}]},
            "pictures with an address",
        ),
    ],
)
def test_what_would_reach_a_network_is_refused_by_name(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelRefusedError, match="agents reach no network by way of their model") as refused:
        check(request_)
    assert refused.value.status == 400
    assert named in refused.value.problem
