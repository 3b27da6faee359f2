"""Confining by bubblewrap: a program sees only the files that it may use, and no processes but its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ...ports.sandbox import Confinement
from .launcher import abi
from .launching import LAUNCHER, launched, relayed
from .reach import reach

TIER: Literal["bubblewrap"] = "bubblewrap"
# Landlock since then keeps programs from the abstract UNIX sockets of their network namespace.
ABI_OF_SCOPES = 6


class Bubblewrap:
    """The port `Sandbox`, by namespaces.

    Args:
        program: Path of `bwrap`.
        resources: From `resources_of`.
    """

    def __init__(self, program: str, resources: Mapping[str, int]) -> None:
        self._program = program
        self._resources = resources

    @property
    def tier(self) -> str:
        """`bubblewrap`."""
        return TIER

    def check(self) -> None:
        """Never raises: it was tried when it was chosen."""

    def confined(self, command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> list[str]:
        """The command that runs a command confined; see the port.

        Raises:
            DeniedError: A path leads out of the one that it is in, by a link that a confined program made.
        """
        paths = reach(command, environment, limits)
        # With a network of its own a program has a loopback that nobody else is on. In that of the machine, UNIX
        # sockets without a file are everybody's: closed by Landlock, or else by forbidding UNIX sockets.
        shared = limits.ports is None
        inner = launched(
            command,
            self._resources,
            sockets=not shared or abi() >= ABI_OF_SCOPES,
            scoped=True,
            temporary="/tmp",  # noqa: S108 - the box's own
            **({"relayed": limits.ports} if limits.ports else {}),
        )
        return [
            *(relayed() if limits.ports else ()),
            *(self._program, "--die-with-parent", "--new-session", "--unshare-user-try", "--unshare-pid"),
            *("--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"),
            *(() if shared else ("--unshare-net",)),
            *("--tmpfs", "/tmp", "--tmpfs", "/var/tmp"),  # noqa: S108 - the box's own, new and empty
            *("--tmpfs", "/run", "--proc", "/proc", "--dev", "/dev"),
            *_mounts((*paths.readable, LAUNCHER), paths.writable),
            # What is written elsewhere fails, rather than being lost with the box.
            *("--remount-ro", "/", "--chdir", str(limits.folder), "--", *inner),
        ]


def _mounts(readable: Sequence[Path], writable: Sequence[Path]) -> list[str]:
    """Parents before what is in them, for what is mounted later hides what was there; nothing twice."""
    arguments: list[str] = []
    mounted: dict[Path, str] = {}
    options = dict.fromkeys(readable, "--ro-bind-try") | dict.fromkeys(writable, "--bind")
    for path, option in sorted(options.items(), key=lambda bind: len(bind[0].parts)):
        around = next((mounted[parent] for parent in path.parents if parent in mounted), "")
        if around and (option in ("--ro-bind-try", around)):
            continue
        if path.is_symlink() and len(path.parts) == 2:  # /bin -> usr/bin
            arguments += ["--symlink", str(path.readlink()), str(path)]
        else:
            mounted[path] = option
            arguments += [option, str(path), str(path)]
    return arguments
