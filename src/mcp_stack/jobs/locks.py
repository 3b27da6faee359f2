"""The two lock files of a machine: `flock`, which the kernel drops however the holder ends.

`worker.lock` is held by the worker for as long as it lives. `servers.lock` is held shared by every server. A worker
that wants to end takes `servers.lock` exclusively, which it only gets when no server is left, and keeps it until it
has given up `worker.lock`. A server that starts just then waits for those milliseconds, finds no worker and starts
one: no job is left behind between the two.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

WORKER_LOCK = "worker.lock"
SERVERS_LOCK = "servers.lock"


class FileLock:
    """A lock on a file, made if absent.

    Args:
        path: The file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False) -> None:
        """Take the lock, waiting until it is free; does nothing if it is held by this object.

        Args:
            shared: Several may hold it together, none of them exclusively.

        Raises:
            OSError: The file cannot be opened.
        """
        self._lock(fcntl.LOCK_SH if shared else fcntl.LOCK_EX)

    def try_take(self, *, shared: bool = False) -> bool:
        """Take the lock if it is free now.

        Args:
            shared: As in `take`.

        Returns:
            Whether it is held now.

        Raises:
            OSError: The file cannot be opened.
        """
        try:
            self._lock((fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Give the lock back; idempotent."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            # Not by closing alone: a child forked this moment has a copy of the descriptor until it executes.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _lock(self, operation: int) -> None:
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor


def announce_server(data: Path) -> FileLock:
    """Tell the machine's worker that a server is alive, for as long as the lock is held; call before `ensure_worker`.

    Args:
        data: The data folder, made if absent.

    Raises:
        OSError: The data folder cannot be written to.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(data / SERVERS_LOCK)
    lock.take(shared=True)
    return lock
