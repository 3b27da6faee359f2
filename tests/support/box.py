"""A sandbox with a user beside it who has a secret."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.ports.sandbox import Confinement, Sandbox
from mcp_stack.ralph.environment import child_environment
from mcp_stack.ralph.processes import Finished, run_program
from mcp_stack.ralph.sandbox.choice import Chosen
from mcp_stack.settings.tree import Sandbox as SandboxSettings

SECRET = "a secret of the user"


def sandbox(tier: str, **limits: int) -> Sandbox:
    return Chosen(SandboxSettings.model_validate({"tier": tier, "required": tier != "none", "limits": limits}))


def works(tier: str) -> str:
    """The tier; skips the test where it cannot be used here."""
    try:
        sandbox(tier).check()
    except UnavailableError as error:
        pytest.skip(error.problem)
    return tier


@dataclass
class Box:
    """A user's home with a secret in it, and a sandbox in which programs run beside it."""

    folder: Path
    sandbox: Sandbox

    @property
    def user(self) -> Path:
        return self.folder / "user"

    @property
    def worktree(self) -> Path:
        return self.folder / "data" / "worktree"

    @property
    def home(self) -> Path:
        return self.folder / "data" / "home"

    async def run(
        self,
        script: str,
        *arguments: str,
        readable: tuple[Path, ...] = (),
        ports: tuple[int, ...] | None = None,
        seconds: float = 30,
    ) -> Finished:
        """Run a shell script, or Python code, in the box."""
        python = script.lstrip().startswith("import")
        program = (sys.executable, "-c") if python else ("/bin/sh", "-c")
        environment = child_environment(os.environ, self.home)
        limits = Confinement(self.worktree, writable=(self.home,), readable=readable, ports=ports)
        command = (*program, script, *(arguments if python else ("sh", *arguments)))
        return await run_program(
            self.sandbox.confined(command, environment, limits),
            folder=self.worktree,
            environment=environment,
            output=self.folder / "output.log",
            timeout_seconds=seconds,
        )


def make_box(folder: Path, used: Sandbox) -> Box:
    box = Box(folder, used)
    (box.user / ".ssh").mkdir(parents=True)
    (box.user / ".ssh" / "id_ed25519").write_text(SECRET, encoding="utf-8")
    box.worktree.mkdir(parents=True)
    box.home.mkdir()
    return box


@pytest.fixture(params=["bubblewrap", "landlock"])
def tier(request: pytest.FixtureRequest) -> str:
    return works(str(request.param))


@pytest.fixture
def box(tier: str, tmp_path: Path) -> Box:
    return make_box(tmp_path, sandbox(tier))


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }
