"""Confining by Landlock, where no namespaces can be made: what a program may not use it sees, but cannot open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ...ports.sandbox import Confinement
from .launching import LAUNCHER, launched
from .reach import reach

TIER: Literal["landlock"] = "landlock"
# No terminals: those of the user and of other programs are among them.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
SOURCES = ("/dev/random", "/dev/urandom", "/dev/fd", "/proc")


class Landlock:
    """The port `Sandbox`, by Landlock and seccomp.

    Args:
        resources: From `resources_of`.
    """

    def __init__(self, resources: Mapping[str, int]) -> None:
        self._resources = resources

    @property
    def tier(self) -> str:
        """`landlock`."""
        return TIER

    def check(self) -> None:
        """Never raises: it was tried when it was chosen."""

    def confined(self, command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> list[str]:
        """The command that runs a command confined; see the port.

        Raises:
            DeniedError: A path leads out of the one that it is in, by a link that a confined program made.
        """
        paths = reach(command, environment, limits)
        writable = [str(path) for path in (*paths.writable, *map(Path, DEVICES))]
        # /tmp is everybody's: a program that needs one gets it in its home.
        home = Path(environment.get("HOME", ""))
        private = next((path for path in limits.writable if home.is_relative_to(path)), limits.folder)
        return launched(
            command,
            self._resources,
            read=[str(path) for path in (*paths.readable, *map(Path, SOURCES), LAUNCHER)],
            write=writable,
            ports=limits.ports,
            sockets=False,
            temporary=str((home if home.is_relative_to(private) else private) / "tmp"),
        )
