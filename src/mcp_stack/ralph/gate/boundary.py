"""What an agent may not have its provider do for it: reach a network that its box keeps it from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ...ports.agent_models import Body, ModelRefusedError

FIELDS: Final = ("mcp_servers", "container", "web_search_options")
"""Of a request, what has the provider call others or run programs."""

TOOLS_OF_THE_AGENT: Final = ("function", "custom")
PREFIXES_OF_THE_AGENT: Final = ("bash_", "text_editor_", "computer_", "memory_")
"""Tools that the agent itself carries out. The provider does all others: searches, fetches, runs code. They cost extra
too, which no count of tokens tells."""

MOST_NAMED: Final = 5


def check(request: Body) -> None:
    """Let a request through unless it has the provider reach a network.

    Args:
        request: In either dialect.

    Raises:
        ModelRefusedError: It does, with 400 and what of it.
    """
    found = list(dict.fromkeys((*_fields(request), *_tools(request), *_addresses(request.get("messages")))))
    if found:
        named = ", ".join(found[:MOST_NAMED])
        raise ModelRefusedError(
            400, f"agents reach no network by way of their model: leave out {named}", kind="invalid_request_error"
        )


def _fields(request: Body) -> Iterator[str]:
    return (name for name in FIELDS if request.get(name))


def _tools(request: Body) -> Iterator[str]:
    tools = request.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if isinstance(kind, str) and kind not in TOOLS_OF_THE_AGENT and not kind.startswith(PREFIXES_OF_THE_AGENT):
            yield f"the tool {kind[:60]!r}"


def _addresses(messages: object) -> Iterator[str]:
    """Pictures and documents that the provider would fetch, wherever in the messages they stand."""
    waiting = [messages]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, Mapping):
            if each.get("type") == "url" and "url" in each:
                yield "sources with an address"
            picture = each.get("image_url")
            address = picture.get("url") if isinstance(picture, Mapping) else picture
            if isinstance(address, str) and not address.startswith("data:"):
                yield "pictures with an address"
            waiting += [each[name] for name in ("content", "source") if name in each]
