"""The repository that an agent finds in its working folder: made of plain files, without git and with nothing of ours.

Its objects are those of the user's repository, borrowed read-only (`objects/info/alternates`, gitrepository-layout(5));
its index is a copy of ours. It has no remote, so that there is nothing to push to, and no hooks.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .git import GitError
from .mending import remove

REFERENCES = "user-references"
# What says how the files of a repository are treated, and that a clone is not whole.
TAKEN_OVER = ("info/exclude", "info/attributes", "shallow")
# Deeper chains of alternates git does not follow either.
MAX_ALTERNATES = 5
_CONFIG = """[core]
	repositoryformatversion = {version}
	filemode = true
	bare = false
	logallrefupdates = true
[user]
	name = Ralph Wiggum
	email = ralph@mcp-stack.invalid
"""
_SHA256 = """[extensions]
	objectformat = sha256
"""


class AgentRepository:
    """Writes it.

    Args:
        folder: The working folder's `.git`.
        ours: The git folder of our repository, with the index and what was taken over from the user's.
        objects: Of the user's repository.
        object_format: `sha1` or `sha256`.
    """

    def __init__(self, folder: Path, ours: Path, objects: Path, object_format: str) -> None:
        self._folder = folder
        self._ours = ours
        self._objects = objects
        self._config = _CONFIG.format(version=0)
        if object_format == "sha256":
            self._config = _CONFIG.format(version=1) + _SHA256

    def take_over(self, git_folder: Path, references: str, branch: str) -> None:
        """Keep in our repository what the agent's will have of the user's.

        Args:
            git_folder: Of the user's repository.
            references: A line for each of its branches and tags: commit and full name.
            branch: The task's, which is not one of the user's.
        """
        own = branch.rpartition("/")[0]
        kept = [line for line in references.splitlines() if not line.partition(" ")[2].startswith(f"refs/heads/{own}/")]
        (self._ours / REFERENCES).write_bytes(os.fsencode("".join(f"{line}\n" for line in kept)))
        for name in TAKEN_OVER:
            _copy(git_folder / name, self._ours / name)

    def write(self, branch: str, commit: str) -> None:
        """Make it anew, whatever the agent made of it. Call it only while no agent runs.

        Args:
            branch: Name of the branch that it is on.
            commit: Where the branch is; our index is that of this commit.

        Raises:
            OSError: It cannot be written.
        """
        remove(self._folder)
        head = self._folder / "refs" / "heads" / branch
        for folder in (head.parent, self._folder / "refs" / "tags", self._folder / "objects" / "info"):
            folder.mkdir(parents=True)
        (self._folder / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="ascii")
        (self._folder / "config").write_text(self._config, encoding="ascii")
        head.write_text(f"{commit}\n", encoding="ascii")
        (self._folder / "objects" / "info" / "alternates").write_bytes(_line(self._objects))
        for name in ("index", *TAKEN_OVER):
            _copy(self._ours / name, self._folder / name)
        _copy(self._ours / REFERENCES, self._folder / "packed-refs")


def objects_and_alternates(objects: Path) -> tuple[Path, ...]:
    """The folders that a repository's objects are in: its own, and those that it borrows from."""
    found = [objects]
    level = [objects]
    for _ in range(MAX_ALTERNATES):
        level = [path for folder in level for path in _alternates(folder) if path not in found]
        found += level
    return tuple(dict.fromkeys(found))


def _alternates(objects: Path) -> list[Path]:
    try:
        lines = (objects / "info" / "alternates").read_bytes().splitlines()
    except OSError:
        return []
    names = (os.fsdecode(line) for line in lines if line and not line.startswith((b"#", b'"')))
    return [path for name in names if (path := (objects / name).resolve()).is_dir()]


def _line(path: Path) -> bytes:
    name = os.fsencode(path)
    if b"\n" in name:
        raise GitError(f"the path {str(path)!r} has a line break", "use a repository elsewhere")
    return name + b"\n"


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
