"""The system registry: every part is looked at by the clock, and when somebody asks and it was too long ago."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from ...errors import StackError, UnavailableError
from ...ports.systems import KINDS, Kind, System, Systems
from ...validation import checked_choice
from .models import SystemEntry, SystemList

logger = logging.getLogger(__name__)

FRESH_FOR: Final = timedelta(minutes=10)
SECONDS_TO_LOOK: Final = 10.0

Inspector: TypeAlias = Callable[[], Awaitable[Sequence[System]]]
"""Looks at a part of the system; what it raises as StackError says why it cannot be seen."""


class SystemRegistry:
    """Looks at what runs on this machine, and lists what runs on all.

    Args:
        systems: Where it is written down.
        machine: This machine's name.
        inspectors: Each looks at something, by its kind and the name of what it is if it cannot be seen.
    """

    def __init__(self, systems: Systems, machine: str, inspectors: Mapping[tuple[Kind, str], Inspector]) -> None:
        self._systems = systems
        self._machine = machine
        self._inspectors = dict(inspectors)

    async def refresh(self) -> None:
        """Look at everything at once, and write down what is found.

        Raises:
            UnavailableError: The store is down or full.
        """
        looks = (self._looked_at(kind, name, look) for (kind, name), look in self._inspectors.items())
        found = await asyncio.gather(*looks)
        await self._systems.replace(self._machine, [system for each in found for system in each])

    async def listed(self, *, kind: str) -> SystemList:
        """Everything that is known, looked at anew if it was too long ago.

        Raises:
            UsageError: There is no such kind.
            UnavailableError: The store is down.
        """
        checked_choice("kind", kind, ("", *KINDS))
        notes: list[str] = []
        recorded = await self._systems.all()
        own = [each for each in recorded if each.machine == self._machine]
        if not own or min(each.age for each in own) > FRESH_FOR:
            try:
                await self.refresh()
                recorded = await self._systems.all()
            except UnavailableError as error:  # a full disk: what is written down can still be read
                notes.append(f"not up to date: {error.problem}")
        entries = [
            SystemEntry(
                name=each.system.name,
                kind=each.system.kind,
                version=each.system.version,
                status=each.system.state if each.age <= 2 * FRESH_FOR else "unknown",
                detail=each.system.detail,
                machine=each.machine,
                refreshed_at=each.refreshed_at.isoformat(),
            )
            for each in recorded
            if kind in ("", each.system.kind)
        ]
        return SystemList(systems=entries, notes=notes)

    async def _looked_at(self, kind: Kind, name: str, look: Inspector) -> Sequence[System]:
        try:
            async with asyncio.timeout(SECONDS_TO_LOOK):
                return await look()
        except StackError as error:
            return [System(name, kind, "", "down", error.problem)]
        except TimeoutError:
            return [System(name, kind, "", "down", f"no answer within {SECONDS_TO_LOOK:.0f} s")]
