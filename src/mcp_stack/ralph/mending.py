"""Mending what ties a working folder to its repository, whatever an agent did to it, without asking git.

A linked worktree is a folder whose `.git` is a file that names its git folder, `worktrees/<name>` of the repository;
three files in there name the working folder, the repository and the branch (gitrepository-layout(5)). An agent can
write all of them, so none is believed: each is compared with what it has to say.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

_HEAD = re.compile(rb"ref: refs/\S+\n?|[0-9a-f]{40,64}\n?")
_MAX_HEAD_BYTES = 4096


def mend(folder: Path, git_folder: Path, branch: str) -> bool:
    """Tie a worktree to its repository again, and take away the locks of git processes that were killed.

    Call it only while no git process runs in the worktree.

    Args:
        folder: The working folder, without symbolic links.
        git_folder: Its folder in the repository, without symbolic links.
        branch: The full name of its branch's reference.

    Returns:
        False if the working folder or the repository is gone, or is no folder any more: there is nothing to mend.

    Raises:
        OSError: The files cannot be written.
    """
    if not _is_real_folder(folder) or not _is_real_folder(git_folder.parents[1]):
        return False
    if not _is_real_folder(git_folder):
        remove(git_folder)
        git_folder.mkdir(parents=True)
    folder.chmod(0o700)
    _make_say(folder / ".git", f"gitdir: {git_folder}\n")
    _make_say(git_folder / "gitdir", f"{folder / '.git'}\n")
    _make_say(git_folder / "commondir", "../..\n")
    head, index = git_folder / "HEAD", git_folder / "index"
    if not _is_plain_file(head) or _HEAD.fullmatch(head.read_bytes()[:_MAX_HEAD_BYTES]) is None:
        _make_say(head, f"ref: {branch}\n")
    if not _is_plain_file(index):
        remove(index)
    for lock in (*git_folder.glob("*.lock"), git_folder.parents[1] / f"{branch}.lock"):
        remove(lock)
    return True


def remove(path: Path) -> None:
    """Remove whatever is there, a symbolic link itself and not what it leads to; no error if something stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def lies_in(folder: Path, name: str) -> bool:
    """Whether a path really is where it seems to be, and no symbolic link leads out of the folder."""
    path = folder / name
    return path != folder and path.is_relative_to(folder) and path.resolve() == path


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and path.resolve() == path


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _make_say(file: Path, text: str) -> None:
    content = text.encode()
    if _is_plain_file(file) and file.stat().st_size == len(content) and file.read_bytes() == content:
        return
    remove(file)
    file.write_bytes(content)
