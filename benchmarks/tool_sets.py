"""Files of tools and of tasks, in the formats that are published."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_stack.ports.tools import KnownTool

_NUMBER = re.compile(r"^\s*\d+[.)]\s*")


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for, and the tools that it needs, by their names at their servers."""

    query: str
    tools: tuple[str, ...]


def read(path: Path) -> Any:
    """The JSON of a file, or a list of the lines of a `.jsonl` file; either may be compressed with gzip."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    if ".jsonl" in path.suffixes:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return json.loads(text)


def tools(path: Path) -> list[KnownTool]:
    """Tools: those of LiveMCPBench (servers with tools), of MetaTool ({name: description}), or a plain list.

    Args:
        path: The entries of a plain list have `name` (or `tool`) and `description`, and may have `server`,
            `inputSchema` and `annotations`.

    Raises:
        ValueError: It is none of these.
    """
    found: dict[str, KnownTool] = {}
    for tool in _tools(read(path)):
        found.setdefault(tool.name, tool)
    return list(found.values())


def tasks(path: Path) -> list[Task]:
    """Tasks: of LiveMCPBench (`Question`, `Annotator Metadata`), of MetaTool (`Query`, `Tool`; `query`, `tool`).

    Raises:
        ValueError: It is none of these.
    """
    return [_task(entry) for entry in read(path)]


def _tools(content: Any) -> Iterator[KnownTool]:
    if isinstance(content, dict) and isinstance(content.get("tools"), list):
        content = content["tools"]
    if isinstance(content, dict):
        for name, description in content.items():
            yield _tool("tools", {"name": name, "description": description})
        return
    for entry in content:
        if isinstance(entry.get("tools"), dict):
            for server, listed in entry["tools"].items():
                for each in listed["tools"]:
                    yield _tool(server, each)
        else:
            yield _tool(entry.get("server", "tools"), entry)


def _tool(server: str, entry: dict[str, Any]) -> KnownTool:
    name = entry.get("tool") or entry.get("name")
    if not isinstance(name, str):
        raise ValueError(  # noqa: TRY004 - a wrong file, not a wrong type
            f"this is no tool: {json.dumps(entry)[:200]}"
        )
    return KnownTool(
        server=server.replace(".", "-"),
        tool=name,
        title=entry.get("title") or "",
        description=entry.get("description") or "",
        category="general",
        input_schema=entry.get("inputSchema") or entry.get("input_schema") or {"type": "object"},
        annotations=entry.get("annotations") or {},
    )


def _task(entry: dict[str, Any]) -> Task:
    if "Annotator Metadata" in entry:
        listed = entry["Annotator Metadata"]["Tools"].splitlines()
        needed = [_NUMBER.sub("", line).strip() for line in listed if line.strip()]
        return Task(entry["Question"], tuple(dict.fromkeys(needed)))
    query = entry.get("Query", entry.get("query"))
    tool = entry.get("Tool", entry.get("tool", entry.get("tools")))
    if not isinstance(query, str) or not tool:
        raise ValueError(f"this is no task: {json.dumps(entry)[:200]}")
    return Task(query, (tool,) if isinstance(tool, str) else tuple(dict.fromkeys(tool)))
