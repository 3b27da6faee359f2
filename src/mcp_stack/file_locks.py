"""Locks between processes: `flock` on a file, which the kernel drops however the holder ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UnavailableError

POLL_SECONDS = 0.01


def open_lock_file(path: Path) -> int:
    """Open a lock file, made if absent, or a folder that serves as one.

    Args:
        path: The file, whose folder must exist; or a folder.

    Returns:
        A descriptor that no program that this process starts inherits.

    Raises:
        OSError: The file cannot be opened, or is a symbolic link.
    """
    if path.is_dir():
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free now.

    Args:
        descriptor: From `open_lock_file`.
        shared: Several may hold it together, none of them exclusively.

    Returns:
        Whether it was taken.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Drop the lock and close the file.

    Dropping comes first: a copy of the descriptor lives on for a moment in a child that was just forked.

    Args:
        descriptor: From `open_lock_file`.
    """
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether any process holds a lock on the file.

    Args:
        path: The lock file, made if absent.

    Returns:
        True while somebody holds it, shared or exclusively.
    """
    descriptor = open_lock_file(path)
    try:
        return not try_lock(descriptor)
    finally:
        unlock(descriptor)


@contextmanager
def exclusive(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock for the length of a `with` block.

    Polls, because a blocking `flock` knows no time limit.

    Args:
        path: The lock file, made if absent.
        timeout_seconds: How long to wait for it.

    Yields:
        Nothing; the lock is held.

    Raises:
        UnavailableError: Somebody else kept it for longer than that.
        OSError: The file cannot be opened.
    """
    deadline = time.monotonic() + timeout_seconds
    descriptor = open_lock_file(path)
    try:
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise UnavailableError(
                    f"another process has kept {path} locked for {timeout_seconds:.0f} s",
                    "wait until it is done, or end that process",
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        unlock(descriptor)


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

    @property
    def descriptor(self) -> int | None:
        """Of the open file while the lock is held: who inherits it keeps the lock should this process be killed."""
        return self._descriptor

    def release(self) -> None:
        """Give the lock back; idempotent."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            unlock(descriptor)

    def _lock(self, operation: int) -> None:
        if self._descriptor is not None:
            return
        descriptor = open_lock_file(self._path)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
