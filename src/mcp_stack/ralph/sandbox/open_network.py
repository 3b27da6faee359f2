"""A sandbox with the network of the machine, for projects whose dependencies agents have to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...ports.sandbox import Confinement, Sandbox


class OpenNetwork:
    """The port `Sandbox`: another one that lets programs connect anywhere.

    Args:
        sandbox: Confines them otherwise.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @property
    def tier(self) -> str:
        """That of the other one."""
        return self._sandbox.tier

    def check(self) -> None:
        """As the other one."""
        self._sandbox.check()

    def confined(self, command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> list[str]:
        """As the other one, without its limit of ports; see the port."""
        return self._sandbox.confined(command, environment, replace(limits, ports=None))
