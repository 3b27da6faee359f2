"""Tools known from `tool_manifests/`, without starting their servers."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...ports.tools import KnownTool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A server that comes with mcp-stack.

    Attributes:
        command: What starts it over stdio; empty if the manifest does not say.
        tools: What it offers.
        origin: The file.
    """

    server: str
    category: str
    command: tuple[str, ...]
    tools: tuple[KnownTool, ...]
    origin: str


def manifests_folder(configured: str) -> Path:
    """Where the manifests are: the setting `tools.manifests`, the installed package, or the checkout."""
    if configured:
        return Path(configured).expanduser()
    packaged = Path(__file__).parents[2] / "tool_manifests"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "tool_manifests"


def read_manifests(folder: Path) -> dict[str, Manifest]:
    """The manifests, by server.

    One that cannot be read is passed over with a warning: the others are still good.

    Args:
        folder: Holds one JSON file a server, as `mcp-stack manifests` writes them.
    """
    found: dict[str, Manifest] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            manifest = _manifest(content, str(file))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("manifest %s is passed over: %s", file, error)
        else:
            found[manifest.server] = manifest
    return found


def _manifest(content: dict[str, Any], origin: str) -> Manifest:
    server, category = str(content["server"]), str(content.get("category", "general"))
    transport = content.get("transport") or {}
    command = (transport["command"], *transport.get("args", ())) if transport.get("type") == "stdio" else ()
    tools = tuple(_tool(server, category, described) for described in content["tools"])
    return Manifest(server, category, tuple(map(str, command)), tools, origin)


def _tool(server: str, category: str, described: dict[str, Any]) -> KnownTool:
    return KnownTool(
        server=server,
        tool=described["name"],
        title=described.get("title") or "",
        description=described.get("description") or "",
        category=category,
        input_schema=described["inputSchema"],
        annotations=described.get("annotations") or {},
        output_schema=described.get("outputSchema") or {},
    )
