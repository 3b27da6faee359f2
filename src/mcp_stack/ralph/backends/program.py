"""What all agents that are programs share: where they run, what they see, and how their end is read."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from ...errors import UnavailableError
from ...ports.agent import AgentInfo, AgentOutcome, Assignment, ModelAccess
from ...ports.sandbox import Confinement, Sandbox
from ..environment import child_environment
from ..git import IDENTITY
from ..mending import remove
from ..processes import Finished, run_program
from .locating import Program, Programs
from .place import Place, make_place

SECONDS_TO_SAY_VERSION = 30.0
MAX_VERSION_CHARACTERS = 60
# As much of an agent's last words as of any program's output.
MAX_SAID_CHARACTERS = 16_384
_GIT_SETTINGS = {
    # Or aider writes one into the repository's own configuration.
    "user.name": IDENTITY["GIT_AUTHOR_NAME"],
    "user.email": IDENTITY["GIT_AUTHOR_EMAIL"],
    "core.hooksPath": "/dev/null",
    "commit.gpgSign": "false",
}
GIT = {"GIT_CONFIG_COUNT": str(len(_GIT_SETTINGS)), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"} | {
    f"GIT_CONFIG_{part}_{n}": text
    for n, setting in enumerate(_GIT_SETTINGS.items())
    for part, text in zip(("KEY", "VALUE"), setting, strict=True)
}
"""What git sees that an agent starts."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a program is started.

    Attributes:
        arguments: After the program's name.
        environment: Besides what every agent sees.
        prompt_on_stdin: Whether the prompt comes on its stdin, which is empty otherwise.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    prompt_on_stdin: bool = True


@dataclass(frozen=True, slots=True)
class Said:
    """What an agent told in its output.

    Attributes:
        text: Its last words; empty if it spoke no language that we know, and its output is all there is.
        tokens: Of its model calls, 0 if it does not tell.
        cost_usd: Likewise, in US dollars.
        failed: It says itself that it failed, whatever its exit code.
    """

    text: str = ""
    tokens: int = 0
    cost_usd: float = 0.0
    failed: bool = False


class ProgramAgent(ABC):
    """An agent that is a program.

    Args:
        programs: Finds it.
        environ: The worker's environment; the program sees an allow-list of it and a private HOME.
        sandbox: Confines it.
    """

    backend: ClassVar[str]
    program: ClassVar[str] = ""
    on_path: ClassVar[bool] = True
    # What a user may have set for the agent; passed on only where no model is given to it.
    own_configuration: ClassVar[tuple[str, ...]] = ()

    def __init__(self, programs: Programs, environ: Mapping[str, str], sandbox: Sandbox) -> None:
        self._programs = programs
        self._environ = environ
        self._sandbox = sandbox
        self._versions: dict[tuple[Path, int], str] = {}

    def check(self) -> None:
        """Raises UnavailableError unless the program is there and can be confined."""
        self._found()
        self._sandbox.check()

    async def info(self) -> AgentInfo:
        """Whether it is installed, and how to get it."""
        try:
            program = self._found()
        except UnavailableError as error:
            return AgentInfo(installed=False, how_to_install=error.remedy)
        return AgentInfo(installed=True, version=program.version or await self._version(program))

    async def run(self, assignment: Assignment) -> AgentOutcome:
        """Run the program once; see the port."""
        program = self._found()
        self._sandbox.check()
        output = assignment.scratch / f"agent_{assignment.iteration}.log"
        place = await asyncio.to_thread(make_place, assignment, output)
        try:
            return await self._run(program, assignment, place, output)
        finally:
            await asyncio.to_thread(remove, place.folder)
            await asyncio.to_thread(self._tidy, assignment.worktree)

    async def _run(self, program: Program, assignment: Assignment, place: Place, output: Path) -> AgentOutcome:
        start = await asyncio.to_thread(self._start, assignment, place)
        environment = (
            child_environment(self._environ, place.home)
            | GIT
            | {"MCP_STACK_TASK_ID": assignment.task_id, "MCP_STACK_ITERATION": str(assignment.iteration)}
            | dict(start.environment)
        )
        limits = await asyncio.to_thread(self._limits, assignment, place, program)
        finished = await run_program(
            self._sandbox.confined((str(program.path), *start.arguments), environment, limits),
            folder=assignment.worktree,
            environment=environment,
            stdin=place.prompt if start.prompt_on_stdin else None,
            output=output,
            timeout_seconds=assignment.timeout_seconds,
        )
        said = await asyncio.to_thread(self._said, place, output)
        return AgentOutcome(
            exit_code=1 if said.failed and finished.exit_code == 0 else finished.exit_code,
            output_tail=said.text[-MAX_SAID_CHARACTERS:] or finished.tail or _of_silence(program, finished),
            output_file=output,
            timed_out=finished.timed_out,
            duration_seconds=finished.seconds,
            cost_usd=said.cost_usd,
            tokens=said.tokens,
            sandbox=self._sandbox.tier,
        )

    @abstractmethod
    def _start(self, assignment: Assignment, place: Place) -> Start:
        """How the program is started; writes the configuration files that it reads.

        Raises:
            UnavailableError: No model is given, and the user configured none.
        """

    def _said(self, place: Place, output: Path) -> Said:  # noqa: ARG002 - nothing is known of programs in general
        """What it told of itself.

        Args:
            place: Its files are still there.
            output: What it printed.
        """
        return Said()

    def _tidy(self, worktree: Path) -> None:  # noqa: B027 - most leave nothing
        """Remove what the program keeps for itself in the worktree."""

    def _readable(self) -> tuple[Path, ...]:
        """Files of ours that the program reads."""
        return ()

    def _own(self, *required: str, remedy: str) -> dict[str, str]:
        """The user's own configuration of the agent, from our environment.

        Args:
            required: Variables one of which must be set.
            remedy: What to do if none is.

        Raises:
            UnavailableError: None of them is.
        """
        if not any(self._environ.get(name) for name in required):
            raise UnavailableError(f"no model is configured for the backend {self.backend}", remedy)
        return {name: self._environ[name] for name in self.own_configuration if self._environ.get(name)}

    def _found(self) -> Program:
        program = self._programs.find(self.backend, self.program, on_path=self.on_path)
        if program is None:
            raise UnavailableError(
                f"the program {self.program} of the backend {self.backend} is not installed",
                f"mcp-stack agents install {self.backend}",
            )
        return program

    def _limits(self, assignment: Assignment, place: Place, program: Program) -> Confinement:
        return Confinement(
            folder=assignment.worktree,
            writable=(place.home, place.folder),
            readable=(place.prompt, *program.readable, *self._readable(), *assignment.readable),
            ports=model_ports(assignment.model),
        )

    async def _version(self, program: Program) -> str:
        key = (program.path, program.path.stat().st_mtime_ns)
        if key not in self._versions:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="mcp-stack-version-"))
            try:
                finished = await run_program(
                    (str(program.path), "--version"),
                    folder=folder,
                    environment=child_environment(self._environ, folder),
                    output=folder / "version.log",
                    timeout_seconds=SECONDS_TO_SAY_VERSION,
                )
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            lines = finished.tail.strip().splitlines() if finished.exit_code == 0 else []
            self._versions[key] = lines[-1].strip()[:MAX_VERSION_CHARACTERS] if lines else ""
        return self._versions[key]


def _of_silence(program: Program, finished: Finished) -> str:
    """What is said for a program that failed without a word."""
    name = program.path.name
    return f"{name} exited with {finished.exit_code} and printed nothing\n" if finished.exit_code else ""


def model_ports(model: ModelAccess | None) -> tuple[int, ...] | None:
    """The ports that an agent may connect to: those of its model; any where it brings its own."""
    if model is None:
        return None
    ports = (urlsplit(url).port for url in (model.openai_url, model.anthropic_url))
    return tuple(dict.fromkeys(port for port in ports if port is not None))
