"""What is killed, and how it is found."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

AGENT = Path(__file__).with_name("agent.py")


class Victims:
    """The processes of one data folder.

    Args:
        data: The data folder.
        chance: Chooses among them.
    """

    def __init__(self, data: Path, chance: random.Random) -> None:
        self._data = data
        self._chance = chance
        self._kinds: dict[str, Callable[[], list[psutil.Process]]] = {
            "worker": self.workers,
            "agent": self.agents,
            "postgresql": self.postgres,
        }

    def workers(self) -> list[psutil.Process]:
        """Workers, the one on demand included."""
        return [each for each in _ours(str(self._data)) if "worker" in each.cmdline()]

    def agents(self) -> list[psutil.Process]:
        """Agents, with what confines and guards them."""
        return [each for each in psutil.process_iter() if str(AGENT) in _command(each)]

    def postgres(self) -> list[psutil.Process]:
        """The server and what serves its connections."""
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            postmaster = psutil.Process(int((self._data / "postgres" / "postmaster.pid").read_text().split()[0]))
            return [postmaster, *postmaster.children()]
        return []

    def kill_one(self) -> str:
        """SIGKILL for one process of a random kind.

        Returns:
            The kind; empty if nothing at all runs at the moment.
        """
        for kind in self._chance.sample(sorted(self._kinds), len(self._kinds)):
            found = self._kinds[kind]()
            if kind == "postgresql" and self._chance.random() < 0.5:
                found = found[:1]  # the server itself, as often as a part of it
            if found:
                with suppress(psutil.NoSuchProcess):
                    self._chance.choice(found).send_signal(signal.SIGKILL)
                    return kind
        return ""


def _ours(data: str) -> list[psutil.Process]:
    """Processes of this interpreter whose data folder it is."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _command(process)[:1] == [sys.executable] and process.environ().get("MCP_STACK_DATA") == data:
                found.append(process)
    return found


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []
