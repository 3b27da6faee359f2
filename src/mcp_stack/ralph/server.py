"""Ralph Wiggum's tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..mcp.app import StackServer
from .models import SubmittedTask, TaskResult, TaskStatus

if TYPE_CHECKING:
    from .service import Ralph

INSTRUCTIONS = """\
Runs a coding agent in a loop until a task is verifiably done. `submit_task` takes the task and returns at once; follow
it with `task_status` (wait_seconds=50 waits for news) and read the outcome with `task_result`. The work is on a git
branch of its own, one commit for each iteration; the files of the workspace stay as they are."""

TaskId = Annotated[str, Field(min_length=1, max_length=100, description="From submit_task")]


def build_server(services: Callable[[], Awaitable[Ralph]]) -> StackServer:
    """Declare the tools.

    Args:
        services: Gives the opened service; awaited at each call.
    """
    server = StackServer("ralph-wiggum", title="Ralph Wiggum: agent loop", instructions=INSTRUCTIONS)

    @server.declare("Submit a task", open_world=True)
    async def submit_task(
        task: Annotated[str, Field(min_length=1, description="What is to be done; at most 20,000 characters")],
        workspace: Annotated[
            str,
            Field(description="A git repository: a path in an allowed root, or a git URL; empty makes a new one"),
        ] = "",
        backend: Annotated[str, Field(description="The coding agent; empty for the configured one")] = "",
        max_iterations: Annotated[int, Field(ge=0, description="0 for no limit")] = 0,
        require_approval: Annotated[bool, Field(description="Ask a person before the first iteration")] = False,
        verify: Annotated[
            list[str],
            Field(description="Commands that must exit 0, run without a shell; empty detects the project's tests"),
        ] = [],
        completion_promise: Annotated[
            str, Field(description="The agent's last line must be exactly this; empty for none")
        ] = "",
        require_changes: Annotated[bool, Field(description="Without a diff it is not complete")] = True,
        max_cost_usd: Annotated[float, Field(ge=0, description="0 for no limit; counts what the agent reports")] = 0,
        max_minutes: Annotated[float, Field(ge=0, description="0 for no limit")] = 0,
    ) -> SubmittedTask:
        """Hand a coding task to an agent that is run again and again until the verify commands pass. Use it for work
        that takes several attempts: features, refactorings, bug fixes with a test. It returns at once and goes on when
        the client is closed. Give verify commands: they decide when the task is done, not the agent.
        """
        return await (await services()).submit(
            task,
            workspace=workspace,
            backend=backend,
            max_iterations=max_iterations,
            require_approval=require_approval,
            verify=verify,
            completion_promise=completion_promise,
            require_changes=require_changes,
            max_cost_usd=max_cost_usd,
            max_minutes=max_minutes,
        )

    @server.declare("Task status", read_only=True, idempotent=True, limited=False)
    async def task_status(
        task_id: TaskId,
        wait_seconds: Annotated[
            float, Field(ge=0, le=50, description="Wait up to so long for its state or iteration to change")
        ] = 0,
    ) -> TaskStatus:
        """Say how a task stands: its state, iteration, last error and changes so far. With wait_seconds it returns as
        soon as there is news, which saves polling.
        """
        return await (await services()).status(task_id, wait_seconds)

    @server.declare("Task result", read_only=True, idempotent=True)
    async def task_result(task_id: TaskId) -> TaskResult:
        """Say what came of a task: the branch and commits with the work, exit codes, files and lines changed, and a
        summary. For a task that is not done it says what there is so far.
        """
        return await (await services()).result(task_id)

    return server
