"""Confining the programs that Ralph starts: agents, and the commands that verify their work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a program may touch. The system's own folders can be read by all, the user's home by none.

    Attributes:
        folder: Its working folder, which it may write.
        writable: Further folders and files that it may write.
        readable: Further ones that it may read, and run programs from.
        ports: TCP ports on the loopback that it may connect to; None for any connection anywhere.
    """

    folder: Path
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    ports: tuple[int, ...] | None = None


class Sandbox(Protocol):
    """Confines programs, as well as this machine can."""

    @property
    def tier(self) -> str:
        """`bubblewrap`, `landlock` or `none`."""
        ...

    def check(self) -> None:
        """Raises UnavailableError where nothing confines programs and the configuration does not allow that."""
        ...

    def confined(self, command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> list[str]:
        """The command that runs a command confined.

        Args:
            command: The program and its arguments.
            environment: What the program will see; the caller passes it on.
            limits: What it may touch.

        Raises:
            UnavailableError: See `check`.
            DeniedError: A path leads out of the one that it is in, by a link that a confined program made.
        """
        ...
