"""The services behind AIDB's tools, area by area."""

from __future__ import annotations

from dataclasses import dataclass

from .desk.service import Desk
from .gateway.service import Gateway
from .knowledge.service import Knowledge


@dataclass(frozen=True, slots=True)
class Aidb:
    """What AIDB's tools call: one service an area."""

    knowledge: Knowledge
    gateway: Gateway
    desk: Desk
