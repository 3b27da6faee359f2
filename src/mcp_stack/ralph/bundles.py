"""Commits on their way from machine to machine, as git bundles (git-bundle(1))."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..errors import ConflictError
from ..ports.runs import Run
from .git import Git, GitError
from .workspace import Workspaces, branch_of, travels

MOST_BYTES: Final = 64_000_000
"""Of the commit of one iteration; the database is no place for more."""


class Bundles:
    """Makes bundles of checkpoints, and takes in those of other machines.

    Args:
        git: Runs git.
        workspaces: Knows where repositories are.
        folder: Ralph's folder in the data folder.
    """

    def __init__(self, git: Git, workspaces: Workspaces, folder: Path) -> None:
        self._git = git
        self._workspaces = workspaces
        self._folder = folder

    async def made(self, run: Run, parent: str) -> bytes:
        """The latest checkpoint of a run.

        Args:
            run: Its branch stands at that checkpoint.
            parent: The commit below it, which whoever takes it in must have.

        Returns:
            The bundle; empty for a run that stays on its machine.

        Raises:
            GitError: The repository is gone or broken.
            ConflictError: It is too large.
        """
        if not travels(run.asked.workspace):
            return b""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="bundle-") as name:
            file = Path(name, "bundle")
            await self._git(
                *("bundle", "create", "--quiet", str(file), branch_of(run.asked.id), f"^{parent}"),
                folder=self._workspaces.repository(run.asked),
            )
            return await asyncio.to_thread(_content, file)

    async def take_in(self, run: Run, bundles: Sequence[bytes]) -> None:
        """Bring a run's commits into this machine's clone.

        Args:
            run: Whose.
            bundles: Of all its iterations, in order.

        Raises:
            GitError: The repository cannot be cloned, or no longer has the commit that the run started from.
            UnavailableError: There is no git, or no disk space.
        """
        repository = await self._workspaces.ensure_repository(run.asked)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="bundle-") as name:
            file = Path(name, "bundle")
            for bundle in bundles:
                await asyncio.to_thread(file.write_bytes, bundle)
                await self._git("bundle", "unbundle", str(file), folder=repository)

    async def lacks(self, run: Run) -> bool:
        """Whether the commit that a run stands at is yet to be brought to this machine."""
        if not run.commit or not travels(run.asked.workspace):
            return False
        try:
            repository = await self._workspaces.ensure_repository(run.asked)
            await self._git("cat-file", "-e", f"{run.commit}^{{commit}}", folder=repository)
        except GitError:
            return True
        return False


def _content(file: Path) -> bytes:
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ConflictError(
            f"what the agent committed takes {size // 1_000_000} MB, more than other machines could be sent",
            "have build outputs ignored by git, or submit the task with a path as workspace",
        )
    return file.read_bytes()
