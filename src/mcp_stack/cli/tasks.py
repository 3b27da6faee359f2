"""`mcp-stack tasks`: Ralph's tasks, and the approvals that only a person gives."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ..composition import Stack
from ..errors import ConflictError, DeniedError
from ..ralph.visible import visible
from ..settings import load_settings
from .confirming import confirmed

if TYPE_CHECKING:
    from ..ports.run_control import Actor
    from ..ralph.models import LoggedAction, LoggedIteration, TaskState
    from ..ralph.service import Ralph

T = TypeVar("T")

# What an agent's environment has, so that no agent decides about its own task or another one.
INSIDE_AN_AGENT = "MCP_STACK_TASK_ID"


def run_tasks(chosen: argparse.Namespace) -> int:
    """Do what `mcp-stack tasks ACTION` says.

    Args:
        chosen: The arguments.

    Returns:
        The exit status.

    Raises:
        StackError: As the actions.
    """
    match chosen.action:
        case "list":
            return list_tasks(chosen.state)
        case "show":
            return show_task(chosen.id)
        case "log":
            return show_log(chosen.id, chosen.iteration)
        case "approve":
            return approve_task(chosen.id, chosen.note, asks=not chosen.yes)
        case _:
            return decide(chosen)


def list_tasks(state: str) -> int:
    """Print the newest tasks.

    Args:
        state: Only those in this state; empty for all.
    """
    found = _with(lambda ralph: ralph.tasks(state))  # type: ignore[arg-type] # it is checked there
    for task in found.tasks:
        words = visible(" ".join(task.task.split())[:70])
        print(f"{task.state:<17}  {task.iteration:>4}  {task.task_id}  {words}")
    print(f"{len(found.tasks)} of {found.total} tasks")
    return 0


def show_task(task_id: str) -> int:
    """Print how a task stands, and what it asks if it awaits approval."""

    async def look(ralph: Ralph) -> list[str]:
        from ..ralph.consent import question  # noqa: PLC0415 - heavy: only where a question is shown

        status, result = await ralph.status(task_id), await ralph.result(task_id)
        lines = [visible(f"{name:<17}  {value}") for name, value in (status.model_dump() | result.model_dump()).items()]
        if status.state == "awaiting_approval":
            lines += ["", question(await ralph.waiting(task_id))]
        return lines

    print("\n".join(_with(look)))
    return 0


def show_log(task_id: str, iteration: int) -> int:
    """Print what happened to a task.

    Args:
        task_id: The task.
        iteration: With all there is to say about this one; 0 for all in short.
    """
    log = _with(lambda ralph: ralph.log(task_id, iteration))
    for _, line in sorted([*map(_done, log.iterations), *map(_acted, log.actions)]):
        print(visible(line))
    if iteration:
        (one,) = log.iterations
        print(visible(f"\n{one.detail}\n\n{log.diff}\nall of the agent's output: {log.output_file}"))
    return 0


def approve_task(task_id: str, note: str, *, asks: bool) -> int:
    """Show what a task asks, and let it go on.

    Args:
        task_id: The task.
        note: Why.
        asks: Ask for confirmation.

    Raises:
        DeniedError: An agent does it.
        ConflictError: It awaits no approval, the answer was no, or nobody is there to answer.
    """
    actor = _person()

    async def approve(ralph: Ralph) -> TaskState:
        from ..ralph.consent import question  # noqa: PLC0415 - heavy: only where a question is shown

        waiting = await ralph.waiting(task_id)
        print(question(waiting))
        if asks and not await asyncio.to_thread(confirmed):
            raise ConflictError("nothing was approved", "look at it, then answer y or give --yes")
        return await ralph.approve(waiting, actor, note)

    return _told(_with(approve))


def decide(chosen: argparse.Namespace) -> int:
    """Reject, steer, cancel, resume or roll back a task.

    Args:
        chosen: `action`, `id`, and what the action takes.

    Raises:
        DeniedError: An agent does it.
        StackError: As the service.
    """
    actor = _person()

    async def act(ralph: Ralph) -> TaskState:
        from ..ports.run_control import NewLimits  # noqa: PLC0415 - only these actions need it

        match chosen.action:
            case "reject":
                return await ralph.reject(chosen.id, actor, chosen.note)
            case "steer":
                return await ralph.steer(chosen.id, " ".join(chosen.guidance), actor)
            case "cancel":
                return await ralph.cancel(chosen.id, actor)
            case "resume":
                limits = NewLimits(chosen.max_iterations, chosen.max_minutes, chosen.max_cost)
                return await ralph.resume(chosen.id, actor, limits)
            case _:
                return await ralph.roll_back(chosen.id, chosen.iteration, actor)

    return _told(_with(act))


def _person() -> Actor:
    from ..ports.run_control import Actor  # noqa: PLC0415 - only some actions need it

    if os.environ.get(INSIDE_AN_AGENT):
        raise DeniedError("an agent does not decide about tasks", "use a terminal of your own")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"user {os.getuid()}"
    return Actor(f"{user}@{socket.gethostname()}", "terminal")


def _with(act: Callable[[Ralph], Awaitable[T]]) -> T:
    async def run() -> T:
        stack = Stack(load_settings())
        try:
            return await act(await stack.ralph())
        finally:
            await stack.close()

    return asyncio.run(run())


def _told(state: TaskState) -> int:
    print(f"{state.task_id} is {state.state}: {state.note}")
    return 0


def _acted(each: LoggedAction) -> tuple[str, str]:
    """When, and the line."""
    return each.at, f"{each.at[:19]}  {each.action:<19}  by {each.by} ({each.via}) {each.note}".rstrip()


def _done(each: LoggedIteration) -> tuple[str, str]:
    """When, and the line."""
    undone = " (undone)" if each.undone else ""
    return each.started_at, (
        f"{each.started_at[:19]}  iteration {each.iteration:<9}  exit {each.exit_code}, {each.backend}, "
        f"{each.diff_stat or 'no changes'}, risk {each.risk}, {each.tokens} tokens, ${each.cost:.4f}, "
        f"{each.duration_seconds:.1f} s{undone}: {each.reason or 'complete'}"
    )
