"""How confined programs end, and all that they started, in every tier that works on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mcp_stack.ports.sandbox import Confinement
from mcp_stack.ralph.environment import child_environment
from mcp_stack.ralph.processes import run_program
from tests.support.box import Box, make_box, sandbox, works
from tests.support.waiting import until

# A daemon of daemons: two forks, two sessions, no terminal, its output closed.
DAEMON = """
import os, sys, time
for _ in range(2):
    if os.fork():
        os._exit(0)
    os.setsid()
for descriptor in range(3):
    os.close(descriptor)
os.execvp("sleep", ["sleep", sys.argv[1]])
"""


def sleepers(seconds: int) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] == ["sleep", str(seconds)] and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture(params=["bubblewrap", "landlock", "none"])
def any_box(request: pytest.FixtureRequest, tmp_path: Path) -> Box:
    return make_box(tmp_path, sandbox(works(str(request.param))))


async def test_a_daemon_ends_with_its_program(any_box: Box) -> None:
    script = f"python3 -c '{DAEMON}' 7201; while ! pgrep -f 'sleep 7201' >/dev/null; do :; done; exit 5"
    assert (await any_box.run(script)).exit_code == 5
    assert sleepers(7201) == []


async def test_a_daemon_ends_when_its_program_is_cancelled(any_box: Box) -> None:
    running = asyncio.create_task(any_box.run(f"python3 -c '{DAEMON}' 7202; sleep 7202"))
    await until(lambda: len(sleepers(7202)) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not sleepers(7202), seconds=2)


async def test_a_daemon_ends_when_the_worker_is_killed(any_box: Box) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.test_sandbox_ends", any_box.sandbox.tier, str(any_box.folder)),
        cwd=Path(__file__).parents[2],
    )
    await until(lambda: len(sleepers(7203)) == 2)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    await until(lambda: not sleepers(7203), seconds=2)


async def test_signals_reach_no_worker(box: Box) -> None:
    worker = subprocess.Popen(["sleep", "60"])
    try:
        await box.run(f"kill -9 {worker.pid}; kill -9 $PPID; kill -9 -1")
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()


async def test_exit_codes_and_signals_come_through(any_box: Box) -> None:
    assert (await any_box.run("exit 7")).exit_code == 7
    assert (await any_box.run("kill -TERM $$")).exit_code == 143
    finished = await any_box.run("echo begun; sleep 7204", seconds=1)
    assert (finished.exit_code, finished.timed_out) == (137, True)
    assert sleepers(7204) == []


async def test_a_program_that_is_not_there_is_named(any_box: Box) -> None:
    environment = child_environment(os.environ, any_box.home)
    command = any_box.sandbox.confined(("no-such-program",), environment, Confinement(any_box.worktree))
    output = any_box.folder / "output.log"
    finished = await run_program(
        command, folder=any_box.worktree, environment=environment, output=output, timeout_seconds=20
    )
    assert (finished.exit_code, finished.tail) == (127, "no-such-program: no such program\n")


if __name__ == "__main__":
    asyncio.run(Box(Path(sys.argv[2]), sandbox(sys.argv[1])).run(f"python3 -c '{DAEMON}' 7203; sleep 7203", seconds=60))
