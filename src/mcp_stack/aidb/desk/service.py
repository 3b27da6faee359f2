"""The desk as its tools see it: arguments checked, work handed on."""

from __future__ import annotations

from dataclasses import dataclass

from .health import Health
from .models import HealthResult


@dataclass(frozen=True, slots=True)
class Desk:
    """The services behind the desk's tools."""

    checking: Health

    async def health(self) -> HealthResult:
        """State of the server."""
        return await self.checking.report()
