"""Verify commands: what is accepted, detected and run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from mcp_stack.errors import UsageError
from mcp_stack.ralph.verify import Report, Verifier, checked_commands, detect
from tests.support.unconfined import Unconfined


async def run(tmp_path: Path, *commands: str, seconds: float = 20) -> Report:
    worktree, scratch = tmp_path / "worktree", tmp_path / "scratch"
    worktree.mkdir(exist_ok=True)
    scratch.mkdir(exist_ok=True)
    return await Verifier(os.environ, seconds, Unconfined()).run(commands, worktree, scratch, scratch / "verify.log")


async def test_all_commands_must_exit_0(tmp_path: Path) -> None:
    assert (await run(tmp_path, "true", "test -d .")).passed


async def test_nothing_to_run_passes(tmp_path: Path) -> None:
    assert (await run(tmp_path)).passed


async def test_the_first_failure_ends_it_and_says_what_was_printed(tmp_path: Path) -> None:
    report = await run(tmp_path, "echo fine", "sh -c 'echo 1 failed >&2; exit 3'", "touch reached")
    assert not report.passed
    assert report.failed.startswith("sh -c")
    assert "exit code 3" in report.output
    assert "1 failed" in report.output
    assert "fine" not in report.output
    assert not (tmp_path / "worktree" / "reached").exists()
    assert (tmp_path / "scratch" / "verify.log").read_text() == "fine\n1 failed\n"


async def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    assert (await run(tmp_path, "echo hi; touch planted $(touch planted) > planted")).passed
    assert list((tmp_path / "worktree").iterdir()) == []


async def test_a_missing_program_fails_and_is_named(tmp_path: Path) -> None:
    report = await run(tmp_path, "no-such-program --at-all")
    assert "exit code 127" in report.output
    assert "no-such-program" in report.output


async def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    report = await run(tmp_path, f"sh -c '{sys.executable} -c \"import time; time.sleep(321)\" & wait'", seconds=0.3)
    assert "ended after 0.3 s" in report.output
    assert not any("sleep(321)" in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


async def test_much_output_is_bounded_in_memory(tmp_path: Path) -> None:
    report = await run(tmp_path, f"{sys.executable} -c \"print('x' * 30_000_000); print('the end'); exit(1)\"")
    assert report.output.endswith("the end\n")
    assert len(report.output) < 5000
    assert (tmp_path / "scratch" / "verify.log").stat().st_size < 21_000_000


async def test_binary_output_can_be_stored(tmp_path: Path) -> None:
    report = await run(tmp_path, "sh -c 'printf \"a\\000\\377b\"; exit 1'")
    assert "\0" not in report.output
    assert report.output.encode()


@pytest.mark.parametrize("command", ["", "  ", "echo 'open", "echo \x00", "x" * 3000])
def test_what_cannot_be_a_command_is_refused(command: str) -> None:
    with pytest.raises(UsageError):
        checked_commands([command])


def test_commands_are_kept_as_they_were_given() -> None:
    assert checked_commands(["pytest -q", "sh -c 'a | b'"]) == ("pytest -q", "sh -c 'a | b'")


@pytest.mark.parametrize(
    ("files", "detected"),
    [
        ({"Cargo.toml": ""}, ("cargo test",)),
        ({"package.json": '{"scripts": {"test": "vitest"}}'}, ("npm test",)),
        ({"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, ()),
        ({"package.json": "{"}, ()),
        ({"package.json": "[1]"}, ()),
        ({"package.json": "[" * 200_000}, ()),
        ({"tests/test_a.py": "", "Makefile": "test:\n"}, ("pytest -q",)),
        ({"Makefile": "all:\n\ntest: all\n\tctest\n"}, ("make test",)),
        ({"Makefile": "all:\n"}, ()),
        ({"README.md": ""}, ()),
    ],
)
def test_tests_of_the_repository_are_detected(files: dict[str, str], detected: tuple[str, ...]) -> None:
    assert detect(files, files.__getitem__, which=lambda program: f"/usr/bin/{program}") == detected
    assert detect(files, files.__getitem__, which=lambda program: None) == ()
