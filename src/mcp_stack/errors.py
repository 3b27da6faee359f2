"""The one error tree of mcp-stack.

::

    StackError
    ├── UsageError                INVALID_INPUT      422
    ├── NotFoundError             NOT_FOUND          404
    ├── ConflictError             CONFLICT           409
    ├── UnauthenticatedError      UNAUTHENTICATED    401
    ├── DeniedError               DENIED             403
    ├── RateLimitedError          RATE_LIMITED       429
    ├── UnavailableError          UNAVAILABLE        503
    └── InternalError             INTERNAL           500

Every error says what is wrong and what to do about it. Adapters translate the exceptions of
their library into this tree at their edge, so that nothing above them knows the library.
"""

from __future__ import annotations

from typing import ClassVar


class StackError(Exception):
    """Base of every error that a user may see.

    Args:
        problem: What is wrong, one line, without secrets.
        remedy: What to do about it, one line; empty only where nothing can be done.
    """

    code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.code}: {self.problem}"
        return f"{text}; {self.remedy}" if self.remedy else text


class UsageError(StackError):
    """An argument or a setting is empty, too long, of the wrong type or unknown."""

    code = "INVALID_INPUT"
    http_status = 422


class NotFoundError(StackError):
    """The named task, document, tool, issue or session does not exist."""

    code = "NOT_FOUND"
    http_status = 404


class ConflictError(StackError):
    """The thing is in the wrong state for the action, or changed meanwhile."""

    code = "CONFLICT"
    http_status = 409


class UnauthenticatedError(StackError):
    """No credentials, or bad ones."""

    code = "UNAUTHENTICATED"
    http_status = 401


class DeniedError(StackError):
    """The caller may not do this: a missing scope, or a path outside the allowed roots."""

    code = "DENIED"
    http_status = 403


class RateLimitedError(StackError):
    """Too many requests.

    Args:
        problem: Which limit was reached.
        retry_after_seconds: When the next request will be accepted, in seconds from now.
    """

    code = "RATE_LIMITED"
    http_status = 429

    def __init__(self, problem: str, retry_after_seconds: float) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(problem, f"try again in {retry_after_seconds:.0f} s")


class UnavailableError(StackError):
    """A store, a model or an upstream is down or not installed; says which, and what still works."""

    code = "UNAVAILABLE"
    http_status = 503


class InternalError(StackError):
    """A bug.

    Args:
        incident: The id under which the log holds the traceback.
    """

    def __init__(self, incident: str) -> None:
        super().__init__(f"unexpected error {incident}", "look for that id in the server's log (stderr)")
