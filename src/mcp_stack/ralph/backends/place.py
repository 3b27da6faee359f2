"""Where an agent keeps what is no part of the work, and the files that we write for it there."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ...ports.agent import Assignment
from ..mending import remove

MAX_CONVENTIONS_BYTES = 100_000
MAX_READ_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where one iteration of an agent keeps what is no part of the work.

    Attributes:
        home: Its HOME, private to the task and kept between iterations.
        prompt: The file with the prompt.
        folder: For its configuration and its state, new and empty; removed with the end of the iteration.
    """

    home: Path
    prompt: Path
    folder: Path


def make_place(assignment: Assignment, output: Path) -> Place:
    """Make the folders and files of an iteration; what an earlier attempt at it left goes.

    Args:
        assignment: It.
        output: Where its output will be.
    """
    home = assignment.scratch / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    folder = assignment.scratch / f"agent_{assignment.iteration}"
    # New each time: what an agent wrote is never a place that we write to.
    remove(folder)
    folder.mkdir(mode=0o700)
    prompt = assignment.scratch / f"prompt_{assignment.iteration}.md"
    prompt.write_text(assignment.prompt, encoding="utf-8")
    output.unlink(missing_ok=True)
    return Place(home, prompt, folder)


def write_private(file: Path, text: str) -> Path:
    """Write a file that nobody else can read; returns its path."""
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:  # noqa: PTH123 - opened with its mode
        opened.write(text)
    return file


def read_end(file: Path) -> str:
    """The end of a file that an agent wrote; empty if it is none.

    A link is not followed: the agent could have it lead to what it cannot read itself.
    """
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:  # noqa: PTH123 - opened with its flags
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return ""
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - MAX_READ_BYTES))
            return opened.read(MAX_READ_BYTES).decode(errors="replace")
    except OSError:
        return ""


def conventions(worktree: Path, *names: str) -> list[Path]:
    """The files of a project, of these names, that tell agents how work is done there.

    Args:
        worktree: Where they may be.
        names: Of files at its top.
    """
    found = [worktree / name for name in names]
    return [file for file in found if _is_plain(file) and file.stat().st_size <= MAX_CONVENTIONS_BYTES]


def _is_plain(file: Path) -> bool:
    """A file of the project's own: a link may lead anywhere."""
    return file.is_file() and not file.is_symlink()
