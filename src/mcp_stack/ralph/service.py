"""What Ralph does for its callers: take tasks, say how they stand, and let people decide about them."""

from __future__ import annotations

from .controlling import Controlling
from .deciding import Deciding
from .following import Following
from .submitting import Submitting


class Ralph(Submitting, Following, Deciding, Controlling):
    """The service behind the tools and the command line; the work is done by workers."""
