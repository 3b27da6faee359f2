"""Ralph's agents put together: how each is found and confined, and how they are installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..ports.agent import Agent
    from ..ports.sandbox import Confinement, Sandbox
    from ..ralph.backends.installing import Installer


class _Unconfined:
    """Runs programs as they are."""

    tier = "none"

    def check(self) -> None:
        """It can always confine nothing."""

    def confined(self, command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> list[str]:  # noqa: ARG002 - the port's
        """The command itself."""
        return list(command)


def agents_of(settings: Settings, sandbox: Sandbox) -> dict[str, Agent]:
    """Every agent, by backend name.

    Args:
        settings: Of everything.
        sandbox: Confines them.
    """
    from ..ralph.backends import INSTALLED_PROGRAMS
    from ..ralph.backends.autogpt import AutoGptAgent
    from ..ralph.backends.command import CommandAgent
    from ..ralph.backends.locating import Programs

    chosen = settings.ralph.backends
    programs = Programs({str(name): path for name, path in chosen.programs.items()}, settings.agents_folder, os.environ)
    found: dict[str, Agent] = {name: kind(programs, os.environ, sandbox) for name, kind in INSTALLED_PROGRAMS.items()}
    found["autogpt"] = AutoGptAgent(chosen.autogpt.url, chosen.autogpt.api_key.get_secret_value())
    found["command"] = CommandAgent(chosen.command, os.environ, sandbox)
    return found


def sandbox_of(settings: Settings) -> Sandbox:  # noqa: ARG001 - the configuration chooses
    """What confines agents on this machine."""
    return _Unconfined()


def installer_of(settings: Settings) -> Installer:
    """What installs agents into the data folder."""
    from ..ralph.backends.installing import Installer

    return Installer(settings.agents_folder, os.environ)
