"""Any program as an agent: the one that the configuration names, never one that a caller names."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import UnavailableError
from ...ports.agent import AgentInfo, Assignment
from ...ports.sandbox import Sandbox
from ..environment import child_environment
from .locating import Program, Programs, needed_to_run
from .place import Place
from .program import ProgramAgent, Start


class CommandAgent(ProgramAgent):
    """Runs a program in the worktree with the prompt on its stdin.

    The prompt is also in the file that MCP_STACK_PROMPT_FILE names; MCP_STACK_TASK_ID and MCP_STACK_ITERATION say
    where in the loop it is. OPENAI_BASE_URL, ANTHROPIC_BASE_URL, their keys and MCP_STACK_MODEL say where its model
    is. Exit code 2 means that it stopped before it was done.

    Args:
        command: The program and its arguments, from `ralph.backends.command`.
        environ: The worker's environment; the program sees an allow-list of it and a private HOME.
        sandbox: Confines it.
    """

    backend = "command"

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], sandbox: Sandbox) -> None:
        super().__init__(Programs({}, Path("/"), environ), environ, sandbox)
        self._command = tuple(command)

    async def info(self) -> AgentInfo:
        """Whether it is configured and there; programs in general have no version."""
        try:
            self._found()
        except UnavailableError as error:
            return AgentInfo(installed=False, how_to_install=error.remedy)
        return AgentInfo(installed=True)

    def _start(self, assignment: Assignment, place: Place) -> Start:
        environment = {"MCP_STACK_PROMPT_FILE": str(place.prompt)}
        if (model := assignment.model) is not None:
            environment |= {
                "OPENAI_BASE_URL": model.openai_url,
                "OPENAI_API_KEY": model.key,
                "ANTHROPIC_BASE_URL": model.anthropic_url,
                "ANTHROPIC_API_KEY": model.key,
                "MCP_STACK_MODEL": model.model,
            }
        return Start(self._command[1:], environment)

    def _readable(self) -> tuple[Path, ...]:
        return tuple(Path(word) for word in self._command[1:] if Path(word).is_absolute())

    def _found(self) -> Program:
        if not self._command:
            raise UnavailableError(
                "the backend `command` has no program",
                "set ralph.backends.command in config/ralph.yaml, or MCP_STACK_RALPH__BACKENDS__COMMAND, to the "
                "program and its arguments as a list",
            )
        path = child_environment(self._environ, Path("/"))["PATH"]
        found = shutil.which(self._command[0], path=path)
        if found is None:
            raise UnavailableError(
                f"the program {self._command[0]!r} of the backend `command` is not there or not executable",
                "correct ralph.backends.command, or install it",
            )
        # Made absolute here: in the worktree a relative path would name a file that the agent itself can write.
        program = Path(found).absolute()
        return Program(program, "", needed_to_run(program, path))
