"""Which servers run on this machine: each holds a lock on a file of its name, dropped by the kernel when it ends."""

from __future__ import annotations

from pathlib import Path

from ..file_locks import FileLock, is_locked

FOLDER = "servers"


def announce(data: Path, name: str) -> FileLock:
    """Hold the lock of a server for as long as the lock is kept; several processes of one server share it.

    Args:
        data: The data folder.
        name: The server's.

    Raises:
        OSError: The data folder cannot be written to.
    """
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    lock.take(shared=True)
    return lock


def is_running(data: Path, name: str) -> bool:
    """Whether any process of a server was asked something and lives.

    Args:
        data: The data folder.
        name: The server's.

    Raises:
        OSError: The lock file cannot be opened.
    """
    file = data / FOLDER / f"{name}.lock"
    return file.exists() and is_locked(file)
