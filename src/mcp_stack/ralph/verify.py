"""Whether a task is done: its verify commands, run by us and not by the agent."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import UsageError
from ..ports.sandbox import Confinement, Sandbox
from ..validation import checked_text
from .environment import child_environment
from .mending import lies_in, remove
from .processes import run_program

MAX_COMMANDS = 20
MAX_COMMAND_CHARACTERS = 2000
# The files of which `detect` reads the text.
READ_FILES = frozenset({"package.json", "Makefile"})
# What the agent downloaded and lock files vouch for; in its HOME, below which `registry` and the like lie.
DOWNLOADS = (".cargo/registry", ".cargo/git", "go/pkg/mod")
# What of a failing command's output goes into the next prompt.
TAIL_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Report:
    """What the verify commands said.

    Attributes:
        commands: Those that were to be run, given or detected.
        failed: The first that did not exit 0; empty if all did.
        output: The end of what that one wrote.
    """

    commands: tuple[str, ...]
    failed: str
    output: str

    @property
    def passed(self) -> bool:
        """Nothing failed; also true if there was nothing to run."""
        return not self.failed


def checked_commands(commands: Sequence[str]) -> tuple[str, ...]:
    """Verify commands as a caller gave them, refused unless each can be split into a program and its arguments.

    Raises:
        UsageError: There are too many, or one is empty, too long or has an open quote.
    """
    if len(commands) > MAX_COMMANDS:
        raise UsageError(f"verify has {len(commands)} commands", f"at most {MAX_COMMANDS} are allowed")
    for command in commands:
        checked_text("a verify command", command, MAX_COMMAND_CHARACTERS)
        try:
            if not shlex.split(command):
                raise UsageError("a verify command is empty", "leave it out")
        except ValueError as error:
            raise UsageError(
                f"the verify command {command[:80]!r} cannot be read ({error})",
                "quote it as for a shell; for pipes and the like give `sh -c '...'`",
            ) from error
    return tuple(commands)


def detect(
    files: Collection[str], read: Callable[[str], str], which: Callable[[str], str | None] = shutil.which
) -> tuple[str, ...]:
    """The verify command of a repository that brings its own tests.

    Args:
        files: Its files, as relative paths.
        read: Gives the text of one of them that is in READ_FILES.
        which: Finds a program on the PATH.

    Returns:
        One command, or none.
    """
    if "Cargo.toml" in files and which("cargo"):
        return ("cargo test",)
    if "package.json" in files and which("npm") and _has_npm_test(read("package.json")):
        return ("npm test",)
    names = [PurePosixPath(file).name for file in files]
    if any(name.startswith("test_") and name.endswith(".py") for name in names) and which("pytest"):
        return ("pytest -q",)
    if (
        "Makefile" in files
        and which("make")
        and any(line.startswith("test:") for line in read("Makefile").splitlines())
    ):
        return ("make test",)
    return ()


def _has_npm_test(package: str) -> bool:
    try:
        content = json.loads(package)
    except (ValueError, RecursionError):
        return False
    scripts = content.get("scripts") if isinstance(content, dict) else None
    # What `npm init` writes fails always.
    return isinstance(scripts, dict) and "test" in scripts and "no test specified" not in str(scripts["test"])


class Verifier:
    """Runs verify commands, each confined, without a shell and for a bounded time.

    Args:
        environ: The worker's environment; the commands see an allow-list of it.
        timeout_seconds: Of each command.
        sandbox: Confines them: what they test was written by an agent.
        network: Whether they may connect anywhere.
    """

    def __init__(
        self, environ: Mapping[str, str], timeout_seconds: float, sandbox: Sandbox, *, network: bool = False
    ) -> None:
        self._environ = environ
        self._timeout_seconds = timeout_seconds
        self._sandbox = sandbox
        self._network = network

    async def run(
        self, commands: Sequence[str], worktree: Path, scratch: Path, output: Path, readable: Sequence[Path] = ()
    ) -> Report:
        """Run the commands one after the other, up to the first that fails.

        Args:
            commands: Each as one would type it, but for what only a shell understands.
            worktree: Where they run.
            scratch: The run's private folder; their HOME is in it, new each time: in the agent's, `home`, it could have
                put what interpreters load by themselves. Of that they get the downloads.
            output: File for all of their output.
            readable: What they must be able to read besides.

        Raises:
            OSError: The output cannot be written.
            UnavailableError: Nothing confines programs here.
            DeniedError: The agent made a link out of what they may write.
        """
        home = scratch / "verify_home"
        downloads = await asyncio.to_thread(_prepare, home, scratch / "home", output)
        try:
            return await self._run(
                commands,
                home,
                output,
                Confinement(
                    folder=worktree,
                    writable=(home,),
                    readable=(*readable, *downloads),
                    ports=None if self._network else (),
                ),
            )
        finally:
            await asyncio.to_thread(remove, home)

    async def _run(self, commands: Sequence[str], home: Path, output: Path, limits: Confinement) -> Report:
        # Marked as an agent is: what they run was written by one, and must not decide about tasks.
        environment = child_environment(self._environ, home) | {"MCP_STACK_TASK_ID": output.parent.name}
        for command in commands:
            words = shlex.split(command)
            finished = await run_program(
                await asyncio.to_thread(self._sandbox.confined, words, environment, limits),
                folder=limits.folder,
                environment=environment,
                output=output,
                timeout_seconds=self._timeout_seconds,
            )
            if finished.exit_code != 0:
                why = (
                    f"ended after {self._timeout_seconds:g} s"
                    if finished.timed_out
                    else f"exit code {finished.exit_code}"
                )
                return Report(tuple(commands), command, f"[{why}]\n{finished.tail[-TAIL_CHARACTERS:]}")
        return Report(tuple(commands), "", "")


def _prepare(home: Path, of_agent: Path, output: Path) -> list[Path]:
    """Make a HOME with links to what the agent downloaded.

    Returns:
        Where the links lead.
    """
    of_agent = of_agent.parent.resolve() / of_agent.name
    remove(home)
    home.mkdir(mode=0o700, parents=True)
    output.unlink(missing_ok=True)
    downloads = [name for name in DOWNLOADS if lies_in(of_agent, name) and (of_agent / name).is_dir()]
    for name in downloads:
        link = home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(of_agent / name)
    return [of_agent / name for name in downloads]
