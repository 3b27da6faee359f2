"""Where one task is worked on: a git worktree of its own, committed on a branch of its own.

The agent may do to it whatever it likes: git is always told which repository and which folder are meant, and what ties
the two together is mended before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..ports.runs import Diff
from .changes import DIFF_TREE, Change, diff_of, parsed
from .git import Git, GitError, GitTimeoutError
from .mending import lies_in, mend, remove

# Repositories inside of repositories that an agent made; nobody does so, but a loop needs an end.
MAX_NESTING = 10
MAX_TEXT_BYTES = 1_000_000
# Each costs a git process; where the others lead is not known, which is as good as anywhere.
MAX_LINKS_FOLLOWED = 20
# The mode by which git lists a commit of another repository.
_GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint.

    Attributes:
        commit: Of everything in the worktree.
        notes: What of the agent's work is not in it, and why; a sentence each, without the full stop.
    """

    commit: str
    notes: tuple[str, ...] = ()


class Worktree:
    """One task's worktree.

    Args:
        git: Runs git.
        repository: The workspace's repository.
        git_folder: The worktree's folder in it, `worktrees/<task id>` of the repository's git folder.
        path: The working folder; its name is the task's id, too.
        branch: Name of the task's branch.
        base_commit: What the branch is made from.
    """

    def __init__(
        self, git: Git, *, repository: Path, git_folder: Path, path: Path, branch: str, base_commit: str
    ) -> None:
        self.path = path
        self.base_commit = base_commit
        self._git = git
        self._here = partial(git, folder=path, git_folder=git_folder)
        self._repository = repository
        self._git_folder = git_folder
        self._branch = f"refs/heads/{branch}"

    async def restore(self, commit: str) -> None:
        """Bring everything to a commit: working folder, index and branch. Makes the worktree if it is not there.

        Raises:
            GitError: The repository is gone, or the commit is not in it.
            UnavailableError: There is no git, or no disk space.
        """
        try:
            if await self._mend():
                await self._reset(commit)
                return
        except GitError:  # too much is broken: it is made anew
            pass
        for path in (self.path, self._git_folder):
            await asyncio.to_thread(remove, path)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._git(
            *("worktree", "add", "--quiet", "--force", "--detach", "--no-checkout", "--", str(self.path), commit),
            folder=self._repository,
        )
        if not await self._mend():
            raise GitError(f"git made no worktree in {self._git_folder}", "look at the repository, then submit again")
        await self._reset(commit)

    async def checkpoint(self, parent: str, message: str) -> Saved:
        """Commit everything as one commit on the task's branch.

        Built from plumbing: the agent may have committed, switched branches or rebased in the meantime, and the
        branch still gets exactly one commit an iteration, on top of the last one. Empty iterations get one too, so
        that each can be gone back to. What cannot be committed is undone, so that the next iteration can go on.

        Args:
            parent: The last checkpoint; empty before the first.
            message: Of the commit.

        Raises:
            GitError: The repository is gone or broken.
            UnavailableError: There is no disk space.
        """
        parent = parent or self.base_commit
        undone = ""
        if await self._mend():
            try:
                tree = await self._tree(parent)
            except (GitError, GitTimeoutError) as error:
                undone = f"the changes could not be committed and were undone: {error.problem}"
        else:
            undone = "the agent removed its working folder, which was restored as it was before: stay in it"
        if undone:
            await self.restore(parent)
            tree = f"{parent}^{{tree}}"
        commit = await self._here("commit-tree", tree, "-p", parent, "-m", message)
        await self._point_branch_at(commit)
        return Saved(commit, (undone,) if undone else await self._notes_on_submodules(commit))

    async def changes(self, since: str, commit: str) -> tuple[Change, ...]:
        """What changed between two commits, file by file."""
        changes, links = parsed(await self._here("diff-tree", *DIFF_TREE, since, commit, "--"))
        targets = {
            path: (await self._here("cat-file", "blob", blob))
            for path, blob in list(links.items())[:MAX_LINKS_FOLLOWED]
        }
        return tuple(replace(change, target=targets.get(change.path)) for change in changes)

    async def diff(self, since: str, commit: str) -> Diff:
        """What changed between two commits, in numbers."""
        return diff_of(parsed(await self._here("diff-tree", *DIFF_TREE, since, commit, "--"))[0])

    async def files(self, commit: str) -> frozenset[str]:
        """The files of a commit, as relative paths."""
        return frozenset((await self._here("ls-tree", "-r", "--name-only", "-z", commit)).split("\0")) - {""}

    async def text(self, commit: str, file: str) -> str:
        """The text of a file of a commit; empty if it is larger than a megabyte."""
        blob = f"{commit}:{file}"
        if int(await self._here("cat-file", "-s", blob)) > MAX_TEXT_BYTES:
            return ""
        return (await self._here("cat-file", "blob", blob)).encode(errors="surrogateescape").decode(errors="replace")

    async def _mend(self) -> bool:
        return await asyncio.to_thread(mend, self.path, self._git_folder, self._branch)

    async def _reset(self, commit: str) -> None:
        await self._point_branch_at(commit)
        await self._here("reset", "--quiet", "--hard", commit, "--")
        await self._here("clean", "--quiet", "-ffd")

    async def _point_branch_at(self, commit: str) -> None:
        # The agent may have made the branch another name of one of the user's, which must not move.
        await self._here("update-ref", "--no-deref", self._branch, commit)
        await self._here("symbolic-ref", "HEAD", self._branch)

    async def _tree(self, parent: str) -> str:
        index = self._git_folder / "index"
        try:
            await self._here("ls-files", "--stage", "-z")
        except GitError:
            index.unlink(missing_ok=True)
        if not index.exists():
            await self._here("read-tree", parent)
        await self._absorb_repositories()
        await self._here("add", "--all")
        return await self._here("write-tree")

    async def _absorb_repositories(self) -> None:
        """Make plain files of the repositories that the agent created in the worktree, as scaffolding tools do.

        Git would record such a folder as a bare reference, and its files nowhere. The workspace's own submodules
        stay what they are.
        """
        submodules = _gitlinks(await self._here("ls-tree", "-r", "-z", self.base_commit))
        for _ in range(MAX_NESTING):
            links = _gitlinks(await self._here("ls-files", "--stage", "-z")) - submodules
            others = await self._here("ls-files", "--others", "--exclude-standard", "-z")
            # Git lists files one by one, and only a repository as a folder.
            inner = links | {name.rstrip("/") for name in others.split("\0") if name.endswith("/")}
            if not inner:
                return
            for name in inner:
                if lies_in(self.path, name):
                    await asyncio.to_thread(remove, self.path / name / ".git")
            if links:
                await self._here("update-index", "--force-remove", "--", *links)

    async def _notes_on_submodules(self, commit: str) -> tuple[str, ...]:
        submodules = sorted(_gitlinks(await self._here("ls-tree", "-r", "-z", commit)))
        if not submodules:
            return ()
        rows = await self._here("status", "--porcelain=v2", "-z", "--untracked-files=no", "--ignore-submodules=none")
        # "1 .M S.MU ... path": S for a submodule, M and U for changed and new files in it
        changed = {
            row.split(" ", 8)[-1] for row in rows.split("\0") if row.startswith("1 ") and set(row[5:9]) & {*"MU"}
        }
        return await asyncio.to_thread(_notes, self.path, submodules, changed)


def _gitlinks(listed: str) -> frozenset[str]:
    """The paths of the commits of other repositories, as `ls-tree` and `ls-files --stage` list them."""
    return frozenset(row.partition("\t")[2] for row in listed.split("\0") if row.startswith(_GITLINK))


def _notes(folder: Path, submodules: Sequence[str], changed: Collection[str]) -> tuple[str, ...]:
    return tuple(
        f"files that were written into the submodule {name} are not in the commit, which holds only its reference"
        for name in submodules
        if name in changed or _is_filled(folder, name)
    )


def _is_filled(folder: Path, name: str) -> bool:
    """Whether the folder of a submodule that was never checked out holds something."""
    path = folder / name
    return lies_in(folder, name) and path.is_dir() and not (path / ".git").exists() and any(path.iterdir())
