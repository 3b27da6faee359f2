"""What changed between two commits, read from git's machine format. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal, TypeAlias

from ..ports.runs import Diff

# Options of `git diff-tree` that make it print what `parsed` reads.
DIFF_TREE = ("-r", "-t", "--raw", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-abbrev")
# The modes of git's trees.
NOTHING, FOLDER, PROGRAM, LINK, SUBMODULE = "000000", "040000", "100755", "120000", "160000"

Kind: TypeAlias = Literal["added", "modified", "deleted"]
_KINDS: Mapping[str, Kind] = {"A": "added", "D": "deleted"}


@dataclass(frozen=True, slots=True)
class Change:
    """One changed file, link or submodule.

    Attributes:
        path: Relative to the repository; bytes that are no UTF-8 as surrogates.
        kind: A file that became a link, or the reverse, is modified.
        added: Lines; 0 for a binary file.
        deleted: Lines; 0 for a binary file.
        old_mode: As git writes it, `000000` before it was added.
        new_mode: Likewise, `000000` once it is deleted.
        target: Where a link that is there now leads, as it is written; None if that is not known.
        moved: A deleted file whose content was added under another path.
        lost_folder: For a deleted file, the topmost folder that is gone with it; empty if its folder is still there.
    """

    path: str
    kind: Kind
    added: int = 0
    deleted: int = 0
    old_mode: str = NOTHING
    new_mode: str = NOTHING
    target: str | None = None
    moved: bool = False
    lost_folder: str = ""


def parsed(listed: str) -> tuple[tuple[Change, ...], dict[str, str]]:
    """Read what `git diff-tree` printed with the options DIFF_TREE.

    Args:
        listed: Its output.

    Returns:
        The changes in git's order, and the blob of each link that is there now by the link's path.
    """
    fields = iter(listed.split("\0"))
    rows: list[tuple[Change, str, str]] = []
    lost: set[str] = set()
    lines: dict[str, tuple[int, int]] = {}
    for head in takewhile(bool, fields):
        if not head.startswith(":"):
            added, deleted, path = head.split("\t", 2)
            lines[path] = (_number(added), _number(deleted))
            continue
        old_mode, new_mode, old_blob, new_blob, letter = head[1:].split(" ")
        path, kind = next(fields), _KINDS.get(letter[:1], "modified")
        if FOLDER in (old_mode, new_mode):
            if new_mode == NOTHING:
                lost.add(path)
            continue
        rows.append((Change(path, kind, old_mode=old_mode, new_mode=new_mode), old_blob, new_blob))
    arrived = {new for change, _, new in rows if change.kind == "added"}
    changes = tuple(
        replace(
            change,
            added=lines.get(change.path, (0, 0))[0],
            deleted=lines.get(change.path, (0, 0))[1],
            moved=change.kind == "deleted" and old in arrived,
            lost_folder=next((folder for folder in _above(change.path) if folder in lost), ""),
        )
        for change, old, _ in rows
    )
    return changes, {change.path: new for change, _, new in rows if change.new_mode == LINK}


def diff_of(changes: Sequence[Change]) -> Diff:
    """The same in numbers, with the line that `git diff --shortstat` prints."""
    if not changes:
        return Diff()
    added, deleted = sum(change.added for change in changes), sum(change.deleted for change in changes)
    parts = [f"{len(changes)} file{_s(len(changes))} changed"]
    if added or not deleted:
        parts.append(f"{added} insertion{_s(added)}(+)")
    if deleted or not added:
        parts.append(f"{deleted} deletion{_s(deleted)}(-)")
    return Diff(len(changes), added + deleted, ", ".join(parts))


def _above(path: str) -> Iterator[str]:
    """The folders above a path, from the top."""
    parts = path.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _number(field: str) -> int:
    # Binary files are listed with "-"
    return int(field) if field.isdigit() else 0


def _s(count: int) -> str:
    return "" if count == 1 else "s"
