"""A task's commits in its repository, looked at from outside: no worktree is needed and none is changed."""

from __future__ import annotations

from contextlib import suppress

from ..ports.runs import Run
from .git import Git, GitError
from .workspace import Workspaces


class History:
    """Looks into repositories.

    Args:
        git: Runs git.
        workspaces: Knows where repositories are.
    """

    def __init__(self, git: Git, workspaces: Workspaces) -> None:
        self._git = git
        self._workspaces = workspaces

    async def patch(self, run: Run, since: str, commit: str, max_characters: int) -> tuple[str, bool]:
        """What changed between two commits, as a unified diff.

        Args:
            run: Whose.
            since: Empty for the base commit.
            commit: Empty for the base commit.
            max_characters: Longer ones are cut, and end with a line that says so.

        Returns:
            The diff, and whether it was cut; empty without changes, or if the commits are not on this machine.
        """
        since, commit = since or run.asked.base_commit, commit or run.asked.base_commit
        repository = self._workspaces.repository(run.asked)
        if since == commit or not repository.is_dir():
            return "", False
        try:
            text = await self._git(
                *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", since, commit, "--"),
                folder=repository,
            )
        except GitError:
            return "", False
        shown = text.encode(errors="surrogateescape").decode(errors="replace")
        if len(shown) <= max_characters:
            return shown, False
        return f"{shown[:max_characters]}\n[{len(shown) - max_characters} more characters]", True

    async def has(self, run: Run, commit: str) -> bool:
        """Whether a commit is on this machine.

        Args:
            run: Whose.
            commit: Empty for the base commit.
        """
        repository = self._workspaces.repository(run.asked)
        if not (commit or run.asked.base_commit) or not repository.is_dir():
            return False
        try:
            await self._git("cat-file", "-e", f"{commit or run.asked.base_commit}^{{commit}}", folder=repository)
        except GitError:
            return False
        return True

    async def keep(self, run: Run) -> None:
        """Have the commit that a task stands at survive a rollback: git removes what no reference leads to.

        Args:
            run: As it stands before the rollback.

        Raises:
            GitError: The repository is gone or broken.
        """
        if run.commit:
            name = f"refs/ralph/{run.asked.id}/{run.head}"
            repository = self._workspaces.repository(run.asked)
            await self._git("update-ref", "--no-deref", name, run.commit, folder=repository)

    async def forget(self, run: Run) -> None:
        """Keep what was undone no longer; git removes it when it cleans up."""
        repository = self._workspaces.repository(run.asked)
        if not repository.is_dir():
            return
        with suppress(GitError):
            names = await self._git(
                "for-each-ref", "--format=%(refname)", f"refs/ralph/{run.asked.id}/", folder=repository
            )
            for name in names.split():
                await self._git("update-ref", "--no-deref", "-d", name, folder=repository)
