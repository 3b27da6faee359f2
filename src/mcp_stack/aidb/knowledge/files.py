"""Files that a caller names: only inside the allowed roots, only regular ones, only so large."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ...errors import DeniedError, NotFoundError, UsageError
from ...validation import checked_text

MAX_PATH_CHARACTERS = 4096


class Files:
    """Reads files below the allowed roots.

    Args:
        roots: Resolved folders.
        max_bytes: Largest file.
    """

    def __init__(self, roots: Sequence[Path], max_bytes: int) -> None:
        self._roots = tuple(roots)
        self._max_bytes = max_bytes

    def resolve(self, path: str) -> Path:
        """The file or folder that a caller names, links followed.

        Raises:
            DeniedError: It lies outside the roots, or in a hidden folder, where keys and passwords are kept.
            NotFoundError: It does not exist.
            UsageError: It is no path.
        """
        path = checked_text("path", path, MAX_PATH_CHARACTERS)
        try:
            resolved = Path(path).expanduser().resolve()
            exists = resolved.exists()
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"path cannot be resolved ({reason})", "name a file or folder") from error
        # Before anything is said about whether it exists: outside the roots that is nobody's business.
        root = next((root for root in self._roots if resolved.is_relative_to(root)), None)
        if root is None:
            roots = ", ".join(str(root) for root in self._roots) or "none"
            raise DeniedError(
                f"{path[:200]!r} is outside the allowed folders",
                f"use a path below one of them ({roots}), or add its folder to security.allowed_roots",
            )
        if any(part.startswith(".") for part in resolved.relative_to(root).parts):
            raise DeniedError(
                f"{path[:200]!r} is hidden", "hidden files often hold secrets: make its folder a root of its own"
            )
        if not exists:
            raise NotFoundError(f"{path[:200]!r} does not exist", "check the path")
        return resolved

    @property
    def roots(self) -> tuple[Path, ...]:
        """The allowed folders."""
        return self._roots

    def still_allowed(self, path: Path) -> bool:
        """Whether a resolved path is what it was: nobody has put a link in its place.

        Args:
            path: From `resolve`, maybe some time ago.
        """
        try:
            return path.resolve() == path and path.exists()
        except OSError:
            return False

    def head(self, file: Path, count: int) -> bytes:
        """The first bytes of a resolved file; none of one that cannot be read.

        Args:
            file: Which one.
            count: How many.
        """
        try:
            with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as stream:
                return stream.read(count) if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else b""
        except OSError:
            return b""

    def read(self, file: Path, max_bytes: int = 0) -> bytes:
        """Read a resolved file.

        Args:
            file: Which one.
            max_bytes: Largest size; 0 for that of every document.

        Raises:
            UsageError: It is too large, or no regular file.
            DeniedError: The operating system refuses to read it.
        """
        name = name_of(file)
        most = max_bytes or self._max_bytes
        try:
            # Opened without waiting: a pipe would block for ever before fstat can tell what it is.
            with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as stream:
                information = os.fstat(stream.fileno())
                if not stat.S_ISREG(information.st_mode):
                    raise UsageError(f"{name} is no regular file", "name a file or a folder")
                if information.st_size > most:
                    raise UsageError(
                        f"{name} has {information.st_size} bytes",
                        f"at most {most} can be imported (security.max_document_bytes)",
                    )
                return stream.read(most + 1)
        except PermissionError as error:
            raise DeniedError(f"{name} may not be read", "give this user the right to read it") from error
        except OSError as error:
            raise UsageError(f"{name} cannot be read ({error.strerror})", "name a readable file") from error


def name_of(file: Path) -> str:
    """A path as text; bytes of a name that are not UTF-8 become U+FFFD.

    Args:
        file: Any path.
    """
    return os.fsencode(file).decode("utf-8", "replace")
