"""AutoGPT through the Agent Protocol, against a small server that speaks it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.ralph.backends.autogpt import AutoGptAgent
from mcp_stack.ralph.git import Git
from tests.support.agent_protocol import AgentProtocolServer
from tests.support.agents import BROKEN, MENDING, assignment, passes
from tests.support.ralph import git, make_repository

GIT = Git(os.environ, Path("/nonexistent"))


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """With files that are ignored, and others that are not committed yet."""
    folder = make_repository(
        tmp_path / "größe 1", BROKEN | {".docs/what it is.md": "# Reports\n", ".gitignore": "build\n"}
    )
    (folder / "build").mkdir()
    (folder / "build" / "large").write_text("x")
    return folder


async def test_it_mends_three_files_so_that_the_test_passes(worktree: Path, tmp_path: Path) -> None:
    with AgentProtocolServer(MENDING, made={"docs/new/more.md": b"more\n"}, last_word="All is mended.") as server:
        agent = AutoGptAgent(GIT, server.url, "a-key")
        assert (await agent.info()).installed
        outcome = await agent.run(assignment(worktree, tmp_path / "scratch", None, task="Mend it."))
    assert outcome.exit_code == 0, outcome.output_tail
    assert outcome.output_tail.splitlines()[-1] == "All is mended."
    assert outcome.output_file.read_text().splitlines()[0] == "sent 6 files"
    changed = git(worktree, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert [line.split()[-1] for line in changed] == ["names.py", "prices.py", "report.py", "docs/new/more.md"]
    assert passes(worktree)
    assert "Mend it." in server.inputs[0]
    assert set(server.authorizations) == {"Bearer a-key"}


async def test_what_it_made_is_taken_over_only_into_the_worktree(worktree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (worktree / "link").symlink_to(outside)
    for number, path in enumerate(("../outside/x", "link/x", "/../../x", ".git/hooks/pre-commit")):
        with AgentProtocolServer(made={path: b"x"}) as server:
            asked = assignment(worktree, tmp_path / f"scratch-{number}", None)
            outcome = await AutoGptAgent(GIT, server.url).run(asked)
        assert outcome.exit_code == 1
        assert "outside of the work" in outcome.output_tail
    assert list(outside.iterdir()) == []
    assert not (worktree / ".git" / "hooks" / "pre-commit").exists()


async def test_a_link_that_it_writes_to_becomes_a_file(worktree: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (worktree / "notes").symlink_to(precious)
    with AgentProtocolServer(made={"notes": b"new"}) as server:
        outcome = await AutoGptAgent(GIT, server.url).run(assignment(worktree, tmp_path / "scratch", None))
    assert (outcome.exit_code, (worktree / "notes").read_text(), precious.read_text()) == (0, "new", "kept")


@pytest.mark.parametrize("path", ["docs", "names.py/x"])
async def test_a_file_where_the_work_has_a_folder_or_another_file_is_a_failure(
    path: str, worktree: Path, tmp_path: Path
) -> None:
    (worktree / "docs").mkdir()
    with AgentProtocolServer(made={path: b"x"}) as server:
        outcome = await AutoGptAgent(GIT, server.url).run(assignment(worktree, tmp_path / "scratch", None))
    assert outcome.exit_code == 1
    assert "in the way" in outcome.output_tail


async def test_a_step_that_fails_is_a_failure(worktree: Path, tmp_path: Path) -> None:
    with AgentProtocolServer(fails=True) as server:
        outcome = await AutoGptAgent(GIT, server.url).run(assignment(worktree, tmp_path / "scratch", None))
    assert outcome.exit_code == 1
    assert "no model answers" in outcome.output_tail
    assert git(worktree, "status", "--porcelain") == ""


async def test_when_its_time_is_over_it_is_not_waited_for(worktree: Path, tmp_path: Path) -> None:
    with AgentProtocolServer(hangs=True) as server:
        asked = assignment(worktree, tmp_path / "scratch", None, timeout_seconds=1)
        outcome = await AutoGptAgent(GIT, server.url).run(asked)
    assert (outcome.exit_code, outcome.timed_out) == (137, True)


@pytest.mark.parametrize("url", ["", "ftp://example.org", "127.0.0.1:8000"])
async def test_without_a_proper_address_it_says_what_to_set(url: str) -> None:
    agent = AutoGptAgent(GIT, url)
    with pytest.raises(UnavailableError, match=r"ralph\.backends\.autogpt\.url|no address"):
        agent.check()
    assert not (await agent.info()).installed
    assert (await agent.info()).how_to_install


async def test_where_nothing_answers_it_cannot_be_started(worktree: Path, tmp_path: Path) -> None:
    with AgentProtocolServer() as server:
        agent = AutoGptAgent(GIT, server.url)
    assert not (await agent.info()).installed
    with pytest.raises(UnavailableError, match="answers"):
        await agent.run(assignment(worktree, tmp_path / "scratch", None))
