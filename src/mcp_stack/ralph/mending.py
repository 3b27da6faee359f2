"""What killed git processes left, and an agent's ways with its folder, put right without asking git."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def mend(folder: Path, git_folder: Path, repositories: Iterable[Path], branch: str) -> bool:
    """Open a working folder, and take away the locks of git processes that were killed.

    Call it only while no git process runs for this task.

    Args:
        folder: The working folder, without symbolic links.
        git_folder: Of the repository that its index is in.
        repositories: Git folders that the task's branch is in.
        branch: The full name of its reference.

    Returns:
        False if one of the two folders is gone, or is no folder any more: there is nothing to mend.
    """
    if not is_real_folder(folder) or not is_real_folder(git_folder):
        return False
    folder.chmod(0o700)
    for lock in (*git_folder.glob("*.lock"), *(repository / f"{branch}.lock" for repository in repositories)):
        remove(lock)
    return True


def remove(path: Path) -> None:
    """Remove whatever is there, a symbolic link itself and not what it leads to; no error if something stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        if path.is_dir():  # folders that cannot be written to, as Go makes its cache of modules
            _open_folders(path)
            shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _open_folders(path: Path) -> None:
    """Let us write to a folder and all that are in it; follows no symbolic link."""
    found = [path]
    while found:
        folder = found.pop()
        with suppress(OSError):
            folder.chmod(0o700)
            with os.scandir(folder) as entries:
                found += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def lies_in(folder: Path, name: str) -> bool:
    """Whether a path really is where it seems to be, and no symbolic link leads out of the folder."""
    path = folder / name
    return path != folder and path.is_relative_to(folder) and path.resolve() == path


def is_real_folder(path: Path) -> bool:
    """Whether a folder is there, and no symbolic link to one."""
    return path.is_dir() and path.resolve() == path
