"""What people decide about tasks: real git, real PostgreSQL, a scripted agent."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.errors import ConflictError, DeniedError, NotFoundError, UsageError
from mcp_stack.ports.run_control import Actor, Channel, NewLimits
from mcp_stack.ralph.consent import question
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository, scripted, starts

CHECK = f"{sys.executable} check.py"
CHECK_PY = "import answer\nassert answer.VALUE == 42, f'VALUE is {answer.VALUE}'\n"
RIGHT = {"answer.py": "VALUE = 42\n"}
WRONG = {"answer.py": "VALUE = ITERATION\n"}
PERSON = Actor("ann@desk", "terminal")
MODEL = Actor("a client", "client")

Make = Callable[..., RalphParts]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "projects"


@pytest.fixture
def repository(root: Path) -> Path:
    return make_repository(root / "one", {"check.py": CHECK_PY, "answer.py": "VALUE = 0\n", "old.txt": "x\n"})


@pytest.fixture
def make(database: Database, tmp_path: Path, root: Path) -> Make:
    def made(plan: Mapping[str, Any], **settings: Any) -> RalphParts:
        return RalphParts(database, tmp_path / "data", root, scripted(tmp_path / "plan.json", plan), settings=settings)

    return made


async def jobs(database: Database, task: str = "ralph.iteration") -> list[dict[str, Any]]:
    async with database.read() as connection:
        cursor = await connection.execute(
            "select args, scheduled_at from jobs.procrastinate_jobs where task_name = %s order by id", [task]
        )
        return await cursor.fetchall()


def told(parts: RalphParts) -> list[str]:
    return [name for name, _ in parts.events.events]


async def states(parts: RalphParts, task_id: str) -> tuple[str, int]:
    status = await parts.ralph.status(task_id)
    return status.state, status.iteration


# --- approvals before the first iteration -------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "argument"), [(True, False), (False, True), (True, True)])
async def test_the_stricter_of_setting_and_argument_asks_before_the_agent_is_started(
    make: Make, repository: Path, tmp_path: Path, setting: bool, argument: bool
) -> None:
    parts = make({"*": {"write": RIGHT}}, approval={"require_approval": setting})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], require_approval=argument)
    assert task.state == "awaiting_approval"
    assert await jobs(parts.database) == []
    await parts.loop().iterate(task.task_id, 1)
    assert starts(tmp_path / "plan.json") == []
    status = await parts.ralph.status(task.task_id)
    assert f"mcp-stack tasks approve {task.task_id}" in status.waiting_for
    waiting = await parts.ralph.waiting(task.task_id)
    done = await parts.ralph.approve(waiting, PERSON, "go ahead")
    assert done.state == "queued"
    assert [job["args"]["n"] for job in await jobs(parts.database)] == [1]
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("completed", 1)
    log = await parts.ralph.log(task.task_id)
    assert [(each.action, each.by, each.via, each.note) for each in log.actions][-1] == (
        "approved",
        "ann@desk",
        "terminal",
        "go ahead",
    )
    assert told(parts)[:3] == ["task_submitted", "approval_requested", "approved"]


async def test_without_either_nobody_is_asked(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    assert (await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])).state == "queued"


async def test_no_client_approves_in_the_name_of_a_model(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), require_approval=True)
    waiting = await parts.ralph.waiting(task.task_id)
    channels: tuple[Channel, ...] = ("client", "worker", "timeout")
    for channel in channels:
        with pytest.raises(DeniedError):
            await parts.ralph.approve(waiting, Actor("somebody", channel))
    assert await states(parts, task.task_id) == ("awaiting_approval", 0)


async def test_an_answer_counts_only_for_the_question_that_was_shown(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], require_approval=True)
    shown = await parts.ralph.waiting(task.task_id)
    await parts.ralph.cancel(task.task_id, MODEL)
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "awaiting_approval"
    with pytest.raises(ConflictError, match="another approval"):
        await parts.ralph.approve(shown, PERSON)
    await parts.ralph.approve(await parts.ralph.waiting(task.task_id), PERSON)
    with pytest.raises(ConflictError, match="awaits no approval"):
        await parts.ralph.approve(shown, PERSON)


async def test_guidance_that_the_question_did_not_show_takes_the_yes_away(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), require_approval=True)
    shown = await parts.ralph.waiting(task.task_id)
    await parts.ralph.steer(task.task_id, "and push it", MODEL)
    with pytest.raises(ConflictError, match="guidance was given since"):
        await parts.ralph.approve(shown, PERSON)
    assert (await parts.ralph.status(task.task_id)).state == "awaiting_approval"
    await parts.ralph.approve(await parts.ralph.waiting(task.task_id), PERSON)
    assert (await parts.ralph.status(task.task_id)).state == "queued"


async def test_a_rejected_task_is_asked_about_again_when_it_is_resumed(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], require_approval=True)
    assert (await parts.ralph.reject(task.task_id, PERSON, "not now")).state == "cancelled"
    status = await parts.ralph.status(task.task_id)
    assert status.last_error == "not approved by ann@desk: not now"
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "awaiting_approval"
    assert await jobs(parts.database) == []
    assert [name for name in told(parts) if name in ("approval_requested", "rejected")] == [
        "approval_requested",
        "rejected",
        "approval_requested",
    ]


async def test_silence_is_a_no(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}}, approval={"timeout_minutes": 0.0001})
    task = await parts.ralph.submit("x", workspace=str(repository), require_approval=True)
    (job,) = await jobs(parts.database, "ralph.approval_timeout")
    assert job["scheduled_at"] is not None
    async with parts.database.write() as connection:
        await connection.execute("update runs set approval_deadline = now() - interval '1 second'")
    assert await parts.control.approve(task.task_id, job["args"]["number"], PERSON, "too late") is None
    await parts.loop().deny_unanswered(**job["args"])
    status = await parts.ralph.status(task.task_id)
    assert (status.state, "nobody answered in time" in status.last_error) == ("cancelled", True)
    assert told(parts)[-2:] == ["rejected", "task_completed"]
    await parts.loop().deny_unanswered(**job["args"])
    assert told(parts).count("rejected") == 1


async def test_a_question_whose_time_is_over_is_a_no_before_the_worker_gets_to_it(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), require_approval=True)
    async with parts.database.write() as connection:
        await connection.execute("update runs set approval_deadline = now() - interval '1 second'")
    assert (await parts.ralph.status(task.task_id)).state == "cancelled"


# --- approvals because of risk ------------------------------------------------------------------------------------

RISKY = {"write": {".husky/pre-commit": "echo hi\n", **WRONG}}


async def test_a_risky_iteration_waits_for_a_person_who_sees_its_diff(make: Make, repository: Path) -> None:
    parts = make({"1": {"write": WRONG}, "2": RISKY, "3": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("awaiting_approval", 2)
    assert [job["args"]["n"] for job in await jobs(parts.database)] == [1, 2]
    waiting = await parts.ralph.waiting(task.task_id)
    assert "iteration 2 is of high risk" in waiting.reason
    assert "+echo hi" in waiting.diff
    assert "-VALUE = 1" in waiting.diff
    assert "VALUE = 0" not in waiting.diff
    assert (await parts.ralph.approve(waiting, PERSON)).state == "queued"
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("completed", 3)
    asked = next(fields for name, fields in parts.events.events if name == "approval_requested")
    assert (asked["iteration"], "high risk" in str(asked["reason"])) == (2, True)


async def test_a_risky_iteration_that_completes_a_task_is_asked_about_first(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": {".husky/pre-commit": "echo hi\n", **RIGHT}}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("awaiting_approval", 1)
    assert (await parts.ralph.approve(await parts.ralph.waiting(task.task_id), PERSON)).state == "completed"
    assert told(parts)[-2:] == ["approved", "task_completed"]


async def test_the_threshold_says_from_which_risk_on_a_person_is_asked(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}}, approval={"approval_threshold": "low"})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("awaiting_approval", 1)


async def test_no_detour_leads_round_a_no(make: Make, repository: Path) -> None:
    parts = make({"1": {"write": WRONG}, "2": RISKY, "*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    await parts.ralph.reject(task.task_id, PERSON, "no hooks")
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "awaiting_approval"
    await parts.ralph.cancel(task.task_id, MODEL)
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "awaiting_approval"
    # Without the risky iteration there is nothing to ask, with it there is.
    await parts.ralph.roll_back(task.task_id, 1, MODEL)
    await parts.ralph.roll_back(task.task_id, 2, MODEL)
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "awaiting_approval"
    await parts.ralph.roll_back(task.task_id, 1, MODEL)
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "queued"
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("completed", 3)
    assert ".husky" not in git(repository, "ls-tree", "-r", "--name-only", f"ralph/{task.task_id}")


# --- steering, resuming, rolling back -----------------------------------------------------------------------------


async def test_guidance_is_in_the_next_prompt_with_what_was_said_before(
    make: Make, repository: Path, tmp_path: Path
) -> None:
    parts = make({"*": {"write": WRONG}, "4": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.loop().iterate(task.task_id, 1)
    await parts.ralph.steer(task.task_id, "Look at check.py", PERSON)
    await parts.loop().iterate(task.task_id, 2)
    await parts.ralph.steer(task.task_id, "Only answer.py is wrong", MODEL)
    await parts.finish(task.task_id)
    prompts = [start["prompt"] for start in starts(tmp_path / "plan.json")]
    assert "Guidance" not in prompts[0]
    assert "- Look at check.py\n" in prompts[1]
    assert "(said before iteration 2) Look at check.py\n- Only answer.py is wrong" in prompts[2]
    assert all(f"on iteration {n} " in prompt for n, prompt in enumerate(prompts, start=1))
    assert "VALUE is 1" in prompts[1]
    log = await parts.ralph.log(task.task_id)
    assert [(each.action, each.by, each.note) for each in log.actions] == [
        ("steered", "ann@desk", "Look at check.py"),
        ("steered", "a client", "Only answer.py is wrong"),
    ]
    with pytest.raises(ConflictError, match="completed"):
        await parts.ralph.steer(task.task_id, "too late", PERSON)


async def test_a_task_at_its_limit_goes_on_when_it_is_resumed(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": WRONG}, "5": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], max_iterations=2)
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("limit_reached", 2)
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "queued"
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("limit_reached", 4)
    await parts.ralph.resume(task.task_id, MODEL, NewLimits(max_iterations=0))
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("completed", 5)
    with pytest.raises(ConflictError, match="completed"):
        await parts.ralph.resume(task.task_id, MODEL)


async def test_a_rollback_brings_branch_and_worktree_back_and_numbers_go_on(
    make: Make, repository: Path, tmp_path: Path
) -> None:
    parts = make({"*": {"write": WRONG}, "4": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], max_iterations=3)
    await parts.finish(task.task_id)
    commits = (await parts.ralph.result(task.task_id)).commits
    rolled = await parts.ralph.roll_back(task.task_id, 1, PERSON)
    assert rolled.state == "cancelled"
    assert git(repository, "rev-parse", f"ralph/{task.task_id}") == commits[0]
    worktree = parts.workspaces.worktree_path(task.task_id)
    assert (worktree / "answer.py").read_text(encoding="utf-8") == "VALUE = 1\n"
    log = await parts.ralph.log(task.task_id)
    assert [(each.iteration, each.undone) for each in log.iterations] == [(1, False), (2, True), (3, True)]
    git(repository, "gc", "--quiet", "--prune=now")
    await parts.ralph.resume(task.task_id, MODEL)
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    assert (result.state, result.iterations, result.exit_codes) == ("completed", 4, ["0"] * 4)
    assert result.commits == [commits[0], git(repository, "rev-parse", f"ralph/{task.task_id}")]
    assert "VALUE is 1" in starts(tmp_path / "plan.json")[3]["prompt"]
    # Back to what was undone: its commit is still there, and it is the other line now.
    await parts.ralph.roll_back(task.task_id, 3, PERSON)
    assert git(repository, "rev-parse", f"ralph/{task.task_id}") == commits[2]
    log = await parts.ralph.log(task.task_id)
    assert [each.undone for each in log.iterations] == [False, False, False, True]


async def test_a_rollback_to_0_leaves_no_trace_on_the_branch(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    await parts.ralph.roll_back(task.task_id, 0, PERSON)
    assert git(repository, "diff", "main", f"ralph/{task.task_id}") == ""
    result = await parts.ralph.result(task.task_id)
    assert (result.state, result.files_modified, result.commits) == ("cancelled", 0, [])


async def test_a_task_at_work_is_not_rolled_back_and_an_unknown_iteration_is_not_found(
    make: Make, repository: Path
) -> None:
    parts = make({"*": {"write": WRONG}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.loop().iterate(task.task_id, 1)
    with pytest.raises(ConflictError, match="cancel it first"):
        await parts.ralph.roll_back(task.task_id, 0, PERSON)
    with pytest.raises(NotFoundError):
        await parts.ralph.roll_back(task.task_id, 2, PERSON)
    with pytest.raises(NotFoundError):
        await parts.ralph.log(task.task_id, 2)
    with pytest.raises(UsageError):
        await parts.ralph.roll_back(task.task_id, -1, PERSON)


# --- stagnation and fallback --------------------------------------------------------------------------------------


async def test_an_idle_agent_is_asked_for_a_diagnosis_then_replaced_then_the_task_stalls(
    make: Make, repository: Path, tmp_path: Path, database: Database
) -> None:
    parts = make({"*": {"print": "I cannot see it"}}, backends={"default": "command", "fallback": "second"})
    other = RalphParts(database, tmp_path / "data", tmp_path, scripted(tmp_path / "second.json", {}))
    parts.agents["second"] = other.agents["command"]
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.iteration, status.backend) == ("stalled", 9, "second")
    assert "a diagnostic prompt in iteration 4 and the backend second from iteration 7 on" in status.last_error
    prompts = [start["prompt"] for start in starts(tmp_path / "plan.json")]
    assert ["made no headway" in prompt for prompt in prompts] == [False, False, False, True, False, False]
    taken_over = starts(tmp_path / "second.json")
    assert [start["iteration"] for start in taken_over] == [7, 8, 9]
    assert "Another agent got stuck" in taken_over[0]["prompt"]
    assert told(parts)[-2:] == ["stalled", "task_completed"]
    assert (await parts.ralph.resume(task.task_id, MODEL)).state == "queued"
    assert (await parts.ralph.status(task.task_id)).backend == "command"


async def test_the_same_error_five_times_calls_for_a_diagnosis_although_files_change(
    make: Make, repository: Path, tmp_path: Path
) -> None:
    parts = make({"*": {"write": WRONG}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], max_iterations=6)
    await parts.finish(task.task_id)
    prompts = [start["prompt"] for start in starts(tmp_path / "plan.json")]
    assert ["made no headway" in prompt for prompt in prompts] == [False] * 5 + [True]


async def test_a_backend_that_cannot_be_started_is_replaced_at_once(
    make: Make, repository: Path, tmp_path: Path, database: Database, root: Path
) -> None:
    parts = make({"*": {"write": RIGHT}}, backends={"default": "gone", "fallback": "command"})
    gone = RalphParts(database, tmp_path / "data", root, [str(tmp_path / "no-such-program")])
    parts.agents["gone"] = gone.agents["command"]
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.backend) == ("completed", "command")
    result = await parts.ralph.result(task.task_id)
    assert "gone cannot be used, so command went on" in result.summary
    assert (await parts.ralph.log(task.task_id)).iterations[0].backend == "command"


# --- what is told -------------------------------------------------------------------------------------------------


async def test_edits_of_the_tests_that_verify_are_flagged_everywhere(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": {"check.py": "print('fine')\n"}}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    result = await parts.ralph.result(task.task_id)
    assert result.edited_tests == ["check.py"]
    assert "check.py" in result.summary
    assert (await parts.ralph.status(task.task_id)).edited_tests == ["check.py"]
    assert (await parts.ralph.log(task.task_id)).iterations[0].edited_tests == ["check.py"]


async def test_tests_are_detected_and_those_of_the_base_decide(make: Make, root: Path) -> None:
    repository = make_repository(
        root / "two",
        {"answer.py": "VALUE = 0\n", "test_it.py": "import answer\ndef test_it(): assert answer.VALUE == 2\n"},
    )
    parts = make({"*": {"write": WRONG}})
    task = await parts.ralph.submit("x", workspace=str(repository))
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("completed", 2)
    log = await parts.ralph.log(task.task_id, 1)
    assert "assert 1 == 2" in log.iterations[0].detail
    assert "+VALUE = 1" in log.diff
    assert Path(log.output_file).read_text(encoding="utf-8") == "did what I could\n"


async def test_events_tell_exit_codes_durations_files_and_lines(make: Make, repository: Path) -> None:
    parts = make({"1": {"write": WRONG, "exit": 2}, "2": {"write": RIGHT}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    finished = [fields for name, fields in parts.events.events if name == "iteration_finished"]
    assert [(each["exit_code"], each["files_modified"], each["lines_changed"]) for each in finished] == [
        (2, 1, 2),
        (0, 1, 2),
    ]
    assert all(isinstance(each["duration_seconds"], float) for each in finished)
    ended = parts.events.events[-1][1]
    assert (ended["exit_codes"], ended["files_modified"], ended["lines_changed"]) == (["2 (blocked)", "0"], 1, 2)
    json.dumps(parts.events.events)


async def test_tasks_are_listed_by_their_state(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    queued = await parts.ralph.submit("the first", workspace=str(repository))
    waiting = await parts.ralph.submit("the second", workspace=str(repository), require_approval=True)
    listed = await parts.ralph.tasks()
    assert [(each.task_id, each.state) for each in listed.tasks] == [
        (waiting.task_id, "awaiting_approval"),
        (queued.task_id, "queued"),
    ]
    assert [each.task for each in (await parts.ralph.tasks("queued")).tasks] == ["the first"]
    with pytest.raises(UsageError):
        await parts.ralph.tasks("asleep")  # type: ignore[arg-type]


async def test_what_an_agent_wrote_is_marked_as_its_own_when_it_verifies(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}})
    command = "sh -c 'echo $MCP_STACK_TASK_ID; exit 1'"
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[command], max_iterations=1)
    await parts.finish(task.task_id)
    assert task.task_id in (await parts.ralph.log(task.task_id, 1)).iterations[0].detail


async def test_a_minimum_of_iterations_is_kept(make: Make, repository: Path) -> None:
    parts = make({"*": {"write": RIGHT}}, loop={"min_iterations": 2})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    assert await states(parts, task.task_id) == ("completed", 2)


async def test_a_person_sees_what_would_hide_itself_in_a_terminal(make: Make, repository: Path) -> None:
    hidden = "VALUE = 42  # \x1b[2K\x1b[1A\u202e\n"
    parts = make({"*": {"write": {".husky/pre-commit": hidden, **RIGHT}}})
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK], max_iterations=7, max_cost_usd=1.5)
    await parts.finish(task.task_id)
    shown = question(await parts.ralph.waiting(task.task_id))
    assert "\x1b" not in shown
    assert "+VALUE = 42  # \\x1b[2K\\x1b[1A\\u{202e}" in shown
    assert "Limits: 7 iterations, $1.5." in shown
    cut = question(await parts.ralph.waiting(task.task_id, max_characters=50))
    assert f"mcp-stack tasks show {task.task_id}" in cut


async def test_a_fallback_that_is_not_installed_is_not_gone_over_to(
    make: Make, repository: Path, tmp_path: Path, database: Database, root: Path
) -> None:
    parts = make({}, backends={"default": "command", "fallback": "gone"})
    parts.agents["gone"] = RalphParts(database, tmp_path / "data", root, [str(tmp_path / "no-such")]).agents["command"]
    task = await parts.ralph.submit("x", workspace=str(repository), verify=[CHECK])
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.iteration, status.backend) == ("stalled", 6, "command")
