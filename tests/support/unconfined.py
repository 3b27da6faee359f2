"""The port `Sandbox` that confines nothing, for tests of what runs in a box rather than of the box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mcp_stack.ports.sandbox import Confinement


@dataclass
class Unconfined:
    """Runs programs as they are.

    Attributes:
        asked: What each program was to be confined to, the oldest first.
    """

    asked: list[Confinement] = field(default_factory=list)
    tier: str = "none"

    def check(self) -> None:
        """It can always confine nothing."""

    def confined(self, command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> list[str]:
        self.asked.append(limits)
        return list(command)
