"""What an agent does to its worktree costs it an iteration at most, and never the user anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_stack.ports.agent import AgentInfo, AgentOutcome, Assignment
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
        git(repository, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/main", "refs/tags"),
        git(repository, "config", "--local", "--list"),
        *(path.read_text(encoding="utf-8") for path in sorted(repository.glob("*.txt"))),
    )


@pytest.mark.parametrize(
    "mishap",
    [
        'rm -rf .git; echo "gitdir: {user}/.git" > .git',
        'rm -rf .git; ln -s "{user}/.git" .git',
        'ln -sf "{user}/.git/index" .git/index',
        "rm -rf .git/refs; ln -s {user}/.git/refs .git/refs; git update-ref refs/heads/main HEAD~1",
        "git symbolic-ref refs/heads/ralph/$MCP_STACK_TASK_ID refs/heads/main",
        "git branch -f main HEAD; git checkout -q main; git commit -q --allow-empty -m mine; git tag v1",
        "git config core.worktree /tmp/nowhere; git config core.bare true",
        "printf '#!/bin/sh\ntouch {user}/planted.txt\n' > .git/hooks/post-commit; chmod +x .git/hooks/*",
        'ln -sfn "{user}" l; git update-index --add --cacheinfo 160000,$(git rev-parse @),l',
    ],
)
async def test_what_an_agent_makes_of_its_worktree_never_reaches_the_users_copy(
    make: Make, repository: Path, mishap: str
) -> None:
    before = of_the_user(repository)
    script = f"echo $MCP_STACK_ITERATION > f.txt; mkdir -p .git/hooks; {mishap.replace('{user}', str(repository))}"
    run = await finished(make(script), repository, ["grep -q 2 f.txt"])
    assert of_the_user(repository) == before
    assert run.state in ("completed", "limit_reached", "awaiting_approval")
    assert git(repository, "rev-list", "--count", f"main..ralph/{run.asked.id}") == str(run.iteration)


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
        "rm -rf .git",
        f"rm -rf .git; git init -q .; {COMMIT}",
        "touch .git/index.lock .git/HEAD.lock",
        "echo junk > .git/index",
        "echo junk > .git/HEAD",
        "echo junk > .git/config",
        "echo /nowhere > .git/objects/info/alternates",
        "git checkout -q --orphan other; git rm -rq --cached .",
        "mkdir deep; mv .git deep/.git",
        "rm -rf .git; mkfifo .git",
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
        ('cd ..; rm -rf "$MCP_STACK_TASK_ID"; ln -s /tmp "$MCP_STACK_TASK_ID"', "removed its working folder"),
        ("echo 'odd working-tree-encoding=UTF-16' > .gitattributes; printf x > odd", "could not be committed"),
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


@pytest.mark.parametrize("where", [".", "mod"])
async def test_what_an_agent_configures_is_run_by_no_git_of_ours(
    make: Make, root: Path, tmp_path: Path, where: str
) -> None:
    inner = make_repository(root / "inner", {"in.txt": "in"})
    outer = make_repository(root / "outer", {"a.txt": "a"})
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "mod")
    git(outer, "commit", "--quiet", "-m", "Add a submodule")
    spy, seen = tmp_path / "spy", tmp_path / "seen"
    spy.write_text(f'#!/bin/sh\n[ -n "$MCP_STACK_TASK_ID" ] || echo "$PPID $*" >> {seen}; cat\n', encoding="utf-8")
    spy.chmod(0o700)
    script = f"""
        git -c protocol.file.allow=always submodule --quiet update --init
        cd {where}
        for name in filter.f.clean filter.f.smudge filter.f.process core.fsmonitor diff.external core.sshCommand; do
            git config $name {spy}
        done
        echo '* filter=f' > .gitattributes
        printf ni > in.txt
    """
    parts = make(script)
    task = await parts.ralph.submit("x", workspace=str(outer), verify=["true"], max_iterations=2, require_changes=False)
    await parts.finish(task.task_id)
    assert not seen.exists(), seen.read_text()


async def test_the_work_of_a_task_outlives_a_clean_up_of_the_users_repository(make: Make, repository: Path) -> None:
    parts = make("echo $MCP_STACK_ITERATION > f.txt; git log --oneline > log.txt")
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["grep -q 2 f.txt"])
    await parts.loop().iterate(task.task_id, 1)
    git(repository, "gc", "--quiet", "--prune=now")
    git(repository, "pack-refs", "--all")
    await parts.finish(task.task_id)
    run = await parts.runs.get(task.task_id)
    assert (run.state, run.iteration) == ("completed", 2), run.last_error
    assert len(git(repository, "show", f"ralph/{task.task_id}:log.txt").splitlines()) == 2
    git(repository, "fsck", "--strict")


async def test_a_task_sees_the_branches_of_the_workspace_and_no_remote(make: Make, repository: Path) -> None:
    git(repository, "branch", "feature")
    git(repository, "remote", "add", "origin", str(repository))
    script = "git diff --quiet feature main && git remote > remotes.txt; ! git push -q origin HEAD:pushed"
    run = await finished(make(script), repository, ["git diff --quiet main -- a.txt", "test ! -s remotes.txt"])
    assert run.state == "completed", run.last_error
    assert git(repository, "branch", "--list", "pushed") == ""


async def test_a_repository_of_other_hashes_and_with_a_shallow_history_works(make: Make, root: Path) -> None:
    root.mkdir(exist_ok=True)
    git(root, "init", "--quiet", "--object-format=sha256", "other")
    for n in range(3):
        git(root / "other", "commit", "--quiet", "--allow-empty", "-m", str(n))
    run = await finished(make("echo x > f.txt; git log -1"), root / "other", ["git diff --quiet HEAD"])
    assert run.state == "completed", run.last_error
    git(root, "clone", "--quiet", "--depth=1", f"file://{root / 'other'}", "shallow")
    run = await finished(make("git log --oneline > log.txt"), root / "shallow", ["git fsck"])
    assert run.state == "completed", run.last_error
    assert len(git(root / "shallow", "show", f"ralph/{run.asked.id}:log.txt").splitlines()) == 1


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


class Saying:
    """An agent that writes a file and says what no database and no JSON file can hold."""

    def check(self) -> None:
        """It is there."""

    async def info(self) -> AgentInfo:
        return AgentInfo(installed=True)

    async def run(self, assignment: Assignment) -> AgentOutcome:
        (assignment.worktree / f"{assignment.iteration}.txt").write_text("x", encoding="utf-8")
        return AgentOutcome(0, "done \0 \ud83d", assignment.scratch / "agent.log", False, 0.1)


@pytest.mark.parametrize("verify", ["true", "false"])
async def test_words_that_cannot_be_stored_cost_nothing(make: Make, repository: Path, verify: str) -> None:
    parts = make("true")
    parts.agents["command"] = Saying()
    run = await finished(parts, repository, [verify], max_iterations=1)
    assert run.state == ("completed" if verify == "true" else "limit_reached"), run.last_error
    (iteration,) = await parts.runs.iterations(run.asked.id)
    if verify == "true":
        assert iteration.detail == "done \N{REPLACEMENT CHARACTER} ?"


async def test_a_file_whose_name_is_no_text_is_flagged_as_any_other(make: Make, repository: Path) -> None:
    parts = make(r"mkdir $'caf\xe9'; echo > $'caf\xe9'/conftest.py")
    run = await finished(parts, repository, ["true"])
    assert run.state == "completed", run.last_error
    assert (await parts.ralph.result(run.asked.id)).edited_tests == ["caf\N{REPLACEMENT CHARACTER}/conftest.py"]


async def test_what_steers_the_tests_and_is_in_no_commit_is_flagged(make: Make, repository: Path) -> None:
    parts = make("echo conftest.py > .gitignore; echo x > conftest.py; mkdir -p node_modules; echo y > b.txt")
    run = await finished(parts, repository, ["true"])
    result = await parts.ralph.result(run.asked.id)
    assert (result.state, result.edited_tests) == ("completed", ["conftest.py"])
    assert "Git ignores conftest.py: the tests ran with what is not in the commit." in result.summary
