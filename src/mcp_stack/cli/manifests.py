"""`mcp-stack manifests`: what every server offers, without starting it."""

from __future__ import annotations

import asyncio
import difflib
import json
from pathlib import Path
from typing import Any

from ..composition import Stack
from ..errors import NotFoundError
from ..settings import load_settings
from .servers import CATEGORIES, SERVERS, build_server

CHECKOUT_FOLDER = Path(__file__).parents[3] / "tool_manifests"


def manifest(name: str) -> str:
    """The manifest of a server as JSON text, from its live tools.

    Args:
        name: One of `SERVERS`.
    """
    server = build_server(name, Stack(load_settings({})))
    tools = asyncio.run(server.list_tools())
    content: dict[str, Any] = {
        "server": name,
        "title": server.title,
        "category": CATEGORIES[name],
        "instructions": server.instructions,
        "transport": {"type": "stdio", "command": "mcp-stack", "args": ["serve", name]},
        "tools": [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write_manifests(folder: str) -> int:
    """Write every manifest.

    Args:
        folder: Where to; empty for the checkout's.
    """
    target = _folder(folder)
    for name in SERVERS:
        file = target / f"{name}.json"
        file.write_text(manifest(name), encoding="utf-8")
        print(f"wrote {file}")
    return 0


def check_manifests(folder: str) -> int:
    """Compare every manifest with the live tools; print what differs.

    Args:
        folder: Where they are; empty for the checkout's.

    Returns:
        1 if one is out of date.
    """
    stale = 0
    for name in SERVERS:
        file = _folder(folder) / f"{name}.json"
        written = file.read_text(encoding="utf-8") if file.is_file() else ""
        live = manifest(name)
        if written != live:
            stale += 1
            changes = difflib.unified_diff(
                written.splitlines(), live.splitlines(), str(file), "live tools", lineterm=""
            )
            print("\n".join(changes))
    print(f"{stale} of {len(SERVERS)} manifests are out of date" if stale else "all manifests are up to date")
    return 1 if stale else 0


def _folder(configured: str) -> Path:
    folder = Path(configured) if configured else CHECKOUT_FOLDER
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", "make it, or name another with --folder")
    return folder
