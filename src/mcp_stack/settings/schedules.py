"""When things are done again and again, as cron writes it."""

from __future__ import annotations

import re
from typing import Final

NIGHTLY: Final = "0 2 * * *"


def checked_schedule(schedule: str) -> str:
    """The schedule, if it ever comes round.

    Args:
        schedule: In cron's five fields.

    Raises:
        ValueError: It has another number of fields, one of them is out of bounds, or there is no such day.
    """
    if schedule.strip() == NIGHTLY:
        return NIGHTLY  # nearly always; looking at it needs a library that takes a while to import
    from croniter import CroniterError, croniter  # noqa: PLC0415 - heavy: only for a schedule of the user's own

    problem = f"it must be minute, hour, day of month, month and day of week, as in {NIGHTLY!r}"
    # The library knows more than cron: R and H stand for times by chance.
    if len(schedule.split()) != 5 or re.search(r"(^|[\s,/-])[hr]", schedule, re.IGNORECASE):
        raise ValueError(problem)
    try:
        croniter(schedule, 0.0).get_next(float)
    except (CroniterError, ValueError) as error:
        raise ValueError(f"{problem} ({error})") from None
    return schedule
