"""Tasks under random kills of workers, agents and PostgreSQL; see benchmarks/chaos for a large one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


def test_every_iteration_is_committed_exactly_once_whatever_is_killed() -> None:
    size = ["--tasks", "5", "--iterations", "4", "--kills", "10"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.chaos", *size, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout or "{}")
    assert done.returncode == 0, (result, done.stderr[-3000:])
    assert (result["completed"], result["iterations_committed"], result["kills"]) == (5, 20, 10)
    assert (result["faults"], result["processes_left"], result["worktrees_left"]) == ([], [], 0)
