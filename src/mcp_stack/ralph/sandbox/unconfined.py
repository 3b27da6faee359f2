"""What is left where nothing confines programs and the configuration allows that: limits of resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ...ports.sandbox import Confinement
from .launching import launched

TIER: Literal["none"] = "none"


class Unconfined:
    """The port `Sandbox`, without one.

    Args:
        resources: From `resources_of`.
    """

    def __init__(self, resources: Mapping[str, int]) -> None:
        self._resources = resources

    @property
    def tier(self) -> str:
        """`none`."""
        return TIER

    def check(self) -> None:
        """Never raises: the configuration allows it."""

    def confined(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],  # noqa: ARG002 - the port's
        limits: Confinement,  # noqa: ARG002 - the port's
    ) -> list[str]:
        """The command with limits of its resources; it can do what its user can."""
        return launched(command, self._resources)
