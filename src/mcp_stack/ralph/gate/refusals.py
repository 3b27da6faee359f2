"""Errors in the form of either API, with a status that the agents' clients understand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...ports.agent_models import Body, Dialect, ModelRefusedError

_ANTHROPIC_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_KINDS = {402: "insufficient_quota", 429: "rate_limit_error"}
OVERLOADED = 529
"""Anthropic's own status, which no client of OpenAI's knows."""

NO_MONEY = 402
"""Said as 400 to clients of OpenAI's API: aider takes any refusal but that for one that passes, and asks again for a
minute. Claude Code, on the other hand, asks again in other words after 400, and gives up after 402."""

_FOR_OPENAI = {OVERLOADED: 503, NO_MONEY: 400}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error response.

    Attributes:
        status: HTTP status.
        headers: Beside the usual ones.
        body: JSON.
    """

    status: int
    headers: dict[str, str]
    body: Body


def refusal(error: ModelRefusedError, dialect: Dialect, *, final: bool = False) -> Refusal:
    """An error as an agent is told it.

    Args:
        error: What went wrong.
        dialect: What the agent speaks.
        final: Trying again is of no use: the clients of both providers then do not.
    """
    headers = {"x-should-retry": "false"} if final else {}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after_seconds))
    status = _FOR_OPENAI.get(error.status, error.status) if dialect == "openai" else error.status
    return Refusal(status, headers, error_body(error, dialect))


def error_body(error: ModelRefusedError, dialect: Dialect) -> Body:
    """The JSON of an error, also as an event of a stream."""
    if dialect == "anthropic":
        kind = _ANTHROPIC_KINDS.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": error.problem}}
    usual = _OPENAI_KINDS.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    kind = error.kind or usual
    return {"error": {"message": error.problem, "type": kind, "param": None, "code": error.error_code or None}}


def summary(error: ModelRefusedError) -> str:
    """An error in a line, for the record of a run."""
    kind = error.error_code or error.kind or _ANTHROPIC_KINDS.get(error.status, "error")
    return f"{error.status} {kind}: {' '.join(error.problem.split())[:300]}"
