"""Ralph's agents put together: how each is found and confined, and how they are installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..settings import Settings

if TYPE_CHECKING:
    from ..ports.agent import Agent
    from ..ports.sandbox import Sandbox
    from ..ralph.backends.installing import Installer


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
    from ..ralph.git import Git

    chosen = settings.ralph.backends
    programs = Programs({str(name): path for name, path in chosen.programs.items()}, settings.agents_folder, os.environ)
    found: dict[str, Agent] = {name: kind(programs, os.environ, sandbox) for name, kind in INSTALLED_PROGRAMS.items()}
    found["autogpt"] = AutoGptAgent(
        Git(os.environ, settings.data / "ralph-wiggum" / "home"),
        chosen.autogpt.url,
        chosen.autogpt.api_key.get_secret_value(),
    )
    found["command"] = CommandAgent(chosen.command, os.environ, sandbox)
    return found


def sandbox_of(settings: Settings) -> Sandbox:
    """What confines agents on this machine."""
    from ..ralph.sandbox.choice import Chosen

    return Chosen(settings.ralph.sandbox)


def installer_of(settings: Settings) -> Installer:
    """What installs agents into the data folder."""
    from ..ralph.backends.installing import Installer

    return Installer(settings.agents_folder, os.environ)
