"""When to try a failing server again: a circuit breaker whose pauses grow, as a pure state machine.

After Nygard, "Release It!": closed (calls pass), open (they are refused at once, until a pause is over), half-open (one
of them tries; the others wait for what becomes of it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

# Failures in a row before the first pause: a restart of a server costs one or two.
THRESHOLD = 3
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """One server's.

    Attributes:
        failures: In a row.
        retry_at: When the pause is over, on the caller's clock in seconds; 0 while closed.
        trying: Somebody tries whether it works again.
    """

    failures: int = 0
    retry_at: float = 0.0
    trying: bool = False

    @property
    def state(self) -> State:
        """Its name in the literature."""
        if self.failures < THRESHOLD:
            return "closed"
        return "half-open" if self.trying else "open"

    def allows(self, now: float) -> bool:
        """Whether a try may begin.

        Args:
            now: The time in seconds.
        """
        return self.state == "closed" or (self.state == "open" and now >= self.retry_at)

    def begun(self) -> Breaker:
        """After a try has begun."""
        return replace(self, trying=True)

    def succeeded(self) -> Breaker:
        """After the server answered."""
        return Breaker()

    def failed(self, now: float, luck: float) -> Breaker:
        """After the server could not be reached, or was lost.

        Args:
            now: The time in seconds.
            luck: A random number in [0, 1), so that clients of one dead server do not all come back at once.
        """
        failures = self.failures + 1
        if failures < THRESHOLD:
            return Breaker(failures)
        # The exponent is bounded, for a float is.
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures - THRESHOLD, 32))
        return Breaker(failures, now + pause * (0.5 + luck / 2))

    def wait_seconds(self, now: float) -> float:
        """How long until a try may begin; 0 if it may now."""
        return max(0.0, self.retry_at - now) if self.state == "open" else 0.0
