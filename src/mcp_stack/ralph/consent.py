"""Asking the user of a client whether a task may go on: by an elicitation, which no model can answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.resolve import Elicit
from pydantic import BaseModel, Field

from ..errors import DeniedError
from .deciding import Waiting, checked_note, how_to_approve
from .visible import visible

if TYPE_CHECKING:
    from .service import Ralph

DIFF_CHARACTERS = 4000


class Consent(BaseModel):
    """What the user answers."""

    approve: bool = Field(description="Let the task go on with these changes")
    # What the user was shown: the answer counts for nothing else.
    shown: ClassVar[Waiting | None] = None


def asks_for(services: Callable[[], Awaitable[Ralph]]) -> Callable[..., Awaitable[Elicit[Consent] | None]]:
    """What asks the client's user about a task; it asks nothing where the client has no way to.

    Args:
        services: Gives the opened service.
    """

    async def ask(task_id: str, note: str, context: Context) -> Elicit[Consent] | None:
        checked_note(note)
        waiting = await (await services()).waiting(task_id, DIFF_CHARACTERS)
        capabilities = context.client_capabilities
        elicitation = capabilities.elicitation if capabilities is not None else None
        if elicitation is None or (elicitation.form is None and elicitation.url is not None):
            return None
        return Elicit(question(waiting), type("Consent", (Consent,), {"shown": waiting}))

    return ask


async def consent_of(ralph: Ralph, task_id: str, consent: Consent | None) -> Waiting:
    """What a user consented to.

    Args:
        ralph: The service.
        task_id: The task.
        consent: The user's answer; None if there is none.

    Raises:
        DeniedError: The user said no, or nobody could be asked.
        ConflictError: The task awaits no approval.
    """
    if consent is None:
        await ralph.waiting(task_id)
        raise DeniedError(
            "no user of this client said yes, and a model does not approve tasks", how_to_approve(task_id)
        )
    if not consent.approve or consent.shown is None:
        raise DeniedError("the user did not approve it", "reject_task cancels it; until then it waits")
    return consent.shown


def question(waiting: Waiting) -> str:
    """What a person reads before answering.

    Args:
        waiting: The task, with a diff of the length that the client can show.
    """
    why = f"{waiting.reason[:1].upper()}{waiting.reason[1:]}."
    parts = [
        f"Approval {waiting.number}: may the agent {waiting.backend} go on? {why}",
        f"Task {waiting.task_id} in {waiting.workspace}:\n{waiting.task}",
        f"Verified by: {'; '.join(waiting.verify) or 'the tests that are detected'}. Limits: {waiting.limits}.",
    ]
    if waiting.guidance:
        parts.append("Guidance for the next iteration:\n" + "\n".join(f"- {each}" for each in waiting.guidance))
    if waiting.stat:
        parts.append(f"All changes so far: {waiting.stat}")
    if waiting.diff:
        parts.append(f"Changes of the last iteration:\n{waiting.diff}")
    if waiting.is_cut:
        parts.append(f"This is not all of it: see `mcp-stack tasks show {waiting.task_id}`.")
    return visible("\n\n".join(parts))
