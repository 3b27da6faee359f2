"""One request on its way through the stack: its id, and the steps it took with their times.

The request's trace is found by every service that it passes through, and by the telemetry, without being handed from
function to function.
"""

from __future__ import annotations

import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ports.events import Field


@dataclass(slots=True)
class Trace:
    """A request.

    Attributes:
        id: The same in every event of the request.
        steps: What was done, with milliseconds since the request came, in the order in which it was done.
    """

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    steps: list[tuple[str, float]] = field(default_factory=list)
    _started: float = field(default_factory=time.perf_counter)

    def mark(self, step: str) -> None:
        """Note that a step is done.

        Args:
            step: A name from docs/telemetry.md.
        """
        self.steps.append((step, round((time.perf_counter() - self._started) * 1000, 3)))

    def told(self) -> list[Field]:
        """The steps so far, as they stand in an event."""
        return [{"step": step, "ms": milliseconds} for step, milliseconds in self.steps]


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def begin() -> Trace:
    """Start the trace of the request that is handled in this context."""
    trace = Trace()
    _current.set(trace)
    return trace


def current() -> Trace:
    """The trace of the request that is handled here; a new one outside of any request."""
    return _current.get() or begin()


def current_id() -> str:
    """The id of the request that is handled here; empty outside of any."""
    trace = _current.get()
    return trace.id if trace else ""
