"""A task from its submission to its result: real git, real PostgreSQL, real processes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.errors import DeniedError, NotFoundError, StackError, UnavailableError, UsageError
from mcp_stack.jobs.locks import announce_server
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, detached_worker, git, make_repository, scripted, starts, worker_runs
from tests.support.waiting import until

PYTHON = sys.executable
CHECK = f"{PYTHON} check.py"
CHECK_PY = "import answer\nassert answer.VALUE == 42, f'VALUE is {answer.VALUE}'\n"
RIGHT = {"answer.py": "VALUE = 42\n"}
WRONG = {"answer.py": "VALUE = 41\n"}

Make = Callable[..., RalphParts]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "projects"


@pytest.fixture
def repository(root: Path) -> Path:
    return make_repository(root / "größe 1", {"check.py": CHECK_PY, "answer.py": "VALUE = 0\n"})


@pytest.fixture
def make(database: Database, tmp_path: Path, root: Path) -> Make:
    def made(plan: Mapping[str, Any], **settings: Any) -> RalphParts:
        return RalphParts(database, tmp_path / "data", root, scripted(tmp_path / "plan.json", plan), settings=settings)

    return made


async def test_a_detached_worker_completes_a_task(
    database: Database, conninfo: str, tmp_path: Path, root: Path, repository: Path
) -> None:
    data, plan = tmp_path / "data", tmp_path / "plan.json"
    data.mkdir()
    command = scripted(plan, {"1": {"write": WRONG}, "2": {"write": WRONG, "exit": 2}, "3": {"write": RIGHT}})
    jobs = detached_worker(conninfo, data, command)
    ralph = RalphParts(database, data, root, command, jobs=jobs).ralph
    server = announce_server(data)
    try:
        task = await ralph.submit("Make the answer 42", workspace=str(repository), verify=[CHECK])
        status = await ralph.status(task.task_id)
        while status.state != "completed":
            assert status.state in ("queued", "running")
            before = (status.state, status.iteration)
            status = await ralph.status(task.task_id, wait_seconds=30)
            assert (status.state, status.iteration) != before, jobs.log_file.read_text()
    finally:
        server.release()
        # It ends with the last server; the database must not be dropped before that.
        await until(lambda: not worker_runs(data))
    result = await ralph.result(task.task_id)
    assert (result.state, result.iterations, result.exit_codes) == ("completed", 3, ["0", "2 (blocked)", "0"])
    assert (result.files_modified, result.lines_changed) == (1, 2)
    assert git(repository, "show", f"{result.branch}:answer.py") == "VALUE = 42"
    assert git(repository, "rev-list", "--reverse", f"main..{result.branch}").splitlines() == result.commits
    assert "VALUE is 41" in starts(plan)[1]["prompt"]
    events = [json.loads(line) for line in (data / "telemetry" / "ralph-events.jsonl").read_text().splitlines()]
    assert [event["event_type"] for event in events if event["event_type"] in ("exit_blocked", "task_completed")] == [
        "exit_blocked",
        "task_completed",
    ]


async def test_the_files_of_the_workspace_stay_as_they_are(make: Make, repository: Path) -> None:
    (repository / "check.py").write_text("unfinished work of the user", encoding="utf-8")
    (repository / "notes.txt").write_text("untracked", encoding="utf-8")
    before = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    assert (await parts.ralph.status(task.task_id)).state == "completed"
    assert (git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")) == before
    assert git(repository, "branch", "--show-current") == "main"


async def test_without_a_workspace_a_repository_is_made(make: Make) -> None:
    parts = make({"*": {"write": {"hello.txt": "hello\n"}}})
    task = await parts.ralph.submit("say hello", verify=["grep -q hello hello.txt"])
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    assert result.state == "completed"
    assert git(Path(result.repository), "show", f"{result.branch}:hello.txt") == "hello"


async def test_a_repository_is_cloned_from_a_url(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=f"file://{repository}", verify=[CHECK])
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    assert result.state == "completed"
    assert git(Path(result.repository), "show", f"{result.branch}:answer.py") == "VALUE = 42"
    assert git(repository, "branch", "--list", "ralph/*") == ""


async def test_exit_0_without_edits_never_completes(make: Make, repository: Path) -> None:
    parts = make({"*": {"print": "All done!"}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["true"], max_iterations=2)
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert status.state == "limit_reached"
    assert "nothing was changed" in status.last_error


async def test_without_required_changes_the_verification_alone_decides(make: Make, repository: Path) -> None:
    parts = make({})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["true"], require_changes=False)
    await parts.finish(task.task_id)
    assert (await parts.ralph.status(task.task_id)).state == "completed"


async def test_the_promise_must_be_the_last_line(make: Make, repository: Path) -> None:
    plan = {"1": {"write": RIGHT, "print": "I will print DONE\nsoon"}, "2": {"print": "edited\nDONE\n\n"}}
    parts = make(plan)
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], completion_promise="DONE")
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    assert (result.state, result.iterations) == ("completed", 2)


async def test_two_usage_errors_in_a_row_fail_the_task(make: Make, repository: Path) -> None:
    parts = make({"*": {"print": "usage: agent [-h] FILE\nagent: error: unrecognized arguments: --go", "exit": 2}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.iteration) == ("failed", 2)
    assert "refuses its command line" in status.last_error


async def test_an_agent_that_does_nothing_is_started_ever_more_slowly(make: Make, repository: Path) -> None:
    parts = make({"*": {"exit": 1}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    for n in (1, 2, 3):
        await parts.loop().iterate(task.task_id, n)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.waiting_for) == ("retrying", "a pause after a failure")
    async with parts.database.read() as connection:
        cursor = await connection.execute(
            "select extract(epoch from scheduled_at - now())::float as pause from jobs.procrastinate_jobs order by id"
        )
        pauses = [row["pause"] for row in await cursor.fetchall()]
    assert pauses[:2] == [None, None]
    assert pauses[2] <= 1 < pauses[3] <= 2


async def test_a_repeated_iteration_changes_nothing(make: Make, repository: Path, tmp_path: Path) -> None:
    parts = make({"*": {"write": WRONG}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.loop().iterate(task.task_id, 1)
    before = await parts.runs.get(task.task_id)
    await parts.loop().iterate(task.task_id, 1)
    await parts.loop().iterate(task.task_id, 3)
    assert await parts.runs.get(task.task_id) == before
    assert len(starts(tmp_path / "plan.json")) == 1


@pytest.mark.parametrize(
    "mess",
    [
        "git commit -qam 'my own'",
        "git checkout -q -b elsewhere && git commit -q --allow-empty -m x",
        "git checkout -q --detach",
        "touch leftover.txt && git add -A && git stash -q -u",
        "git init -q inner && touch inner/file",
        "git init -q inner && touch inner/file && cd inner && git add -A && git commit -qm x",
    ],
)
async def test_an_agent_may_use_git_as_it_likes(
    database: Database, tmp_path: Path, root: Path, repository: Path, mess: str
) -> None:
    script = f"echo VALUE = 4$MCP_STACK_ITERATION > answer.py; git config user.name a; git config user.email b; {mess}"
    parts = RalphParts(database, tmp_path / "data", root, ["sh", "-c", script])
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], max_iterations=2)
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    assert result.state == ("limit_reached" if "stash" in mess else "completed"), result.summary
    assert git(repository, "rev-list", "--reverse", f"main..{result.branch}").splitlines() == result.commits
    if "inner" in mess:
        assert git(repository, "show", f"{result.branch}:inner/file") == ""


async def test_a_worktree_that_vanished_or_was_left_locked_is_mended(make: Make, repository: Path) -> None:
    parts = make({"1": {"write": {"kept.txt": "kept"}}, "2": {"write": {"more.txt": "x"}}, "3": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.loop().iterate(task.task_id, 1)
    shutil.rmtree(parts.workspaces.worktree_path(task.task_id))
    await parts.loop().iterate(task.task_id, 2)
    worktree = parts.workspaces.worktree_path(task.task_id)
    (Path(git(worktree, "rev-parse", "--absolute-git-dir")) / "index.lock").touch()
    (worktree / "half-written.txt").write_text("of a killed agent", encoding="utf-8")
    await parts.loop().iterate(task.task_id, 3)
    result = await parts.ralph.result(task.task_id)
    assert result.state == "completed"
    tracked = git(repository, "ls-tree", "-r", "--name-only", result.branch).splitlines()
    assert {"kept.txt", "more.txt"} <= set(tracked)
    assert "half-written.txt" not in tracked


async def test_hooks_of_the_repository_are_never_run(make: Make, repository: Path, tmp_path: Path) -> None:
    for name in ("pre-commit", "post-commit", "post-checkout", "reference-transaction", "post-index-change"):
        hook = repository / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n", encoding="utf-8")
        hook.chmod(0o755)
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    assert (await parts.ralph.status(task.task_id)).state == "completed"
    assert not (tmp_path / "hooked").exists()


async def test_checkpoints_and_the_index_say_what_the_database_says(make: Make, repository: Path) -> None:
    parts = make({"1": {"write": WRONG, "exit": 2}, "2": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    folder = parts.folder / "checkpoints" / task.task_id
    saved = [json.loads((folder / f"checkpoint_{n}.json").read_text(encoding="utf-8")) for n in (1, 2)]
    assert [checkpoint["commit"] for checkpoint in saved] == result.commits
    assert [checkpoint["blocked"] for checkpoint in saved] == [True, False]
    assert saved[0]["base_commit"] == git(repository, "rev-parse", "main")
    index = json.loads((parts.folder / "state.json").read_text(encoding="utf-8"))
    assert index["tasks"][task.task_id]["state"] == "completed"
    assert [name for name, _ in parts.events.events] == [
        "task_submitted",
        "iteration_started",
        "iteration_finished",
        "exit_blocked",
        "checkpoint_saved",
        "iteration_started",
        "iteration_finished",
        "checkpoint_saved",
        "task_completed",
    ]
    completed = parts.events.events[-1][1]
    assert completed["exit_codes"] == ["2 (blocked)", "0"]
    assert (completed["files_modified"], completed["lines_changed"]) == (1, 2)


async def test_the_agent_sees_no_secret_and_no_home_of_the_user(
    database: Database, tmp_path: Path, root: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "very-secret")
    parts = RalphParts(database, tmp_path / "data", root, ["sh", "-c", "env > seen.txt"])
    task = await parts.ralph.submit(
        "x", workspace=str(repository), verify=["sh -c 'env > /dev/stderr; exit 1'"], max_iterations=1
    )
    await parts.finish(task.task_id)
    seen = git(repository, "show", f"ralph/{task.task_id}:seen.txt")
    (iteration,) = await parts.runs.iterations(task.task_id)
    for text in (seen, iteration.detail):
        assert "very-secret" not in text
        assert f"HOME={parts.folder}" in text


async def test_a_task_whose_repository_was_deleted_fails_and_says_so(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": WRONG}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.loop().iterate(task.task_id, 1)
    shutil.rmtree(repository)
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert status.state == "failed"
    assert str(repository) in status.last_error
    assert parts.events.events[-1][0] == "task_completed"


async def test_a_full_disk_loses_nothing_and_the_task_goes_on_later(
    make: Make, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, program = tmp_path / "full", tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *write-tree*) if [ -e {full} ]; then '
        f"echo 'fatal: unable to write: No space left on device' >&2; exit 128; fi;; esac\n"
        f'exec {shutil.which("git")} "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    full.touch()
    with pytest.raises(UnavailableError, match="No space left"):
        await parts.loop().iterate(task.task_id, 1)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.iteration) == ("retrying", 0)
    assert "No space left" in status.last_error
    full.unlink()
    await parts.loop().iterate(task.task_id, 1)
    assert (await parts.ralph.status(task.task_id)).state == "completed"


async def test_a_program_that_vanished_fails_the_task_and_names_the_setting(
    database: Database, tmp_path: Path, root: Path, repository: Path
) -> None:
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    parts = RalphParts(database, tmp_path / "data", root, [str(program)])
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    program.unlink()
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert status.state == "failed"
    assert "ralph.backends.command" in status.last_error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"task": ""}, UsageError),
        ({"task": " \n "}, UsageError),
        ({"task": "x" * 100_000}, UsageError),
        ({"task": "a\x1b[2Jb"}, UsageError),
        ({"backend": "gpt-engineer"}, UsageError),
        ({"verify": ["sh -c 'open"]}, UsageError),
        ({"verify": [""]}, UsageError),
        ({"verify": ["true"] * 21}, UsageError),
        ({"max_iterations": -1}, UsageError),
        ({"max_minutes": float("nan")}, UsageError),
        ({"max_cost_usd": float("inf")}, UsageError),
        ({"completion_promise": "two\nlines"}, UsageError),
        ({"workspace": "ROOT/missing"}, NotFoundError),
        ({"workspace": "/etc"}, DeniedError),
        ({"workspace": "/no/such/folder"}, DeniedError),
        ({"workspace": "ROOT/link-out"}, DeniedError),
        ({"workspace": "ROOT/../data"}, DeniedError),
        ({"workspace": "ROOT"}, UsageError),
        ({"workspace": "ROOT/empty"}, UsageError),
        ({"workspace": "ROOT/taken"}, UsageError),
        ({"workspace": "ROOT/größe 1/sub"}, UsageError),
        ({"workspace": "ROOT/größe 1/check.py"}, UsageError),
        ({"workspace": "ext::sh -c touch% /tmp/x"}, StackError),
        ({"workspace": "http://example.org/a.git"}, UsageError),
        ({"workspace": "ssh://-oProxyCommand=touch/x"}, UsageError),
        ({"workspace": "https://user:token@example.org/a.git"}, UsageError),
        ({"workspace": "file:///etc"}, DeniedError),
        ({"workspace": "~nosuchuser/x"}, NotFoundError),
        ({"workspace": "https://[::1/x"}, UsageError),
        ({"workspace": "--upload-pack=touch"}, StackError),
    ],
)
async def test_bad_input_is_refused_and_changes_nothing(
    make: Make, root: Path, repository: Path, arguments: dict[str, Any], error: type[StackError]
) -> None:
    (repository / "sub").mkdir()
    git_init = root / "empty"
    git_init.mkdir()
    git(git_init, "init", "--quiet")
    git(make_repository(root / "taken", {"a": "a"}), "branch", "ralph")
    (root / "link-out").symlink_to("/etc")
    (root.parent / "data").mkdir()
    if "workspace" in arguments:
        arguments = {"workspace": arguments["workspace"].replace("ROOT", str(root))}
    parts = make({})
    with pytest.raises(error):
        await parts.ralph.submit(**({"task": "x", "workspace": str(repository)} | arguments))
    assert await parts.runs.latest([parts.queue], 10) == []
    assert parts.events.events == []
    assert git(repository, "branch", "--list", "ralph/*") == ""


async def test_a_backend_without_a_program_names_the_setting(database: Database, tmp_path: Path, root: Path) -> None:
    parts = RalphParts(database, tmp_path / "data", root, [])
    with pytest.raises(UnavailableError, match=r"ralph\.backends\.command"):
        await parts.ralph.submit("x")


async def test_an_unknown_task_is_not_found(make: Make) -> None:
    ralph = make({}).ralph
    for task_id in ("00000000-0000-0000-0000-000000000000", "../../etc"):
        with pytest.raises(NotFoundError):
            await ralph.status(task_id)
        with pytest.raises(NotFoundError):
            await ralph.result(task_id)


async def test_waiting_longer_than_a_client_does_is_refused(make: Make) -> None:
    with pytest.raises(UsageError):
        await make({}).ralph.status("00000000-0000-0000-0000-000000000000", wait_seconds=51)
