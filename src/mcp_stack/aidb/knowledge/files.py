"""Files that a caller names: only inside the allowed roots, only text, only so large."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import DeniedError, NotFoundError, UsageError
from ...validation import checked_text

TEXT_SUFFIXES = frozenset({".md", ".markdown", ".mdx", ".txt", ".rst", ".adoc"})
MAX_FILES = 10_000
MAX_PATH_CHARACTERS = 4096
_IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "target", "dist", "build"})


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

    def read_text(self, file: Path) -> str:
        """Read a resolved text file.

        Raises:
            UsageError: It is too large, binary, not UTF-8, or no regular file.
            DeniedError: The operating system refuses to read it.
        """
        name = name_of(file)
        try:
            # Opened without waiting: a pipe would block for ever before fstat can tell what it is.
            with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
                information = os.fstat(stream.fileno())
                if not stat.S_ISREG(information.st_mode):
                    raise UsageError(f"{name} is no regular file", "name a text file or a folder")
                if information.st_size > self._max_bytes:
                    raise UsageError(
                        f"{name} has {information.st_size} bytes", f"at most {self._max_bytes} can be imported"
                    )
                data = stream.read(self._max_bytes + 1)
        except PermissionError as error:
            raise DeniedError(f"{name} may not be read", "give this user the right to read it") from error
        except OSError as error:
            raise UsageError(f"{name} cannot be read ({error.strerror})", "name a readable text file") from error
        return decoded(data, name)

    def walk(self, folder: Path) -> Iterator[Path]:
        """The text files below a resolved folder, in order; hidden ones and build folders are passed over.

        Links are not followed: they may lead out of the roots, or round in circles.

        Raises:
            UsageError: There are more than can be imported at once.
        """
        count = 0
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _IGNORED_FOLDERS)
            for name in sorted(names):
                file = Path(parent, name)
                if name.startswith(".") or file.suffix.lower() not in TEXT_SUFFIXES or file.is_symlink():
                    continue
                count += 1
                if count > MAX_FILES:
                    raise UsageError(f"{folder} has more than {MAX_FILES} text files", "import its subfolders")
                yield file


def name_of(file: Path) -> str:
    """A path as text; bytes of a name that are not UTF-8 become U+FFFD.

    Args:
        file: Any path.
    """
    return os.fsencode(file).decode("utf-8", "replace")


def decoded(data: bytes, name: str) -> str:
    """Text of a file.

    Raises:
        UsageError: It is binary, or in an encoding other than UTF-8 (UTF-16 with a mark is read too).
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is binary or not UTF-8", "convert it to UTF-8 text first") from error
    if "\0" in text:
        raise UsageError(f"{name} is binary", "name a text file")
    return text
