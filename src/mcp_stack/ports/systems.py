"""The system registry: what runs here, and in which version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["server", "worker", "store", "model", "software", "machine"]
State: TypeAlias = Literal["ok", "degraded", "down", "not_configured", "stopped", "unknown"]

KINDS: tuple[Kind, ...] = ("server", "worker", "store", "model", "software", "machine")


@dataclass(frozen=True, slots=True)
class System:
    """A part of the system, as it was found.

    Attributes:
        name: One of its machine's.
        version: Empty where it has none.
        state: `stopped` is what a server without a client is; `unknown` what nobody has looked at for long.
        detail: One line about it, without secrets.
    """

    name: str
    kind: Kind
    version: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A system as it is in the registry.

    Attributes:
        age: How long ago it was looked at, by the clock of the store.
    """

    machine: str
    system: System
    refreshed_at: datetime
    age: timedelta


class Systems(Protocol):
    """What was found, by machine. Every method raises UnavailableError if the store is down."""

    async def replace(self, machine: str, systems: Sequence[System]) -> None:
        """Make these the systems of a machine; those of machines that are long silent are forgotten.

        Args:
            machine: Its name.
            systems: All that was found there.
        """
        ...

    async def all(self) -> list[Recorded]:
        """Every system of every machine."""
        ...
