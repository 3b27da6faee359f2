"""Ralph Wiggum's tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Literal

from mcp.server.mcpserver.context import Context
from pydantic import Field

from ..mcp.app import StackServer, client_name
from ..ports.run_control import Actor
from ..ports.runs import State
from .consent import Consent, asks_for, consent_of
from .models import BackendList, SubmittedTask, TaskList, TaskLog, TaskResult, TaskState, TaskStatus

if TYPE_CHECKING:
    from .service import Ralph

INSTRUCTIONS = """\
Runs a coding agent in a loop until a task is verifiably done. `submit_task` takes the task and returns at once; follow
it with `task_status` (wait_seconds=50 waits for news) and read the outcome with `task_result`. The work is on a git
branch of its own, one commit for each iteration; the files of the workspace stay as they are. `steer_task` tells the
agent something between iterations. A task that is `awaiting_approval` waits for a person, never for you."""

NOTE = Field(description="Why; kept in the log")
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

    @server.declare("List tasks", read_only=True, idempotent=True)
    async def list_tasks(
        state: Annotated[Literal["", State], Field(description="Only those in this state; empty for all")] = "",
    ) -> TaskList:
        """List tasks, the newest first: use it to find a task whose id is not known, or what waits for approval."""
        return await (await services()).tasks(state)

    @server.declare("Task log", read_only=True, idempotent=True)
    async def task_log(
        task_id: TaskId,
        iteration: Annotated[int, Field(ge=0, description="With its diff and output; 0 for all in short")] = 0,
    ) -> TaskLog:
        """Say what happened to a task: each iteration with its agent, exit code, changes, risk, cost and what it
        lacked, and every approval and guidance with who gave it. Use it to see why a task makes no headway.
        """
        return await (await services()).log(task_id, iteration)

    @server.declare("Approve a task", asks={"consent": asks_for(services)})
    async def approve_task(
        task_id: TaskId, context: Context, consent: Consent | None, note: Annotated[str, NOTE] = ""
    ) -> TaskState:
        """Have the user of this client asked whether a task that awaits approval may go on. The user sees the task and
        the changes and decides; you cannot decide. Where the client cannot ask, it is refused and says what the user
        can do.
        """
        ralph = await services()
        waiting = await consent_of(ralph, task_id, consent)
        return await ralph.approve(waiting, Actor(f"the user of {client_name(context)}", "elicitation"), note)

    @server.declare("Reject a task", destructive=True)
    async def reject_task(task_id: TaskId, context: Context, note: Annotated[str, NOTE] = "") -> TaskState:
        """Refuse a task that awaits approval, which cancels it. Its commits so far stay on its branch."""
        return await (await services()).reject(task_id, _client(context), note)

    @server.declare("Steer a task")
    async def steer_task(
        task_id: TaskId,
        guidance: Annotated[str, Field(min_length=1, description="What the agent shall heed; at most 10,000 letters")],
        context: Context,
    ) -> TaskState:
        """Add guidance to the prompt of a task's next iteration: a hint, a correction, a file to look at. Use it when
        task_log shows that the agent is on the wrong track.
        """
        return await (await services()).steer(task_id, guidance, _client(context))

    @server.declare("Cancel a task", destructive=True, idempotent=True)
    async def cancel_task(task_id: TaskId, context: Context) -> TaskState:
        """End a task and its agent at once. Its commits stay on its branch, and resume_task lets it go on."""
        return await (await services()).cancel(task_id, _client(context))

    @server.declare("Resume a task", open_world=True)
    async def resume_task(task_id: TaskId, context: Context) -> TaskState:
        """Let a task go on that was cancelled, failed, stalled or reached a limit, from its last commit. Its limits
        count anew. What a person did not approve is asked again.
        """
        return await (await services()).resume(task_id, _client(context))

    @server.declare("Roll a task back", destructive=True, idempotent=True)
    async def rollback_task(
        task_id: TaskId,
        iteration: Annotated[int, Field(ge=0, description="The last one to keep; 0 keeps none")],
        context: Context,
    ) -> TaskState:
        """Bring a task's branch back to where it stood after an iteration. Later ones stay in the log as undone. The
        task must not be at work; afterwards it is cancelled, and resume_task goes on from there.
        """
        return await (await services()).roll_back(task_id, iteration, _client(context))

    @server.declare("List backends", read_only=True, idempotent=True)
    async def list_backends() -> BackendList:
        """List the coding agents that submit_task can use: which are installed, and how to get the others."""
        return await (await services()).backends()

    return server


def _client(context: Context) -> Actor:
    return Actor(client_name(context), "client")
