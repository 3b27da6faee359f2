"""`mcp-stack agents`: the coding agents of Ralph, which are here and how the others come here."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ..composition.agents import agents_of, installer_of, sandbox_of
from ..errors import StackError
from ..ports.agent import Agent, AgentInfo
from ..settings import Settings, load_settings

AT_ONCE = 2
EVERY = "all"
STAGES = ("Collecting ", "Downloading ", "Installing ", "Successfully ", "added ", "Building ")
"""How the lines of pip and npm begin that say how far they are."""


def run_agents(chosen: argparse.Namespace) -> int:
    """Do what `mcp-stack agents ACTION` says.

    Args:
        chosen: The arguments.

    Returns:
        The exit status: 1 if an agent could not be installed.

    Raises:
        UsageError: No such agent can be installed.
    """
    settings = load_settings().settings
    return list_agents(settings) if chosen.action == "list" else install_agents(settings, chosen.names)


def list_agents(settings: Settings) -> int:
    """Print every backend, its version or how to get it, and which ones are used unless a task says otherwise."""
    agents = agents_of(settings, sandbox_of(settings))
    infos = asyncio.run(_infos(agents))
    backends = settings.ralph.backends
    used = {backends.default: "default", backends.fallback: "fallback"}
    width = max(len(name) for name in infos)
    for name, info in infos.items():
        state = info.version or "installed" if info.installed else "not installed"
        print(f" {'✓' if info.installed else '○'} {name:<{width}}  {state:<14} {used.get(name, '')}".rstrip())
        if info.how_to_install:
            print(f"   {'':<{width}}  → {info.how_to_install}")
    return 0


def install_agents(settings: Settings, names: list[str]) -> int:
    """Install agents, two at a time, each as far as it gets whatever becomes of the others.

    Args:
        settings: They say where to.
        names: Of backends; `all` for every one that can be installed.
    """
    installer = installer_of(settings)
    wanted = list(installer.known) if names == [EVERY] else list(dict.fromkeys(names))
    for name in wanted:
        installer.check(name)

    def install(name: str, show: Callable[[str], None]) -> bool:
        try:
            fresh = installer.install(name, show)
        except StackError as error:
            show("")
            print(f"{name}: {error}", file=sys.stderr)
            return False
        show("")
        print(f"{name} {installer.version(name)} {'is installed' if fresh else 'was installed already'}.", flush=True)
        return True

    with _progress(wanted) as shown, ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(lambda name: install(name, shown(name)), wanted))
    return 0 if all(done) else 1


async def _infos(agents: dict[str, Agent]) -> dict[str, AgentInfo]:
    return dict(zip(agents, await asyncio.gather(*(agent.info() for agent in agents.values())), strict=True))


@contextmanager
def _progress(names: list[str]) -> Iterator[Callable[[str], Callable[[str], None]]]:
    """One line that changes on a terminal, else a line for each agent that begins; on stderr."""
    width = max(map(len, names))
    begun: set[str] = set()

    def of(name: str) -> Callable[[str], None]:
        def show(line: str) -> None:
            if sys.stderr.isatty():
                if not line or line.lstrip().startswith(STAGES) or "http fetch" in line:
                    columns = shutil.get_terminal_size().columns
                    text = f"{name:<{width}}  {' '.join(line.split())}" if line else ""
                    print(f"\r\033[K{text[: columns - 1]}", end="", file=sys.stderr, flush=True)
            elif line and name not in begun:
                begun.add(name)
                print(f"Installing {name}", file=sys.stderr, flush=True)

        return show

    yield of
