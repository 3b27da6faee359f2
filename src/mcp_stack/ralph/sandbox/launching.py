"""The command line of the launcher, and the resources that every program gets."""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...settings.tree import SandboxLimits

LAUNCHER = Path(__file__).with_name("launcher.py")
RELAY = Path(__file__).with_name("relay.py")


def launched(command: Sequence[str], resources: Mapping[str, int], **limits: object) -> list[str]:
    """The command that gives up what the launcher takes away, and then runs a command.

    Args:
        command: An absolute path and its arguments.
        resources: From `resources_of`.
        limits: See the launcher.
    """
    return [*_python(LAUNCHER), marshal.dumps({"resources": dict(resources), **limits}).hex(), *command]


def relayed() -> list[str]:
    """What stands before the command of a box to relay the ports that its launcher listens on."""
    return _python(RELAY)


def resources_of(limits: SandboxLimits) -> dict[str, int]:
    """What each process of a program may use, by the names of the module `resource`."""
    chosen = {
        "RLIMIT_DATA": limits.memory_mb * 2**20,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_FSIZE": limits.file_mb * 2**20,
    }
    # A core file would hold all of a program's memory, keys included.
    return {"RLIMIT_CORE": 0} | {name: most for name, most in chosen.items() if most}


def _python(script: Path) -> list[str]:
    # The interpreter itself, not a virtual environment's link to it: that one need not be in reach.
    return [os.path.realpath(sys.executable), "-I", "-S", str(script)]
