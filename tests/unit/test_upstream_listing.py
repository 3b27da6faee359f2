"""What a server lists is taken page by page, bounded, and nothing is dropped without a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.errors import UnavailableError
from mcp_stack.ports.upstreams import Listing, ProtocolError
from mcp_stack.upstreams.listing import MAX_DEFINITION_BYTES, MAX_OFFERED, list_everything

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


async def listed(*pages: Mapping[str, Any] | ProtocolError, capability: str = "tools") -> Listing:
    """What is taken of these pages; each points to the next."""
    method = {"tools": "tools/list", "resources": "resources/list", "prompts": "prompts/list"}[capability]

    async def ask(asked: str, params: dict[str, Any]) -> Mapping[str, Any]:
        if asked != method:
            raise ProtocolError(-32601, "Method not found")
        number = int(params.get("cursor", 0))
        page = pages[number]
        if isinstance(page, ProtocolError):
            raise page
        return {"nextCursor": str(number + 1), **page} if number + 1 < len(pages) else page

    return await list_everything("s", {capability: {}}, ask)


def tool(name: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, **more}


async def test_all_pages_are_taken() -> None:
    found = await listed({"tools": [tool("a")]}, {"tools": []}, {"tools": [tool("b"), tool("c")]})
    assert [each.tool for each in found.offered] == ["a", "b", "c"]
    assert found.notes == ""


async def test_pages_that_come_round_again_end() -> None:
    found = await listed({"tools": [tool("a")], "nextCursor": "0"})
    assert [each.tool for each in found.offered] == ["a"]
    assert "its pages come round again" in found.notes


async def test_too_many_are_cut_and_it_is_said() -> None:
    found = await listed({"tools": [tool(f"t{n}") for n in range(MAX_OFFERED + 5)]})
    assert len(found.offered) == MAX_OFFERED
    assert found.notes == f"tools/list: only the first {MAX_OFFERED} are taken"
    endless = await listed(*({"tools": []} for _ in range(300)))
    assert endless.notes == "tools/list: only the first 100 pages are taken"


async def test_what_cannot_be_taken_is_left_out_with_a_note_and_the_rest_stays() -> None:
    deep: Any = {}
    for _ in range(100):
        deep = {"properties": {"a": deep}}
    found = await listed(
        {
            "tools": [
                tool("good"),
                7,
                tool(""),
                tool(None),
                tool("x" * 201),
                tool("two words"),
                tool("red\x1b[31m"),
                tool("huge", description="x" * MAX_DEFINITION_BYTES),
                tool("deep", outputSchema=deep),
                tool("good", description="another"),
                tool("also.good/too"),
            ]
        }
    )
    assert [each.tool for each in found.offered] == ["good", "also.good/too"]
    assert found.notes.count(";") == 5
    assert found.notes.endswith("4 more")
    assert "\x1b" not in found.notes


async def test_a_listing_that_is_none_is_an_error() -> None:
    with pytest.raises(UnavailableError, match="no listing"):
        await listed({"tools": "all of them"})
    with pytest.raises(ProtocolError):
        await listed(ProtocolError(-1, "no"))


async def test_resources_and_prompts_are_taken_too_and_their_refusal_is_a_note() -> None:
    found = await listed(
        {"resources": [{"uri": "file:///a", "name": "A", "description": "An A.", "mimeType": "text/plain"}]},
        capability="resources",
    )
    (resource,) = found.offered
    assert (resource.kind, resource.tool, resource.title) == ("resource", "file:///a", "A")
    assert resource.annotations == {"mimeType": "text/plain"}
    assert "resources/templates/list: Method not found" in found.notes
    arguments = [{"name": "who", "description": "Whom to greet", "required": True}, {"name": "how"}, 7]
    (prompt,) = (await listed({"prompts": [{"name": "greet", "arguments": arguments}]}, capability="prompts")).offered
    assert prompt.kind == "prompt"
    assert prompt.input_schema["required"] == ["who"]
    assert list(prompt.input_schema["properties"]) == ["who", "how"]


@given(JSON)
async def test_a_prompt_with_whatever_for_arguments_costs_nothing_but_them(arguments: Any) -> None:
    found = await listed({"prompts": [{"name": "greet", "arguments": arguments}]}, capability="prompts")
    assert [each.tool for each in found.offered] == ["greet"]


@given(JSON, JSON, JSON)
async def test_whatever_a_definition_holds_can_be_stored(description: Any, schema: Any, annotations: Any) -> None:
    listing = await listed(
        {"tools": [tool("a", description=description, inputSchema=schema, annotations=annotations, title=schema)]}
    )
    for each in listing.offered:
        text = repr(each.definition)
        assert "\\x00" not in text
        assert "\\ud8" not in text
        assert "nan" not in _numbers(each.definition)
        assert isinstance(each.input_schema, dict)
        assert each.fingerprint


def _numbers(value: Any) -> list[str]:
    match value:
        case float():
            return [str(value)]
        case dict():
            return [number for member in value.values() for number in _numbers(member)]
        case list():
            return [number for member in value for number in _numbers(member)]
    return []
