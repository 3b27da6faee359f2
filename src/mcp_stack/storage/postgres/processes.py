"""Which processes belong to the server of a data folder.

A process id in a file proves nothing: it outlives a crash, and the system gives the number to somebody else. So
every process is asked itself. PostgreSQL writes `cluster_name` into the titles of its processes, which any user may
read, and the name is made from the device and inode of PGDATA, so that it stays true when the folder is moved. On
Linux the working folder is looked at too, which finds a server that was started by hand.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a server writes into PGDATA/postmaster.pid.

    Args:
        pid: Process id of the postmaster.
        socket_folder: Where it listens; None before it does.
        status: `starting`, `ready`, `stopping` or empty.
    """

    pid: int
    socket_folder: Path | None
    status: str


def read_pid_file(pgdata: Path) -> PidFile | None:
    """Read PGDATA/postmaster.pid.

    Args:
        pgdata: The data folder of PostgreSQL.

    Returns:
        Its content, true or stale; None if it is absent or not yet written.
    """
    try:
        lines = (pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    # Lines: pid, PGDATA, start time, port, socket folder, TCP address, shared memory, status (pidfile.h)
    lines += [""] * (8 - len(lines))
    return PidFile(pid, Path(lines[4]) if lines[4] else None, lines[7].strip())


def cluster_name(pgdata: Path) -> str:
    """The name under which the server's processes are found.

    Args:
        pgdata: The data folder of PostgreSQL.

    Returns:
        Less than the 64 ASCII characters that PostgreSQL allows.
    """
    status = pgdata.stat()
    return f"mcp-stack-{status.st_dev:x}-{status.st_ino:x}"


def server_processes(pgdata: Path) -> set[int]:
    """Ids of all processes of the data folder's server, with or without a living postmaster.

    Args:
        pgdata: The data folder of PostgreSQL.

    Returns:
        The ids; empty if none runs here. Another container's processes cannot be seen.
    """
    name = cluster_name(pgdata)
    if _PROC.joinpath("self", "cmdline").exists():
        return set(_from_proc(pgdata, name))
    return set(_from_ps(pgdata, name))


def _from_proc(pgdata: Path, name: str) -> Iterator[int]:
    home = pgdata.stat()
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit():
            continue
        try:
            command = Path(entry.path, "cmdline").read_bytes()
            if b"postgres" not in command or entry.stat().st_uid != home.st_uid:
                continue
            if _is_named(command.decode(errors="replace").replace("\0", " "), name) or (
                _is_postgres(command) and _works_in(Path(entry.path, "cwd"), home)
            ):
                yield int(entry.name)
        except OSError:  # ended meanwhile
            continue


def _works_in(link: Path, home: os.stat_result) -> bool:
    try:
        return os.path.samestat(link.stat(), home)
    except OSError:  # in a container even root may not follow the links of another user's processes
        return False


def _is_postgres(command: bytes) -> bool:
    return command.startswith(b"postgres: ") or command.partition(b"\0")[0].rpartition(b"/")[2] == b"postgres"


def _is_named(command: str, name: str) -> bool:
    return command.startswith(f"postgres: {name}: ") or f"/postgres -c cluster_name={name} " in command


def _from_ps(pgdata: Path, name: str) -> Iterator[int]:
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,uid=,command="], capture_output=True, text=True, errors="replace", check=True
    )
    for line in listing.stdout.splitlines():
        pid, uid, command = [*line.split(None, 2), "", ""][:3]
        if int(uid) == pgdata.stat().st_uid and _is_named(command, name):
            yield int(pid)
