"""Whether the server can do its work, and what it lacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ...errors import StackError
from .models import Dependency, HealthResult

# Long enough for the very first start, which makes the database.
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """How to ask a dependency.

    Attributes:
        required: The server is not ready without it.
        check: Raises a StackError if it is down; returns a word about it. None if it is not configured.
        detail: What to say where it is not configured.
    """

    name: str
    required: bool
    check: Callable[[], Awaitable[str]] | None
    detail: str = ""


class Health:
    """Asks every dependency at once."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = tuple(probes)

    async def report(self) -> HealthResult:
        """State of the server and of each dependency, with its latency."""
        dependencies = list(await asyncio.gather(*(_asked(probe) for probe in self._probes)))
        missing = [each for each in dependencies if each.status == "down"]
        ready = not any(each.required for each in missing)
        return HealthResult(
            live=True,
            ready=ready,
            startup=ready,
            status="down" if not ready else "degraded" if missing else "ok",
            dependencies=dependencies,
        )


async def _asked(probe: Probe) -> Dependency:
    if probe.check is None:
        return Dependency(
            name=probe.name, status="not_configured", latency_ms=0, detail=probe.detail, required=probe.required
        )
    start = time.perf_counter()
    try:
        detail = await asyncio.wait_for(probe.check(), TIMEOUT_SECONDS)
    except StackError as error:
        return _answer(probe, start, f"{error.problem}; {error.remedy}", ok=False)
    except TimeoutError:
        return _answer(probe, start, f"no answer within {TIMEOUT_SECONDS:.0f} s", ok=False)
    return _answer(probe, start, detail, ok=True)


def _answer(probe: Probe, start: float, detail: str, *, ok: bool) -> Dependency:
    return Dependency(
        name=probe.name,
        status="ok" if ok else "down",
        latency_ms=round((time.perf_counter() - start) * 1000, 3),
        detail=detail,
        required=probe.required,
    )
