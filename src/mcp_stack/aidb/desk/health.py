"""Whether the server can do its work, what it lacks, and what works all the same."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ...errors import StackError
from .models import Dependency, HealthResult

logger = logging.getLogger(__name__)

# Long enough for the very first start, which makes the database; then a store that hangs is found out sooner.
SECONDS_TO_START: Final = 10.0
SECONDS_TO_ANSWER: Final = 5.0

Check = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Probe:
    """How to ask a dependency.

    Attributes:
        required: The server is not ready without it.
        check: Raises a StackError if it is down; returns a word about it. None if it is not configured.
        detail: What to say where it is not configured.
        thorough: Asks more closely, at a price such as loading a model; None if `check` is all there is.
    """

    name: str
    required: bool
    check: Check | None
    detail: str = ""
    thorough: Check | None = None


@dataclass(frozen=True, slots=True)
class Capability:
    """Something that the stack does.

    Attributes:
        does: A sentence that says it.
        needs: Names of the dependencies without which it does not.
    """

    does: str
    needs: tuple[str, ...] = ()


class Health:
    """Asks every dependency at once, each within bounds.

    Args:
        probes: How each is asked.
        capabilities: What the stack does with them.
    """

    def __init__(self, probes: Sequence[Probe], capabilities: Sequence[Capability]) -> None:
        self._probes = tuple(probes)
        self._capabilities = tuple(capabilities)
        self._was_ready = False
        # One that hangs is not asked a second time: what it holds, a connection above all, would be held twice.
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def report(self, *, thorough: bool = False) -> HealthResult:
        """State of the server and of each dependency, with its latency; never raises.

        Args:
            thorough: Load what has not been needed yet, to see whether it works.
        """
        dependencies = list(await asyncio.gather(*(self._asked(probe, thorough) for probe in self._probes)))
        down = {each.name for each in dependencies if each.status == "down"}
        usable = {each.name for each in dependencies if each.status in ("ok", "degraded")}
        ready = not any(each.required and each.name in down for each in dependencies)
        self._was_ready |= ready
        return HealthResult(
            live=True,
            ready=ready,
            startup=self._was_ready,
            status="down" if not ready else "degraded" if down else "ok",
            dependencies=dependencies,
            still_works=[each.does for each in self._capabilities if usable.issuperset(each.needs)],
            does_not_work=[
                f"{each.does} (lacks {', '.join(sorted(down.intersection(each.needs)))})"
                for each in self._capabilities
                if down.intersection(each.needs)
            ],
        )

    async def _asked(self, probe: Probe, thorough: bool) -> Dependency:
        check = probe.thorough if thorough and probe.thorough else probe.check
        if check is None:
            return Dependency(
                name=probe.name, status="not_configured", latency_ms=0, detail=probe.detail, required=probe.required
            )
        start = time.perf_counter()
        seconds = SECONDS_TO_ANSWER if self._was_ready and not thorough else SECONDS_TO_START
        if (task := self._asking.get(probe.name)) is None or task.done():
            task = self._asking[probe.name] = asyncio.ensure_future(check())
            task.add_done_callback(_looked_at)
        # The task is left alone when time is up: a driver may take its time to notice that it was cancelled.
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            return _answer(probe, start, f"no answer within {seconds:g} s", is_up=False)
        try:
            return _answer(probe, start, task.result(), is_up=True)
        except StackError as error:
            return _answer(probe, start, f"{error.problem}; {error.remedy}", is_up=False)
        except Exception as error:
            logger.exception("asking %s failed", probe.name)
            return _answer(probe, start, f"unexpected error {type(error).__name__}; see the log", is_up=False)


def _looked_at(task: asyncio.Task[str]) -> None:
    """What a task that nobody waits for any more raises is no news."""
    if not task.cancelled():
        task.exception()


def _answer(probe: Probe, start: float, detail: str, *, is_up: bool) -> Dependency:
    return Dependency(
        name=probe.name,
        status="ok" if is_up else "down",
        latency_ms=round((time.perf_counter() - start) * 1000, 3),
        detail=detail,
        required=probe.required,
    )
