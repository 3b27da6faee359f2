"""Where tasks are worked on: each in a git worktree and on a branch of its own. The user's files stay as they are."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import DeniedError, NotFoundError, UsageError
from ..ports.runs import Diff, NewRun
from .git import Git, GitError

CLONE_SECONDS = 900.0
# Repositories inside of repositories that an agent made; nobody does so, but a loop needs an end.
MAX_NESTING = 5
# What a git process that was killed leaves behind, in the worktree's own git folder.
STALE_LOCKS = ("index.lock", "HEAD.lock")
_SCP_FORM = re.compile(r"^[\w.-]+@[\w.-]+:\S+$")


@dataclass(frozen=True, slots=True)
class Worktree:
    """Where one task is worked on.

    Attributes:
        path: Its working folder.
        branch: `ralph/<task id>`, in the workspace's repository.
        base_commit: What the branch was made from.
    """

    path: Path
    branch: str
    base_commit: str


class Workspaces:
    """Makes worktrees and checkpoints in them.

    Args:
        folder: Ralph's folder in the data folder.
        allowed_roots: A workspace that is a path must lie in one of them.
        git: Runs git.
    """

    def __init__(self, folder: Path, allowed_roots: Sequence[Path], git: Git) -> None:
        self._folder = folder.resolve()
        self._roots = tuple(root.resolve() for root in allowed_roots)
        self._git = git

    async def resolve(self, workspace: str) -> tuple[str, str]:
        """Check what a caller named as workspace.

        Args:
            workspace: A path, a git URL, or empty.

        Returns:
            The workspace in its final form, and the commit that work starts from; empty if the repository will be
            made or cloned with the first iteration.

        Raises:
            UsageError: It is no git repository of its own, has no commit, or is a URL of another kind.
            NotFoundError: The path does not exist.
            DeniedError: It is outside the allowed roots, or in the data folder.
        """
        if not workspace:
            return "", ""
        if "://" in workspace or _SCP_FORM.match(workspace):
            return self._checked_url(workspace), ""
        path = self._checked_path(Path(workspace))
        try:
            top = Path(await self._git("rev-parse", "--show-toplevel", folder=path))
        except GitError as error:
            if "dubious ownership" in str(error):
                raise DeniedError(f"{path} belongs to another user", "run as its owner, or clone it") from error
            raise UsageError(
                f"{path} is not the top folder of a git repository",
                "name that folder, run `git init` and commit there, or leave workspace empty for a new repository",
            ) from error
        if top != path:
            raise UsageError(f"{path} is inside of the git repository {top}", f"use {top}, or another workspace")
        try:
            return str(path), await self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", folder=path)
        except GitError as error:
            raise UsageError(f"the git repository {path} has no commit", "commit something there first") from error

    def worktree_path(self, task_id: str) -> Path:
        """Where a task is worked on."""
        return self._folder / "worktrees" / task_id

    def repository(self, asked: NewRun) -> Path:
        """The repository that holds a task's branch."""
        if asked.workspace.startswith("/"):
            return Path(asked.workspace)
        return self._folder / "repositories" / asked.id

    async def prepare(self, asked: NewRun, commit: str) -> Worktree:
        """Bring a task's worktree to a checkpoint, whatever an interrupted iteration left in it.

        Args:
            asked: The task.
            commit: Its last checkpoint; empty before the first.

        Raises:
            GitError: The repository is gone, the checkpoint is not in it, or it cannot be cloned.
            UnavailableError: There is no git, or no disk space.
        """
        repository, path, branch = self.repository(asked), self.worktree_path(asked.id), branch_of(asked.id)
        if not asked.workspace.startswith("/") and not repository.exists():
            await self._make(asked.workspace, repository)
        base = asked.base_commit or await self._git("rev-parse", "--verify", "HEAD^{commit}", folder=repository)
        if not await self._is_worktree(path):
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._git("worktree", "prune", folder=repository)
            await self._git(
                *("worktree", "add", "--quiet", "--force", "-B", branch, "--", str(path), commit or base),
                folder=repository,
            )
        await self._git("symbolic-ref", "HEAD", f"refs/heads/{branch}", folder=path)
        await self._git("reset", "--quiet", "--hard", commit or base, "--", folder=path)
        await self._git("clean", "--quiet", "-ffd", folder=path)
        return Worktree(path, branch, base)

    async def checkpoint(self, worktree: Worktree, parent: str, message: str) -> str:
        """Commit everything in a worktree as one commit on the task's branch.

        Built from plumbing: the agent may have committed, switched branches or rebased in the meantime, and the
        branch still gets exactly one commit an iteration, on top of the last one. Empty iterations get one too, so
        that each can be gone back to.

        Args:
            worktree: From `prepare`.
            parent: The last checkpoint; empty before the first.
            message: Of the commit.

        Returns:
            The new commit.

        Raises:
            GitError: The agent broke the worktree.
            UnavailableError: There is no disk space.
        """
        folder, branch = worktree.path, f"refs/heads/{worktree.branch}"
        await self._absorb_repositories(folder)
        await self._git("add", "--all", folder=folder)
        tree = await self._git("write-tree", folder=folder)
        commit = await self._git(
            *("commit-tree", tree, "-p", parent or worktree.base_commit, "-m", message), folder=folder
        )
        await self._git("update-ref", branch, commit, folder=folder)
        await self._git("symbolic-ref", "HEAD", branch, folder=folder)
        return commit

    async def diff(self, worktree: Worktree, since: str, commit: str) -> Diff:
        """What changed between two commits."""
        numbers = await self._git("diff", "--numstat", "--no-renames", since, commit, "--", folder=worktree.path)
        if not numbers:
            return Diff()
        stat = await self._git("diff", "--shortstat", "--no-renames", since, commit, "--", folder=worktree.path)
        rows = [line.split("\t") for line in numbers.splitlines()]
        # Binary files are listed as "-  -  name"
        lines = sum(int(number) for row in rows for number in row[:2] if number.isdigit())
        return Diff(len(rows), lines, stat.strip())

    async def files(self, worktree: Worktree, commit: str) -> list[str]:
        """The files of a commit, as paths relative to the worktree."""
        return (await self._git("ls-tree", "-r", "--name-only", "-z", commit, folder=worktree.path)).split("\0")

    def _checked_path(self, path: Path) -> Path:
        try:
            found = path.expanduser().resolve(strict=True)
        except (OSError, RuntimeError) as error:
            self._check_roots(path.expanduser().absolute())
            raise NotFoundError(f"there is no folder {path}", "name an existing folder, or leave it empty") from error
        self._check_roots(found)
        if found.is_relative_to(self._folder.parent):
            raise DeniedError(f"{found} is in the data folder", "use a repository of your own")
        if not found.is_dir():
            raise UsageError(f"{found} is not a folder", "name the top folder of a git repository")
        return found

    def _check_roots(self, path: Path) -> None:
        if not any(path.is_relative_to(root) for root in self._roots):
            allowed = ", ".join(map(str, self._roots)) or "none is set"
            raise DeniedError(
                f"{path} is outside the allowed roots ({allowed})", "add its root to security.allowed_roots"
            )

    def _checked_url(self, url: str) -> str:
        parts = urlsplit(url if "://" in url else f"ssh://{url.replace(':', '/', 1)}")
        if parts.scheme == "file":
            return f"file://{self._checked_path(Path(parts.path))}"
        if parts.scheme not in ("https", "ssh") or not parts.hostname or parts.hostname.startswith("-"):
            raise UsageError(
                f"{parts.scheme or 'this'} is not a kind of git URL that is cloned",
                "use https://, ssh://, git@host:path, or file:// with a path in an allowed root",
            )
        if parts.password is not None or (parts.scheme == "https" and parts.username):
            raise UsageError("the git URL holds credentials", "leave them out, and use ssh with an agent")
        return url

    async def _make(self, url: str, repository: Path) -> None:
        """Make or clone a repository; it appears under its name only when it is whole."""
        repository.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = repository.with_name(f"{repository.name}.part")
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        if url:
            await self._git(
                *("clone", "--quiet", "--", url, str(unfinished)),
                folder=repository.parent,
                timeout_seconds=CLONE_SECONDS,
            )
        else:
            unfinished.mkdir(mode=0o700)
            await self._git("init", "--quiet", folder=unfinished)
            await self._git("commit", "--quiet", "--allow-empty", "-m", "Start", folder=unfinished)
        unfinished.rename(repository)

    async def _absorb_repositories(self, folder: Path) -> None:
        """Make plain files of the repositories that the agent created inside of the worktree, as scaffolding tools do.

        Git would record such a folder as a bare reference, and its files nowhere.
        """
        for _ in range(MAX_NESTING):
            others = await self._git("ls-files", "--others", "--exclude-standard", "-z", folder=folder)
            # Git lists files one by one, and only a repository as a folder.
            inner = [folder / name / ".git" for name in others.split("\0") if name.endswith("/")]
            if not inner:
                return
            for git_folder in inner:
                await asyncio.to_thread(shutil.rmtree, git_folder, ignore_errors=True)

    async def _is_worktree(self, path: Path) -> bool:
        """Whether a worktree is there and git knows it; what killed git processes left locked is unlocked."""
        if not (path / ".git").is_file():
            return False
        try:
            git_folder = Path(await self._git("rev-parse", "--absolute-git-dir", folder=path))
            await self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", folder=path)
        except GitError:
            return False
        for name in STALE_LOCKS:
            (git_folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            (git_folder / ".." / ".." / "refs" / "heads" / "ralph" / f"{path.name}.lock").resolve().unlink()
        return True


def branch_of(task_id: str) -> str:
    """The branch that a task's work is on."""
    return f"ralph/{task_id}"
