"""Git is run in the repository that we name, and ends with all that it started."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from mcp_stack.ralph.git import Git, GitTimeoutError
from tests.support.ralph import git, make_repository


async def test_a_filter_that_hangs_ends_with_its_git(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "one", {"a.txt": "a"})
    git(repository, "config", "filter.slow.clean", "sleep 7107")
    (repository / ".gitattributes").write_text("b.txt filter=slow\n", encoding="utf-8")
    (repository / "b.txt").touch()
    with pytest.raises(GitTimeoutError, match="git add took longer than 1 s"):
        await Git(os.environ, tmp_path)("add", "--all", folder=repository, timeout_seconds=1)
    running = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert ["sleep", "7107"] not in running


async def test_a_named_git_folder_counts_more_than_what_the_folder_says(tmp_path: Path) -> None:
    one = make_repository(tmp_path / "one", {"one.txt": ""})
    two = make_repository(tmp_path / "two", {"two.txt": ""})
    listed = await Git(os.environ, tmp_path)("ls-files", folder=two, git_folder=one / ".git")
    assert listed == "one.txt"
