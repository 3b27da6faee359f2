"""What callers may name as workspace, and the worktree that a task gets in it. The user's files stay as they are."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import DeniedError, NotFoundError, UsageError
from ..ports.runs import NewRun
from .git import Git, GitError
from .worktree import Repository, Worktree

CLONE_SECONDS = 900.0
# Where the branches of tasks are, one a task.
BRANCHES = "ralph"
_SCP_FORM = re.compile(r"^[\w.-]+@[\w.-]+:\S+$")


class Workspaces:
    """Checks workspaces and makes worktrees.

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
            base = await self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", folder=path)
        except GitError as error:
            raise UsageError(f"the git repository {path} has no commit", "commit something there first") from error
        if await self._has_branch(path, BRANCHES):
            raise UsageError(
                f"{path} has a branch named {BRANCHES}, which leaves no room for {BRANCHES}/<task id>",
                "rename it first",
            )
        return str(path), base

    async def _has_branch(self, repository: Path, name: str) -> bool:
        try:
            await self._git("show-ref", "--verify", "--quiet", f"refs/heads/{name}", folder=repository)
        except GitError:
            return False
        return True

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
        repository, path = await self.ensure_repository(asked), self.worktree_path(asked.id)
        where, base = await self._locate(repository, asked.base_commit)
        worktree = Worktree(
            self._git,
            repository=where,
            git_folder=self._folder / "git" / asked.id,
            path=path,
            branch=branch_of(asked.id),
            base_commit=base,
        )
        await worktree.restore(commit or base)
        return worktree

    async def ensure_repository(self, asked: NewRun) -> Path:
        """The repository that holds a task's branch, made or cloned if it is not there.

        Raises:
            GitError: It cannot be cloned.
            UnavailableError: There is no git, or no disk space.
        """
        repository = self.repository(asked)
        if not asked.workspace.startswith("/") and not repository.exists():
            await self._make(asked.workspace, repository)
        return repository

    async def _locate(self, folder: Path, base: str) -> tuple[Repository, str]:
        """Where a repository keeps what we need, and the commit that work starts from: by default where it stands."""
        said = await self._git(
            *("rev-parse", "--git-common-dir", "--git-path", "objects", "--show-object-format"),
            base or "HEAD^{commit}",
            folder=folder,
        )
        lines = said.split("\n")
        if len(lines) != 4:
            raise GitError(f"the path {str(folder)!r} has a line break", "use a repository elsewhere")
        common, objects, object_format, base = lines
        return Repository(folder, (folder / common).resolve(), (folder / objects).resolve(), object_format), base

    def _checked_path(self, path: Path) -> Path:
        try:
            path = path.expanduser()
        except RuntimeError as error:
            raise NotFoundError(f"nobody's home folder is known for {path}", "name an absolute path") from error
        try:
            found = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            self._check_roots(path.absolute())
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
        try:
            parts = urlsplit(url if "://" in url else f"ssh://{url.replace(':', '/', 1)}")
        except ValueError as error:
            raise UsageError(f"the git URL cannot be read ({error})", "correct it, or name a path") from error
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


def travels(workspace: str) -> bool:
    """Whether any machine can work on a task in this workspace: one that all can clone."""
    return bool(workspace) and not workspace.startswith(("/", "file:"))


def branch_of(task_id: str) -> str:
    """The branch that a task's work is on."""
    return f"{BRANCHES}/{task_id}"
