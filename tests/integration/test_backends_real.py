"""Every real coding agent, as it is installed, on the same work with the same scripted model."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from starlette.responses import Response

from mcp_stack.ports.agent import Assignment
from mcp_stack.ralph.backends import INSTALLED_PROGRAMS, program
from mcp_stack.ralph.backends import place as places
from mcp_stack.ralph.sandbox.choice import Chosen
from mcp_stack.settings.tree import Sandbox as SandboxSettings
from mcp_stack.storage.postgres.pool import Database
from tests.support.agents import (
    BROKEN,
    HOSTILE,
    MENDING,
    NAMES,
    FixedGate,
    access_to,
    assignment,
    passes,
    programs,
    real_agent,
)
from tests.support.http_endpoint import STALL, Received, event_stream, failure
from tests.support.ralph import RalphParts, git, make_repository
from tests.support.scripted_coder import ScriptedCoder
from tests.support.unconfined import Unconfined
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

WITH_A_SHELL = tuple(name for name in NAMES if name != "aider")


@dataclass(frozen=True)
class Place:
    """Where an agent works, and whose settings it must keep away from.

    Attributes:
        worktree: A repository whose test fails, with settings for agents that would run programs.
        ran: There if one of those programs ran.
        home: The user's.
        environ: The user's, with secrets.
    """

    worktree: Path
    ran: Path
    scratch: Path
    home: Path
    environ: Mapping[str, str]

    def kept(self) -> tuple[str, list[Path]]:
        """What stays as it is."""
        return (self.worktree / ".git" / "config").read_text(), sorted(self.home.rglob("*"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    # Inside of the worktree: that is what a confined program can write.
    ran, home = tmp_path / "größe 1" / "ran", tmp_path / "home"
    files = BROKEN | {name: text.replace("RAN", str(ran)) for name, text in HOSTILE.items()}
    worktree = make_repository(tmp_path / "größe 1", files)
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Ursula User\n", encoding="utf-8")
    environ = os.environ | {"HOME": str(home), "SECRET_OF_THE_USER": "s3cret", "OPENAI_API_KEY": "k3y-of-the-user"}
    return Place(worktree, ran, tmp_path / "scratch", home, environ)


@pytest.mark.parametrize("name", NAMES)
async def test_it_mends_three_files_so_that_the_test_passes(name: str, place: Place) -> None:
    before = place.kept()
    agent = real_agent(name, place.environ, Chosen(SandboxSettings(required=False)))
    command = "env; git config user.name; cat ~/.gitconfig" if name in WITH_A_SHELL else ""
    with ScriptedCoder(MENDING, folder=place.worktree, command=command, last_word="All three are mended.") as model:
        outcome = await agent.run(assignment(place.worktree, place.scratch, access_to(model)))
        requests = [request for request in model.received if request.body]
    assert outcome.exit_code == 0, outcome.output_tail
    assert outcome.output_tail.splitlines()[-1] == "All three are mended."
    changed = git(place.worktree, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert [line.split()[-1] for line in changed] == ["names.py", "prices.py", "report.py"]
    assert passes(place.worktree)
    assert {request.headers.get("authorization") for request in requests} == {"Bearer not-a-secret"}
    assert outcome.tokens > 0 or name == "continue"
    # What the repository would have run, did not; what is the user's, is as it was and was not seen.
    assert not place.ran.exists()
    assert place.kept() == before
    seen = json.dumps([request.body for request in requests])
    assert "as the zebra does" in seen
    assert not any(secret in seen for secret in ("s3cret", "k3y-of-the-user", f"HOME={place.home}", "Ursula User"))
    # Its configuration, with the key in it, is gone.
    left = [path for path in place.scratch.rglob("*") if path.is_file() and path != outcome.output_file]
    assert not any(b"not-a-secret" in path.read_bytes() for path in left)


@pytest.mark.parametrize("name", NAMES)
async def test_a_task_that_looks_like_a_command_runs_nothing_and_without_an_edit_is_not_completed(
    name: str, database: Database, tmp_path: Path
) -> None:
    made = [tmp_path / f"made-{n}" for n in range(3)]
    task = f"!touch '{made[0]}'\n/run touch '{made[1]}'\n\n/init\n!rm -rf .\n/bash touch '{made[2]}'\n@{made[0]}"
    workspace = make_repository(tmp_path / "projects" / "one", BROKEN)
    ralph = RalphParts(database, tmp_path / "data", tmp_path / "projects", [], settings={"backends": {"fallback": ""}})
    ralph.agents[name] = real_agent(name)
    with ScriptedCoder(folder=ralph.workspaces.worktree_path("any")) as model:
        ralph.gate = FixedGate(access_to(model))
        submitted = await ralph.ralph.submit(
            task, workspace=str(workspace), backend=name, verify=["true"], max_iterations=1
        )
        await ralph.finish(submitted.task_id)
        told = json.dumps([request.body.get("messages") for request in model.received])
    status = await ralph.ralph.status(submitted.task_id)
    assert (status.state, status.last_exit_code) == ("limit_reached", 0)
    assert "nothing was changed" in status.last_error
    assert "/run touch" in told
    assert "!rm -rf" in told
    assert not any(path.exists() for path in made)


@pytest.mark.parametrize("name", NAMES)
async def test_cancelled_it_leaves_no_process(name: str, place: Place) -> None:
    mark, started = f"77{os.getpid()}.{NAMES.index(name)}", place.worktree / "started"
    with ScriptedCoder(folder=place.worktree, command=_sleeping(mark)) as model:
        if name not in WITH_A_SHELL:  # it waits for its model
            model.always(_stall)
        asked = assignment(place.worktree, place.scratch, access_to(model))
        running = asyncio.create_task(real_agent(name).run(asked))
        await until(lambda: started.exists() if name in WITH_A_SHELL else bool(model.received), seconds=60)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert _processes(mark, str(place.worktree)) == []


async def test_when_its_time_is_over_not_even_a_shell_in_a_session_of_its_own_is_left(place: Place) -> None:
    mark = f"77{os.getpid()}.9"
    with ScriptedCoder(folder=place.worktree, command=_sleeping(mark)) as model:
        asked = assignment(place.worktree, place.scratch, access_to(model), timeout_seconds=10)
        outcome = await real_agent("claude-code").run(asked)
    assert (outcome.exit_code, outcome.timed_out) == (137, True)
    assert (place.worktree / "started").exists()
    assert _processes(mark, str(place.worktree)) == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_model_that_refuses_is_a_failure_that_is_told(name: str, place: Place) -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "the budget is used up", "code": 1}}
    with ScriptedCoder(folder=place.worktree) as model:
        model.always(failure(400, error))
        outcome = await real_agent(name).run(assignment(place.worktree, place.scratch, access_to(model)))
    assert outcome.exit_code not in (0, 2)
    assert "the budget is used up" in outcome.output_tail or "the budget is used up" in outcome.output_file.read_text()


@pytest.mark.parametrize("name", NAMES)
async def test_a_flag_that_it_does_not_know_is_a_failure_that_is_told(name: str, place: Place) -> None:
    real_agent(name)
    kind: type = INSTALLED_PROGRAMS[name]  # type: ignore[assignment] # the registry holds the classes

    class Newer(kind):  # type: ignore[misc] # chosen at run time
        """As if the program had dropped a flag that we use."""

        def _start(self, asked: Assignment, place: places.Place) -> program.Start:
            start = super()._start(asked, place)
            return program.Start(("--no-such-flag", *start.arguments), start.environment, start.prompt_on_stdin)

    with ScriptedCoder(MENDING, folder=place.worktree) as model:
        outcome = await Newer(programs(), os.environ, Unconfined()).run(
            assignment(place.worktree, place.scratch, access_to(model))
        )
    assert outcome.exit_code != 0
    # All but one say which; `cn` says nothing when it is to answer in JSON, and then we say that.
    assert any(word in outcome.output_tail for word in ("no-such-flag", "unknown option", "without an answer"))
    assert git(place.worktree, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", NAMES)
async def test_it_says_its_version(name: str) -> None:
    found = await real_agent(name).info()
    assert found.installed
    assert found.version[0].isdigit()
    assert found.how_to_install == ""


def _sleeping(mark: str) -> str:
    """A command that goes on, also in a session of its own, as the shell of Claude Code does by itself."""
    return f"setsid sleep {mark} & touch started; sleep {mark}"


def _stall(_request: Received) -> Response:
    return event_stream([STALL])


def _processes(*marks: str) -> list[str]:
    """The processes whose command line or working folder holds a mark."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join((*process.cmdline(), process.cwd()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if process.status() != psutil.STATUS_ZOMBIE and any(mark in words for mark in marks):
            found.append(words)
    return found
