"""The configuration of servers as it is now: `mcp.json` may change while this process runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .configured import Configured

# What tells one version of a file from another; None while there is no file.
_Stamp = tuple[int, int, int] | None


class Configuration:
    """Follows `mcp.json`. The settings are those that the process was started with.

    Args:
        read: Reads everything anew.
        file: Where `mcp.json` is now.

    Attributes:
        current: What is configured.
    """

    def __init__(self, read: Callable[[], Configured], file: Callable[[], Path]) -> None:
        self._read = read
        self._file = file
        self._stamp = self._stamped()
        self.current = read()

    def follow(self) -> bool:
        """Read anew if the file is another than before.

        A file that cannot be read, for it is just being written or somebody slipped, changes nothing but the notes.

        Returns:
            Whether anything is configured in another way now.
        """
        stamp = self._stamped()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        found = self._read()
        if found.file_problem:
            found = replace(self.current, notes=found.notes, file_problem=found.file_problem)
        changed = found != self.current
        self.current = found
        return changed

    def _stamped(self) -> _Stamp:
        try:
            status = self._file().stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
