"""Which files of a folder are worth importing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .formats.kinds import passed_over

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_FILES = 50_000
# How many files that are passed over are named; the rest are counted.
MAX_NAMED = 100
MAX_IGNORE_BYTES = 1_000_000
IGNORED_FOLDERS = frozenset(
    {"node_modules", "bower_components", "__pycache__", "site-packages", "venv", "target", "dist", "build", "_build"}
    | {"htmlcov", "DerivedData", "Pods", "__pypackages__", "elm-stuff"}
)


@dataclass
class Folder:
    """What is in a folder.

    Attributes:
        files: Paths below it of the files to import, in the order in which they are imported.
        passed_over: The first files that are not, each with the reason.
        passed_over_count: How many are not; those that are ignored or hidden do not count.
        too_many: There are more files than can be imported at once.
        changed_at: When one of its files or folders was changed last, in seconds since 1970.
        is_file: It is no folder, but a file itself.
    """

    files: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    passed_over_count: int = 0
    too_many: bool = False
    changed_at: float = 0.0
    is_file: bool = False

    def pass_over(self, name: str, reason: str) -> None:
        """Note a file that is not imported."""
        self.passed_over_count += 1
        if len(self.passed_over) < MAX_NAMED:
            self.passed_over.append(f"{name}: {reason}")


def walk(folder: Path, roots: Sequence[Path]) -> Folder:
    """List the files below a folder, as `git` would: what .gitignore files name is left out.

    Hidden files, build folders and links are left out too: links may lead out of the roots, or round in circles.

    Args:
        folder: Resolved; or a file, which is then all that is found.
        roots: Folders above it whose .gitignore files may be read.
    """
    if not folder.is_dir():
        return Folder(files=[folder.name], changed_at=folder.stat().st_ctime, is_file=True)
    found = Folder()
    # A stack of its own rather than os.walk: the rules of a folder are known where its files are listed.
    pending: list[tuple[Path, tuple[_Rules, ...]]] = [(folder, tuple(_rules_above(folder, roots)))]
    while pending and not found.too_many:
        parent, inherited = pending.pop()
        try:
            with os.scandir(parent) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
            found.changed_at = max(found.changed_at, parent.stat().st_ctime)
        except OSError as error:
            found.pass_over(f"{_below(parent, folder)}/", error.strerror or "cannot be read")
            continue
        rules = (*inherited, *_rules_in(parent))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            if (is_folder and entry.name in IGNORED_FOLDERS) or _ignored(Path(entry.path), is_folder, rules):
                continue
            if is_folder:
                pending.append((Path(entry.path), rules))
            else:
                _consider(entry, _below(Path(entry.path), folder), found)
    found.files.sort(key=sort_key)
    return found


def sort_key(path: str) -> bytes:
    """The order of the files of a folder: a total one, so that an import that is taken up again knows what is done.

    Args:
        path: Below the folder.
    """
    return os.fsencode(path).replace(b"/", b"\0")


def _consider(entry: os.DirEntry[str], name: str, found: Folder) -> None:
    try:
        if entry.is_symlink():
            found.pass_over(name, "a link")
            return
        if not entry.is_file(follow_symlinks=False):
            found.pass_over(name, "no regular file")
            return
        if reason := passed_over(entry.name):
            found.pass_over(name, reason)
            return
        information = entry.stat(follow_symlinks=False)
    except OSError as error:
        found.pass_over(name, error.strerror or "cannot be read")
        return
    found.changed_at = max(found.changed_at, information.st_ctime)
    if information.st_size == 0:
        found.pass_over(name, "empty")
        return
    if len(found.files) == MAX_FILES:
        found.too_many = True
        return
    found.files.append(name)


@dataclass(frozen=True, slots=True)
class _Rules:
    """A .gitignore file."""

    folder: Path
    spec: GitIgnoreSpec


def _ignored(path: Path, is_folder: bool, rules: tuple[_Rules, ...]) -> bool:
    """Whether the .gitignore files leave a path out: the deepest one that has a rule for it decides."""
    for each in reversed(rules):
        name = path.relative_to(each.folder).as_posix()
        verdict = each.spec.check_file(f"{name}/" if is_folder else name).include
        if verdict is not None:
            return verdict
    return False


def _rules_above(folder: Path, roots: Sequence[Path]) -> Iterator[_Rules]:
    """The rules of the folders above, down from that of the git repository that the folder is in."""
    above: list[Path] = []
    for parent in (folder, *folder.parents):
        if not any(parent.is_relative_to(root) for root in roots):
            return
        if parent != folder:
            above.append(parent)
        if (parent / ".git").exists():
            yield from _rules_of(parent, parent / ".git" / "info" / "exclude")
            for each in reversed(above):
                yield from _rules_in(each)
            return


def _rules_in(folder: Path) -> Iterator[_Rules]:
    yield from _rules_of(folder, folder / ".gitignore")


def _rules_of(folder: Path, file: Path) -> Iterator[_Rules]:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - heavy: imported on first use

    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MAX_IGNORE_BYTES:
            return
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    patterns = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:  # git passes over what is no pattern
            continue
        patterns.append(line)
    if patterns:
        yield _Rules(folder, GitIgnoreSpec.from_lines(patterns))


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
