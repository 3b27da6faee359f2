"""Tools known from `tool_manifests/`, without starting their servers."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from ...ports.tools import KnownTool

logger = logging.getLogger(__name__)


def manifests_folder(configured: str) -> Path:
    """Where the manifests are: the setting `tools.manifests`, the installed package, or the checkout."""
    if configured:
        return Path(configured).expanduser()
    packaged = Path(__file__).parents[2] / "tool_manifests"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "tool_manifests"


def known_tools(folder: Path) -> dict[str, list[KnownTool]]:
    """The tools of each manifest, by server.

    A manifest that cannot be read is passed over with a warning: the others are still good.

    Args:
        folder: Holds one JSON file a server, as `mcp-stack manifests` writes them.
    """
    found: dict[str, list[KnownTool]] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            server = str(manifest["server"])
            found[server] = [
                _tool(server, str(manifest.get("category", "general")), each) for each in manifest["tools"]
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("manifest %s is passed over: %s", file, error)
    return found


def _tool(server: str, category: str, described: dict[str, Any]) -> KnownTool:
    return KnownTool(
        server=server,
        tool=described["name"],
        title=described.get("title") or "",
        description=described.get("description") or "",
        category=category,
        input_schema=described["inputSchema"],
        annotations=described.get("annotations") or {},
    )
