"""What the search for tools costs a client: its model reads definitions and replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mcp_stack.aidb.gateway.tokens import tokens
from mcp_stack.aidb.server import build_server
from mcp_stack.mcp.app import StackServer
from tests.support.postgres import open_database
from tests.support.stack import open_stack
from tests.support.tools import known, offer

META_TOOLS = ("discover_tools", "call_tool", "list_servers")


async def definitions(server: StackServer) -> list[str]:
    """The meta tools as a client passes them to its model."""
    listed = {tool.name: tool for tool in await server.list_tools()}
    return [
        json.dumps(
            {"name": name, "description": listed[name].description, "inputSchema": listed[name].input_schema},
            separators=(",", ":"),
        )
        for name in META_TOOLS
    ]


async def text(server: StackServer, arguments: dict[str, Any]) -> str:
    """What a model reads of a reply."""
    result = await server.call_tool("discover_tools", arguments)
    assert not result.is_error, result
    assert json.loads(result.content[0].text) == result.structured_content
    return str(result.content[0].text)


async def test_a_discovery_with_one_schema_and_the_meta_tools_costs_little(conninfo: str, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where the file is, relative to the project's folder"},
            "lines": {"type": "integer", "description": "How many lines to return at most", "default": 100},
            "encoding": {"type": "string", "enum": ["utf-8", "latin-1"]},
        },
        "required": ["path"],
    }
    database = open_database(conninfo)
    described = "Returns the first lines of a file of the project, in the encoding given."
    await offer(database, [known(f"aidb.read_lines_{number}", described, input_schema=schema) for number in range(527)])
    await database.close()
    async with open_stack(conninfo, tmp_path) as stack:
        server = build_server(stack.aidb)
        meta = sum(map(tokens, await definitions(server)))
        summaries = await text(server, {"query": "read the first lines of a file"})
        one = await text(server, {"query": "aidb.read_lines_7", "detail": "schema"})

    assert meta <= 225
    assert meta + tokens(summaries) + tokens(json.dumps(schema, separators=(",", ":"))) <= 525
    assert json.loads(one)["tools"][0]["input_schema"] == schema
    assert len(json.loads(one)["tools"]) == 1
    assert json.loads(summaries)["tokens_saved"] > 50_000


async def test_replies_have_no_white_space_and_no_empty_fields(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        reply = await text(build_server(stack.aidb), {"query": "", "limit": 2})

    assert "\n" not in reply
    assert '": ' not in reply
    assert set(json.loads(reply)) == {"tools", "total", "tokens_saved"}
    assert set(json.loads(reply)["tools"][0]) == {"name", "summary", "score", "server_status"}
