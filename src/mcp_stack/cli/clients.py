"""`mcp-stack clients`: configuration to paste, with the paths of this installation."""

from __future__ import annotations

import json
import sys
from typing import Any

from .servers import SERVERS

_WHERE = {
    "claude-desktop": "claude_desktop_config.json (Settings > Developer > Edit Config)",
    "claude-code": ".mcp.json in your project",
    "cursor": ".cursor/mcp.json in your project, or ~/.cursor/mcp.json",
    "continue": ".continue/mcpServers/mcp-stack.yaml in your project, or ~/.continue/mcpServers/",
}


def client_config(client: str) -> dict[str, Any]:
    """What a client needs to start every server.

    Args:
        client: A key of the clients known here.
    """
    commands = {name: {"command": sys.executable, "args": ["-m", "mcp_stack", "serve", name]} for name in SERVERS}
    if client == "continue":
        servers = [{"name": name, "type": "stdio", **command} for name, command in commands.items()]
        return {"name": "mcp-stack", "version": "0.1.0", "schema": "v1", "mcpServers": servers}
    if client == "claude-code":
        return {"mcpServers": {name: {"type": "stdio", **command} for name, command in commands.items()}}
    return {"mcpServers": commands}


def show_client_config(client: str) -> int:
    """Print the configuration, and on stderr where it goes."""
    print(f"# goes into {_WHERE[client]}", file=sys.stderr)
    config = client_config(client)
    if client == "continue":
        import yaml  # noqa: PLC0415 - heavy: imported on first use

        print(yaml.safe_dump(config, sort_keys=False), end="")
    else:
        print(json.dumps(config, indent=2))
    return 0
