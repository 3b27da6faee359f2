"""Programs are run for a bounded time and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from mcp_stack.ralph.processes import Finished, run_program
from tests.support.waiting import until

ENVIRONMENT = {"PATH": os.environ["PATH"]}
# A child in a session of its own: killing the process group would miss it.
ESCAPE = "setsid sleep {seconds} & setsid setsid sleep {seconds} & "


async def run(tmp_path: Path, script: str, seconds: float = 20, stdin: Path | None = None) -> Finished:
    return await run_program(
        ["sh", "-c", script],
        folder=tmp_path,
        environment=ENVIRONMENT,
        output=tmp_path / "out.log",
        timeout_seconds=seconds,
        stdin=stdin,
    )


def sleepers(seconds: int) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] == ["sleep", str(seconds)] and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.parametrize(
    ("script", "exit_code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
)
async def test_exit_codes_are_those_of_a_shell(tmp_path: Path, script: str, exit_code: int) -> None:
    assert (await run(tmp_path, script)).exit_code == exit_code


async def test_stdin_comes_from_the_file_and_output_is_kept(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt"
    prompt.write_text("grüße\n" * 50_000, encoding="utf-8")
    finished = await run(tmp_path, "cat; echo error >&2", stdin=prompt)
    assert finished.tail.endswith("grüße\nerror\n")
    assert len(finished.tail) < 20_000
    assert (tmp_path / "out.log").read_text(encoding="utf-8") == "grüße\n" * 50_000 + "error\n"


async def test_children_left_running_end_with_the_program(tmp_path: Path) -> None:
    finished = await run(tmp_path, ESCAPE.format(seconds=7101) + "exit 0")
    assert finished.exit_code == 0
    assert sleepers(7101) == []


async def test_the_end_of_its_time_ends_all_descendants(tmp_path: Path) -> None:
    finished = await run(tmp_path, ESCAPE.format(seconds=7102) + "trap '' TERM INT; sleep 7102", seconds=0.5)
    assert finished.timed_out
    assert finished.exit_code == 137
    assert sleepers(7102) == []


async def test_cancelling_ends_all_descendants(tmp_path: Path) -> None:
    task = asyncio.create_task(run(tmp_path, ESCAPE.format(seconds=7103) + "sleep 7103"))
    await until(lambda: len(sleepers(7103)) == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sleepers(7103) == []


async def test_killing_the_caller_ends_all_descendants(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from mcp_stack.ralph.processes import run_program; "
        f"asyncio.run(run_program(['sh', '-c', {ESCAPE.format(seconds=7104) + 'sleep 7104'!r}], folder=Path('.'), "
        f"environment={ENVIRONMENT!r}, output=Path('out.log'), timeout_seconds=60))"
    )
    caller = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=tmp_path)
    await until(lambda: len(sleepers(7104)) == 3)
    caller.send_signal(signal.SIGKILL)
    await caller.wait()
    await until(lambda: not sleepers(7104), seconds=2)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux kills a child when its parent dies")
async def test_killing_the_guard_ends_the_program(tmp_path: Path) -> None:
    task = asyncio.create_task(run(tmp_path, "exec sleep 7105"))
    await until(lambda: len(sleepers(7105)) == 1)
    guard = sleepers(7105)[0].parent()
    assert guard is not None
    guard.kill()
    assert (await task).exit_code == 137
    assert sleepers(7105) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows the environment of processes")
async def test_a_program_that_kills_its_guard_leaves_nothing_behind(tmp_path: Path) -> None:
    finished = await run(tmp_path, ESCAPE.format(seconds=7106) + "kill -KILL $PPID; sleep 7106")
    assert finished.exit_code == 137
    assert sleepers(7106) == []
