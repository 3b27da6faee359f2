"""Money that calls of models cost: set aside before they are made, over all processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Used:
    """What is gone, in US dollars: recorded, or set aside for a call that runs.

    Attributes:
        day_usd: Since midnight UTC.
        hour_usd: In the last hour.
        quarter_usd: In the last quarter of an hour.
    """

    day_usd: float
    hour_usd: float
    quarter_usd: float


@dataclass(frozen=True, slots=True)
class SetAside:
    """Money that nobody else may spend.

    Attributes:
        id: Names it.
        usd: How much; may be less than was asked for.
    """

    id: str
    usd: float


class Ledger(Protocol):
    """Keeps what is set aside; what is recorded counts beside it."""

    async def used(self) -> Used:
        """What is gone.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def set_aside(
        self, *, most_usd: float, least_usd: float, day_usd: float, hour_usd: float, seconds: float
    ) -> SetAside | None:
        """Set aside what a call may cost, atomically over all processes.

        Args:
            most_usd: What is wanted.
            least_usd: What will do.
            day_usd: May be gone since midnight UTC, this included.
            hour_usd: May be gone in an hour, this included.
            seconds: After which it is free again if the process that wanted it is gone.

        Returns:
            As much as the bounds leave, `most_usd` at the most; None if that is less than `least_usd`.

        Raises:
            UnavailableError: The store is down, or takes no more.
        """
        ...

    async def settle(self, set_aside: SetAside, usd: float) -> None:
        """Put what a call did cost in place of what it might have cost; it counts from now on, until it is released.

        Raises:
            UnavailableError: The store is down, or takes no more.
        """
        ...

    async def release(self, ids: list[str]) -> None:
        """Forget what was set aside, because it is recorded or was not spent.

        Raises:
            UnavailableError: The store is down.
        """
        ...
