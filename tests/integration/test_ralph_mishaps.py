"""What an agent does to its worktree costs it an iteration at most, and never the user anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_stack.ports.runs import Run
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository

IDENTITY = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; "
COMMIT = "git add -A && git commit -qm mine"

Make = Callable[[str], RalphParts]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "projects"


@pytest.fixture
def repository(root: Path) -> Path:
    """A repository with a staged, a changed and a new file of the user."""
    made = make_repository(root / "one", {"a.txt": "a\n"})
    (made / "staged.txt").write_text("staged", encoding="utf-8")
    git(made, "add", "staged.txt")
    (made / "a.txt").write_text("changed", encoding="utf-8")
    (made / "new.txt").write_text("new", encoding="utf-8")
    return made


@pytest.fixture
def make(database: Database, tmp_path: Path, root: Path) -> Make:
    def made(script: str) -> RalphParts:
        return RalphParts(database, tmp_path / "data", root, ["bash", "-c", IDENTITY + script])

    return made


async def finished(parts: RalphParts, repository: Path, verify: list[str], max_iterations: int = 2) -> Run:
    task = await parts.ralph.submit("x", workspace=str(repository), verify=verify, max_iterations=max_iterations)
    await parts.finish(task.task_id)
    return await parts.runs.get(task.task_id)


def of_the_user(repository: Path) -> tuple[str, ...]:
    return (
        git(repository, "symbolic-ref", "HEAD"),
        git(repository, "status", "--porcelain", "--untracked-files=all"),
        git(repository, "diff", "--cached", "HEAD"),
        git(repository, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/main"),
        *(path.read_text(encoding="utf-8") for path in sorted(repository.glob("*.txt"))),
    )


@pytest.mark.parametrize(
    "mishap",
    [
        'W=$(git rev-parse --git-common-dir); rm .git; echo "gitdir: $W" > .git',
        'W=$(git rev-parse --git-common-dir); rm .git; ln -s "$W" .git',
        'W=$(git rev-parse --git-common-dir); G=$(git rev-parse --git-dir); rm -r "$G"; ln -s "$W" "$G"',
        'W=$(git rev-parse --git-common-dir); G=$(git rev-parse --git-dir); ln -sf "$W/index" "$G/index"',
        "git symbolic-ref refs/heads/ralph/$MCP_STACK_TASK_ID refs/heads/main",
        "git config core.worktree /tmp/nowhere; git config --unset core.bare",
        "ln -s $(git rev-parse --git-common-dir)/.. l; git update-index --add --cacheinfo 160000,$(git rev-parse @),l",
    ],
)
async def test_what_an_agent_makes_of_its_worktree_never_reaches_the_users_copy(
    make: Make, repository: Path, mishap: str
) -> None:
    before = of_the_user(repository)
    run = await finished(make(f"echo $MCP_STACK_ITERATION > f.txt; {mishap}"), repository, ["grep -q 2 f.txt"])
    if "core.worktree" in mishap:  # the repository's settings are everybody's
        git(repository, "config", "--unset", "core.worktree")
    assert of_the_user(repository) == before
    assert run.state in ("completed", "limit_reached")
    assert git(repository, "rev-list", "--count", f"main..ralph/{run.asked.id}") == "2"


async def test_a_worktree_that_became_a_link_to_the_users_folder_is_not_followed(make: Make, repository: Path) -> None:
    before = of_the_user(repository)
    run = await finished(
        make(f'cd ..; rm -rf $MCP_STACK_TASK_ID; ln -s "{repository}" $MCP_STACK_TASK_ID'), repository, []
    )
    assert of_the_user(repository) == before
    assert (run.state, run.iteration) == ("limit_reached", 2)


@pytest.mark.parametrize(
    "script",
    [
        f"mkdir sub; cd sub; git init -q .; echo in > in.txt; {COMMIT}; cd ..; {COMMIT}",
        f"mkdir sub; cd sub; git init -q .; echo in > in.txt; {COMMIT}; cd ..; git add -A",
        "git worktree add -q --detach sub; echo in > sub/in.txt",
        f"git worktree add -q --detach sub; echo in > sub/in.txt; {COMMIT}",
        f"mkdir -p sub/x; cd sub; for d in x . ..; do (cd $d; git init -q .; echo in > in.txt; {COMMIT}); done",
    ],
)
async def test_files_of_inner_repositories_are_in_the_commit(make: Make, repository: Path, script: str) -> None:
    run = await finished(make(script), repository, ["grep -q in sub/in.txt"])
    assert run.state == "completed", run.last_error
    assert git(repository, "show", f"ralph/{run.asked.id}:sub/in.txt") == "in"
    assert "160000" not in git(repository, "ls-tree", "-r", f"ralph/{run.asked.id}")


@pytest.mark.parametrize(
    "mishap",
    [
        "rm .git",
        f"rm .git; git init -q .; {COMMIT}",
        "touch $(git rev-parse --git-dir)/index.lock $(git rev-parse --git-dir)/HEAD.lock",
        "touch $(git rev-parse --git-common-dir)/refs/heads/ralph/$MCP_STACK_TASK_ID.lock",
        "echo junk > $(git rev-parse --git-dir)/index",
        "rm $(git rev-parse --git-dir)/index",
        "echo junk > $(git rev-parse --git-dir)/HEAD",
        "rm -rf $(git rev-parse --git-dir)",
        "mv .git .was; git worktree prune; rm .was",
    ],
)
async def test_work_survives_a_mishap_with_git(make: Make, repository: Path, mishap: str) -> None:
    run = await finished(make(f"echo x > f.txt; {mishap}"), repository, ["test -e f.txt", "git diff --quiet HEAD"])
    assert (run.state, run.iteration) == ("completed", 1), run.last_error
    assert git(repository, "ls-tree", "-r", "--name-only", f"ralph/{run.asked.id}").split() == ["a.txt", "f.txt"]


@pytest.mark.parametrize(
    ("mishap", "said"),
    [
        ('cd ..; rm -rf "$MCP_STACK_TASK_ID"', "removed its working folder"),
        ('git worktree remove --force "$PWD"', "removed its working folder"),
        ("git config filter.f.clean false; git config filter.f.required true; echo '* filter=f' > .gitattributes",
         "could not be committed"),
    ],
)  # fmt: skip
async def test_an_iteration_that_left_nothing_to_commit_is_followed_by_another(
    make: Make, repository: Path, mishap: str, said: str
) -> None:
    script = (
        f"if [ $MCP_STACK_ITERATION = 2 ]; then echo two > two.txt; {mishap}; else echo x > f$MCP_STACK_ITERATION; fi"
    )
    parts = make(script)
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["test -e f3"], max_iterations=4)
    for n in (1, 2):
        await parts.loop().iterate(task.task_id, n)
    run = await parts.runs.get(task.task_id)
    assert run.state == "running", run.last_error
    assert said in run.feedback
    assert not (await parts.runs.iterations(task.task_id))[1].changed
    await parts.finish(task.task_id)
    run = await parts.runs.get(task.task_id)
    assert (run.state, run.iteration) == ("completed", 3), run.last_error
    assert git(repository, "ls-tree", "-r", "--name-only", f"ralph/{run.asked.id}").split() == ["a.txt", "f1", "f3"]


async def test_files_written_into_a_submodule_are_reported(make: Make, root: Path) -> None:
    inner = make_repository(root / "inner", {"in.txt": "in"})
    outer = make_repository(root / "outer", {"a.txt": "a"})
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "mod")
    git(outer, "commit", "--quiet", "-m", "Add a submodule")
    run = await finished(make("echo y > mod/new.txt"), outer, ["true"])
    assert run.state == "limit_reached"
    assert "written into the submodule mod are not in the commit" in run.last_error
    checkout = "git -c protocol.file.allow=always submodule --quiet update --init; echo y > mod/in.txt; echo z > z"
    parts = make(checkout)
    run = await finished(parts, outer, ["true"])
    assert run.state == "completed", run.last_error
    assert "submodule mod are not in the commit" in (await parts.ralph.result(run.asked.id)).summary


async def test_an_agent_cannot_drop_the_tests_of_the_workspace(make: Make, root: Path) -> None:
    repository = make_repository(root / "two", {"Makefile": "test:\n\tfalse\n"})
    run = await finished(make("rm Makefile; echo x > f.txt"), repository, [])
    assert run.state == "limit_reached"
    assert "verification failed" in run.last_error


async def test_tests_that_the_agent_brought_are_run_and_said_to_be_its_own(make: Make, repository: Path) -> None:
    parts = make("printf 'test:\\n\\ttrue\\n' > Makefile")
    run = await finished(parts, repository, [])
    assert run.state == "completed"
    assert "(`make test`) are the agent's own" in (await parts.ralph.result(run.asked.id)).summary
