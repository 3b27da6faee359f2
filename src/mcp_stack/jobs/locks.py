"""The two lock files of a machine: `flock`, which the kernel drops however the holder ends.

`worker.lock` is held by the worker for as long as it lives. `servers.lock` is held shared by every server. A worker
that wants to end takes `servers.lock` exclusively, which it only gets when no server is left, and keeps it until it
has given up `worker.lock`. A server that starts just then waits for those milliseconds, finds no worker and starts
one: no job is left behind between the two.
"""

from __future__ import annotations

from pathlib import Path

from ..file_locks import FileLock

WORKER_LOCK = "worker.lock"
SERVERS_LOCK = "servers.lock"


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
