"""Where one task is worked on: a folder of its own, committed on a branch of its own.

The agent may do to the folder whatever it likes, and what it writes must not make our git do anything. So there are
three repositories. The user's holds the branch and all objects; no agent can write it. Ours, beside the folder and out
of the agent's reach, holds the index and a configuration that nobody else writes: a `git config` of the agent names no
filter and no program that we would run. The agent's is the folder's `.git`, made new of plain files before the agent
and before the verification; nothing is ever read from it.

A linked worktree (git-worktree(1)), even with the user's repository mounted read-only but for what the agent needs,
would share its configuration, its references and its hooks with the agent. A clone would have to be fetched from at
every checkpoint, five processes more, and would hold all objects twice or break when the user's are cleaned up. Here
`git gc` keeps what the task needs, for its branch reaches all of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..ports.runs import Diff
from .agent_repository import AgentRepository, objects_and_alternates
from .changes import DIFF_TREE, Change, diff_of, parsed
from .git import Git, GitError, GitTimeoutError
from .mending import is_real_folder, lies_in, mend, remove

# Repositories inside of repositories that an agent made; nobody does so, but a loop needs an end.
MAX_NESTING = 10
MAX_TEXT_BYTES = 1_000_000
# Each costs a git process; where the others lead is not known, which is as good as anywhere.
MAX_LINKS_FOLLOWED = 20
# The mode by which git lists a commit of another repository.
_GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Repository:
    """The user's repository.

    Attributes:
        folder: Its top folder.
        git_folder: What all of its worktrees share.
        objects: Where its objects are.
        object_format: `sha1` or `sha256`.
    """

    folder: Path
    git_folder: Path
    objects: Path
    object_format: str


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
        repository: The user's.
        git_folder: Of our repository, which no agent can reach.
        path: The working folder, without symbolic links.
        branch: Name of the task's branch.
        base_commit: What the branch is made from.
    """

    def __init__(
        self, git: Git, *, repository: Repository, git_folder: Path, path: Path, branch: str, base_commit: str
    ) -> None:
        self.path = path
        self.base_commit = base_commit
        self._git = git
        self._here = partial(git, folder=path, git_folder=git_folder, objects=repository.objects)
        self._repository = repository
        self._git_folder = git_folder
        self._branch = branch
        self._offered = AgentRepository(path / ".git", git_folder, repository.objects, repository.object_format)

    @property
    def readable(self) -> tuple[Path, ...]:
        """What the agent's git reads outside of the working folder: objects."""
        return objects_and_alternates(self._repository.objects)

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
        await self._make()
        await self._reset(commit)

    async def checkpoint(self, parent: str, message: str) -> Saved:
        """Commit everything as one commit on the task's branch, in the user's repository.

        Built from plumbing: whatever the agent committed or rebased in its own repository, the branch gets exactly
        one commit an iteration, on top of the last one. Empty iterations get one too, so that each can be gone back
        to. What cannot be committed is undone, so that the next iteration can go on.

        Args:
            parent: The last checkpoint; empty before the first.
            message: Of the commit.

        Raises:
            GitError: The repository is gone or broken.
            UnavailableError: There is no disk space.
        """
        parent = parent or self.base_commit
        undone = ""
        submodules: tuple[str, ...] = ()
        if await self._mend():
            try:
                tree, submodules = await self._tree()
            except (GitError, GitTimeoutError) as error:
                undone = f"the changes could not be committed and were undone: {error.problem}"
        else:
            undone = "the agent removed its working folder, which was restored as it was before: stay in it"
        if undone:
            await self.restore(parent)
            tree = f"{parent}^{{tree}}"
        commit = await self._here("commit-tree", tree, "-p", parent, "-m", message)
        await self._publish(commit)
        return Saved(commit, (undone,) if undone else await asyncio.to_thread(_notes, self.path, submodules))

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

    async def ignored(self) -> tuple[str, ...]:
        """What is in the folder and in no commit, for git is told to ignore it; whole folders by their name alone."""
        listed = await self._here("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
        return tuple(name for name in listed.split("\0") if name)

    async def text(self, commit: str, file: str) -> str:
        """The text of a file of a commit; empty if it is larger than a megabyte."""
        blob = f"{commit}:{file}"
        if int(await self._here("cat-file", "-s", blob)) > MAX_TEXT_BYTES:
            return ""
        return (await self._here("cat-file", "blob", blob)).encode(errors="surrogateescape").decode(errors="replace")

    async def _mend(self) -> bool:
        """Take away what killed git processes left; False if the worktree has to be made."""
        locked = (self._git_folder, self._repository.git_folder)
        return await asyncio.to_thread(mend, self.path, self._git_folder, locked, f"refs/heads/{self._branch}")

    async def _make(self) -> None:
        for path in (self.path, self._git_folder):
            await asyncio.to_thread(remove, path)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._git(
            *("init", "--quiet", "--bare", "--template=", f"--initial-branch={self._branch}"),
            *(f"--object-format={self._repository.object_format}", "--", str(self._git_folder)),
            folder=self._git_folder.parent,
        )
        references = await self._git(
            *("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", "refs/remotes"),
            folder=self._repository.folder,
            git_folder=self._repository.git_folder,
        )
        await asyncio.to_thread(self._offered.take_over, self._repository.git_folder, references, self._branch)
        self.path.mkdir(mode=0o700)

    async def _reset(self, commit: str) -> None:
        await self._here("reset", "--quiet", "--hard", commit, "--")
        await self._here("clean", "--quiet", "-ffd")
        await self._publish(commit)

    async def _publish(self, commit: str) -> None:
        """Point the branch at a commit, in the user's repository and in the one that the agent sees."""
        # The branch may be another name of one that must not move.
        await self._git(
            *("update-ref", "--no-deref", f"refs/heads/{self._branch}", commit),
            folder=self._repository.folder,
            git_folder=self._repository.git_folder,
        )
        await asyncio.to_thread(self._offered.write, self._branch, commit)

    async def _tree(self) -> tuple[str, tuple[str, ...]]:
        """The tree of everything, and the submodules in it."""
        submodules = _gitlinks(await self._here("ls-files", "--stage", "-z"))
        await self._absorb_repositories()
        # Git would run itself in a submodule that was checked out, with the configuration that the agent gave it.
        filled = await asyncio.to_thread(_checked_out, self.path, submodules)
        without = (f":(top,exclude,literal){name}" for name in filled)
        await self._here("add", "--all", *(("--", ".", *without) if filled else ()))
        return await self._here("write-tree"), submodules

    async def _absorb_repositories(self) -> None:
        """Make plain files of the repositories that the agent created in the worktree, as scaffolding tools do.

        Git would record such a folder as a bare reference, and its files nowhere. The workspace's own submodules
        stay what they are.
        """
        for _ in range(MAX_NESTING):
            others = await self._here("ls-files", "--others", "--exclude-standard", "-z")
            # Git lists files one by one, and only a repository as a folder.
            inner = {name.rstrip("/") for name in others.split("\0") if name.endswith("/")}
            if not inner:
                return
            for name in inner:
                if lies_in(self.path, name):
                    await asyncio.to_thread(remove, self.path / name / ".git")


def _gitlinks(listed: str) -> tuple[str, ...]:
    """The paths of the commits of other repositories, as `ls-files --stage` lists them."""
    return tuple(row.partition("\t")[2] for row in listed.split("\0") if row.startswith(_GITLINK))


def _checked_out(folder: Path, submodules: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in submodules if lies_in(folder, name) and (folder / name / ".git").exists())


def _notes(folder: Path, submodules: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"files that were written into the submodule {name} are not in the commit, which holds only its reference"
        for name in submodules
        if lies_in(folder, name) and is_real_folder(folder / name) and any((folder / name).iterdir())
    )
