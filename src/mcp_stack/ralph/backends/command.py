"""Any program as an agent: the one that the configuration names, never one that a caller names."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import UnavailableError
from ...ports.agent import AgentOutcome, Assignment
from ..environment import child_environment
from ..processes import run_program


class CommandAgent:
    """Runs a program in the worktree with the prompt on its stdin.

    The prompt is also in the file that MCP_STACK_PROMPT_FILE names; MCP_STACK_TASK_ID and MCP_STACK_ITERATION say
    where in the loop it is. Exit code 2 means that it stopped before it was done.

    Args:
        command: The program and its arguments, from `ralph.backends.command`.
        environ: The worker's environment; the program sees an allow-list of it and a private HOME.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._command = tuple(command)
        self._environ = environ

    def check(self) -> None:
        """Raises UnavailableError unless a program is configured and there."""
        self._program()

    async def run(self, assignment: Assignment) -> AgentOutcome:
        """Run the program once; see the port."""
        program = self._program()
        prompt = assignment.scratch / f"prompt_{assignment.iteration}.md"
        output = assignment.scratch / f"agent_{assignment.iteration}.log"
        home = assignment.scratch / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        prompt.write_text(assignment.prompt, encoding="utf-8")
        output.unlink(missing_ok=True)
        finished = await run_program(
            (program, *self._command[1:]),
            folder=assignment.worktree,
            environment=child_environment(self._environ, home)
            | {
                "MCP_STACK_TASK_ID": assignment.task_id,
                "MCP_STACK_ITERATION": str(assignment.iteration),
                "MCP_STACK_PROMPT_FILE": str(prompt),
            },
            stdin=prompt,
            output=output,
            timeout_seconds=assignment.timeout_seconds,
        )
        return AgentOutcome(finished.exit_code, finished.tail, output, finished.timed_out, finished.seconds)

    def _program(self) -> str:
        if not self._command:
            raise UnavailableError(
                "the backend `command` has no program",
                "set ralph.backends.command in config/ralph.yaml, or MCP_STACK_RALPH__BACKENDS__COMMAND, to the "
                "program and its arguments as a list",
            )
        found = shutil.which(self._command[0], path=child_environment(self._environ, Path("/"))["PATH"])
        if found is None:
            raise UnavailableError(
                f"the program {self._command[0]!r} of the backend `command` is not there or not executable",
                "correct ralph.backends.command, or install it",
            )
        # Made absolute here: in the worktree a relative path would name a file that the agent itself can write.
        return str(Path(found).absolute())
