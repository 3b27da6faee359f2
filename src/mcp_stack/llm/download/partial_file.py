"""The part of a download that is here already."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import UnavailableError

RESERVE_BYTES = 200_000_000
"""Space that a download leaves to everything else on the disk."""

_BLOCK = 2**20
_LOOK_BYTES = 64 * 2**20
"""After so many bytes the room is looked at again: others write too, and not every server tells a length."""


class PartialFile:
    """A file that grows, with its checksum so far; use it as a context manager.

    Args:
        path: Made if absent; continued if not.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._file = path.open("ab+")

    def __enter__(self) -> Self:
        self._file.seek(0)
        while block := self._file.read(_BLOCK):
            self._hash.update(block)
            self.bytes += len(block)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Checksum of what is here."""
        return self._hash.hexdigest()

    def append(self, block: bytes) -> None:
        """Add the next bytes.

        Raises:
            UnavailableError: The disk is nearly full.
            OSError: They cannot be written.
        """
        self._file.write(block)
        self._hash.update(block)
        before, self.bytes = self.bytes, self.bytes + len(block)
        if before // _LOOK_BYTES != self.bytes // _LOOK_BYTES:
            self.check_room(0)

    def flush(self) -> None:
        """Bring all of it onto the disk.

        Raises:
            OSError: It cannot be written.
        """
        self._file.flush()
        os.fsync(self._file.fileno())

    def restart(self) -> None:
        """Throw away what is here."""
        self._file.truncate(0)
        self.bytes, self._hash = 0, hashlib.sha256()

    def check_room(self, total: int) -> None:
        """See whether the rest of a file of `total` bytes fits on the disk.

        Raises:
            UnavailableError: It does not.
        """
        free = shutil.disk_usage(self.path.parent).free
        needed = max(total - self.bytes, 0) + RESERVE_BYTES
        if free < needed:
            raise no_room(self.path, f"{needed / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free")


def no_room(path: Path, reason: str) -> UnavailableError:
    """The error for a file that cannot be stored."""
    return UnavailableError(
        f"the model cannot be stored in {path.parent}: {reason}",
        "free some space, or move the data folder with MCP_STACK_DATA; what is here already is kept",
    )
