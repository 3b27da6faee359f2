"""The measured speed of a model, written down for those who choose a model while none runs."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from ..model_speed import Speed

WORTH_NOTING = 0.1
"""Change of a rate, as a share of it, that is written down."""


class SpeedNote:
    """Keeps a file about the speed up to date.

    Args:
        path: The file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted: tuple[float, float] | None = None

    def update(self, speed: Speed) -> None:
        """Write the speed down if it is known and differs from what stands there."""
        rates = speed.prefill_per_second, speed.decode_per_second
        if rates[0] is None or rates[1] is None or not self._differs(rates[0], rates[1]):
            return
        self._noted = rates[0], rates[1]
        draft = self._path.with_suffix(".draft-speed")
        with suppress(OSError):  # a full disk must not fail an answer that is there
            draft.write_text(json.dumps({"prefill": rates[0], "decode": rates[1]}), encoding="ascii")
            draft.replace(self._path)

    def _differs(self, prefill: float, decode: float) -> bool:
        pairs = zip((prefill, decode), self._noted or (0.0, 0.0), strict=True)
        return any(abs(now - before) > WORTH_NOTING * now for now, before in pairs)


def read_speed(path: Path) -> tuple[float | None, float | None]:
    """Prompt tokens read and tokens written a second; None twice if that was not written down.

    Args:
        path: Of a `SpeedNote`.
    """
    try:
        noted = json.loads(path.read_text(encoding="ascii"))
        return float(noted["prefill"]), float(noted["decode"])
    except (OSError, ValueError, LookupError, TypeError):
        return None, None
