"""What callers may get wrong: each refusal has its code and remedy, and nothing has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.errors import ConflictError, NotFoundError, StackError, UnavailableError
from mcp_stack.ports.run_control import Action, Actor, NewLimits
from mcp_stack.ports.runs import NewRun
from mcp_stack.ralph.prompt import prompt
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository, scripted, starts

PERSON = Actor("ann@desk", "terminal")
Make = Callable[..., RalphParts]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository with work in progress."""
    made = make_repository(tmp_path / "projects" / "one", {"a.txt": "a\n", "b.txt": "b\n"})
    (made / "a.txt").write_text("changed", encoding="utf-8")
    (made / "new.txt").write_text("new", encoding="utf-8")
    (made / "b.txt").unlink()
    (made / "staged.txt").write_text("staged", encoding="utf-8")
    git(made, "add", "staged.txt")
    return made


@pytest.fixture
def make(database: Database, tmp_path: Path) -> Make:
    def made(plan: Mapping[str, Any], **settings: Any) -> RalphParts:
        command = scripted(tmp_path / "plan.json", plan)
        # The root holds the data folder, too: that alone must not let anybody in.
        return RalphParts(database, tmp_path / "data", tmp_path, command, settings=settings)

    return made


def everything(folder: Path) -> dict[str, str]:
    """Every file below a folder with its content, and every link with where it leads."""
    return {
        str(path): str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"backend": "gpt-engineer"}, ("INVALID_INPUT", "command")),
        ({"workspace": "PROJECTS/missing"}, ("NOT_FOUND", "existing folder")),
        ({"workspace": "PROJECTS/plain"}, ("INVALID_INPUT", "git init")),
        ({"workspace": "PROJECTS/without-commit"}, ("INVALID_INPUT", "commit something")),
        ({"workspace": "PROJECTS/one/.git"}, ("INVALID_INPUT", "")),
        ({"workspace": "PROJECTS/link-out"}, ("DENIED", "security.allowed_roots")),
        ({"workspace": "PROJECTS/link-out/etc"}, ("DENIED", "security.allowed_roots")),
        ({"workspace": "/etc"}, ("DENIED", "security.allowed_roots")),
        ({"task": "x" * 100_000}, ("INVALID_INPUT", "at most 20000")),
        ({"task": "a\x00b"}, ("INVALID_INPUT", "only tabs and newlines")),
        ({"verify": ["pytest 'open"]}, ("INVALID_INPUT", "quote")),
        ({"max_iterations": -1}, ("INVALID_INPUT", "from 0")),
    ],
)
async def test_a_task_that_cannot_be_taken_changes_nothing(
    make: Make, tmp_path: Path, repository: Path, arguments: dict[str, Any], refusal: tuple[str, str]
) -> None:
    projects = tmp_path / "projects"
    (projects / "plain").mkdir()
    (projects / "plain" / "a.txt").write_text("no repository", encoding="utf-8")
    (projects / "without-commit").mkdir()
    git(projects / "without-commit", "init", "--quiet")
    (projects / "link-out").symlink_to("/")
    parts = make({})
    before = everything(tmp_path)
    if "workspace" in arguments:
        arguments = {"workspace": arguments["workspace"].replace("PROJECTS", str(projects))}
    with pytest.raises(StackError) as refused:
        await parts.ralph.submit(**({"task": "x", "workspace": str(repository)} | arguments))
    code, remedy = refusal
    assert refused.value.code == code
    assert refused.value.remedy
    assert remedy in refused.value.remedy
    assert everything(tmp_path) == before
    assert (await parts.ralph.tasks()).total == 0
    assert parts.events.events == []


async def test_the_files_of_another_task_are_no_workspace(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": {"x.txt": "x"}}})
    in_repository = await parts.ralph.submit("x", workspace=str(repository), verify=["true"])
    of_its_own = await parts.ralph.submit("x", verify=["true"])
    for task in (in_repository, of_its_own):
        await parts.finish(task.task_id)
    other = [
        parts.workspaces.worktree_path(in_repository.task_id),
        parts.workspaces.worktree_path(of_its_own.task_id),
        Path((await parts.ralph.result(of_its_own.task_id)).repository),
        parts.folder,
    ]
    before = everything(parts.data)
    for place in other:
        for workspace in (str(place), f"file://{place}"):
            with pytest.raises(StackError) as refused:
                await parts.ralph.submit("x", workspace=workspace)
            assert refused.value.code == "DENIED"
    assert everything(parts.data) == before


async def test_a_dirty_tree_is_kept_as_it_is_from_the_first_iteration_to_a_rollback(
    make: Make, repository: Path
) -> None:
    parts = make({"*": {"write": {"a.txt": "ITERATION"}}})
    before = git(repository, "status", "--porcelain"), git(repository, "diff"), git(repository, "diff", "--cached")
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["grep -q 2 a.txt"])
    await parts.finish(task.task_id)
    await parts.ralph.roll_back(task.task_id, 1, PERSON)
    after = git(repository, "status", "--porcelain"), git(repository, "diff"), git(repository, "diff", "--cached")
    assert after == before
    assert git(repository, "branch", "--show-current") == "main"


@pytest.mark.parametrize("task", ["!rm -rf .", "/run rm -rf .", "! rm -rf /", "/exit", "\n\n!rm -rf ."])
async def test_a_task_that_looks_like_a_command_is_text_all_the_same(
    make: Make, repository: Path, tmp_path: Path, task: str
) -> None:
    parts = make({"*": {"write": {"x.txt": "x"}}})
    before = git(repository, "status", "--porcelain")
    submitted = await parts.ralph.submit(task, workspace=str(repository), verify=["test -f a.txt"])
    await parts.ralph.steer(submitted.task_id, task, PERSON)
    await parts.finish(submitted.task_id)
    (start,) = starts(tmp_path / "plan.json")
    assert start["prompt"][0] not in "!/"
    assert task.strip() in start["prompt"]
    assert (await parts.ralph.status(submitted.task_id)).state == "completed"
    assert git(repository, "status", "--porcelain") == before


@given(st.text(min_size=1), st.text(), st.sampled_from(["", "diagnose", "fallback"]), st.text())
def test_no_prompt_starts_with_what_an_agent_takes_for_a_command(
    task: str, said: str, measure: Any, guidance: str
) -> None:
    asked = NewRun("1", task, "", "", "command", "here", 0, ("true",), "", True, 0, 0)
    action = Action(1, None, "steered", 0, PERSON, guidance, 1)  # type: ignore[arg-type]
    text = prompt(asked, 1, said, [action], measure)
    assert text.startswith("You work in a git repository, on iteration 1 of the task below.")
    assert task in text
    assert guidance in text


@pytest.mark.parametrize("unknown", ["", " ", "no uuid", "../../etc", "00000000-0000-0000-0000-000000000000"])
async def test_nothing_is_done_with_a_task_that_there_is_not(make: Make, unknown: str) -> None:
    ralph = make({}).ralph
    for work in (
        ralph.status(unknown),
        ralph.result(unknown),
        ralph.log(unknown),
        ralph.waiting(unknown),
        ralph.reject(unknown, PERSON),
        ralph.steer(unknown, "x", PERSON),
        ralph.cancel(unknown, PERSON),
        ralph.resume(unknown, PERSON),
        ralph.roll_back(unknown, 0, PERSON),
    ):
        with pytest.raises(StackError) as refused:
            await work
        assert refused.value.code in ("NOT_FOUND", "INVALID_INPUT")


async def test_what_a_state_does_not_allow_is_a_conflict_that_says_what_does(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": {"x.txt": "x"}}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["true"])
    for work in (
        parts.ralph.waiting(task.task_id),
        parts.ralph.reject(task.task_id, PERSON),
        parts.ralph.resume(task.task_id, PERSON),
        parts.ralph.roll_back(task.task_id, 0, PERSON),
    ):
        with pytest.raises(ConflictError) as refused:
            await work
        assert refused.value.remedy
    await parts.finish(task.task_id)
    for work in (parts.ralph.cancel(task.task_id, PERSON), parts.ralph.steer(task.task_id, "x", PERSON)):
        with pytest.raises(ConflictError):
            await work
    for limits in (NewLimits(max_iterations=-1), NewLimits(max_minutes=float("nan")), NewLimits(max_cost_usd=-0.1)):
        with pytest.raises(StackError) as wrong:
            await parts.ralph.resume(task.task_id, PERSON, limits)
        assert wrong.value.code == "INVALID_INPUT"


async def test_a_task_whose_repository_is_gone_is_not_rolled_back(make: Make, repository: Path, tmp_path: Path) -> None:
    parts = make({"*": {"write": {"x.txt": "x"}}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["true"])
    await parts.finish(task.task_id)
    repository.rename(tmp_path / "moved")
    with pytest.raises((ConflictError, NotFoundError, UnavailableError)):
        await parts.ralph.roll_back(task.task_id, 0, PERSON)
    assert (await parts.ralph.status(task.task_id)).state == "completed"
