"""What is fitted in one process and used in all: looked for anew now and then."""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import StackError

logger = logging.getLogger(__name__)

T = TypeVar("T")

SECONDS_BETWEEN_LOOKS = 30.0


class Renewed(ABC, Generic[T]):
    """Gives the newest of something, at most `SECONDS_BETWEEN_LOOKS` old.

    Args:
        value: What there is before the first look.
        name: What it is, for the log.
        clock: Seconds that only grow.
    """

    def __init__(self, value: T, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._value = value
        self._name = name
        self._clock = clock
        self._looked = -math.inf

    async def __call__(self) -> T:
        """The newest; a store that is down leaves what there is."""
        if self._clock() - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._looked = self._clock()
            try:
                self._value = await self._newest(self._value)
            except StackError as error:
                logger.warning("%s is not renewed: %s", self._name, error)
        return self._value

    @abstractmethod
    async def _newest(self, value: T) -> T:
        """What there is now, or the value that there was.

        Raises:
            StackError: It cannot be found out.
        """
