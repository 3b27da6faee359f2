"""From a bill to the record: what was paid is recorded, whoever is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any

from .answers import unfinished
from .execution import Outcome
from .preparation import Prepared
from .recording import Recorder
from .spending import Bill, Spending


class Paying:
    """Records what questions cost, and then lets go of what was set aside for it.

    Args:
        recorder: Records answers.
        spending: Has set money aside.
    """

    def __init__(self, recorder: Recorder, spending: Spending) -> None:
        self._recorder = recorder
        self._spending = spending
        self._behind: set[asyncio.Task[None]] = set()

    async def record(self, bill: Bill, record: Coroutine[Any, Any, bool]) -> None:
        """Record an answer; what was paid for it is recorded also when the caller gives up meanwhile.

        Args:
            bill: What it cost.
            record: Records it, and says whether that was possible.
        """
        if bill.usd or bill.settled:
            await asyncio.shield(self._soon(self._paid(bill, record)))
        else:
            await record

    def give_up(self, prepared: Prepared, bill: Bill, reasons: Sequence[str], start: float) -> None:
        """Record what was paid, and keep nobody waiting: whoever asked is gone, or is told of an error.

        Args:
            prepared: The question.
            bill: What it has cost, with a call that runs.
            reasons: What happened so far.
            start: When the question came, on the clock of `time.perf_counter`.
        """
        usd = bill.usd + bill.running_usd
        if usd:
            outcome = Outcome("", bill.asked, 0.0, None, usd)
            answer = unfinished(outcome, "nobody waited for the answer", prepared, reasons, start)
            self._soon(self._paid(bill, self._recorder.given_up(prepared.question, answer)))
        elif bill.running or bill.settled:
            self._soon(self._paid(bill, None))

    async def close(self) -> None:
        """Wait until everything that was paid is recorded."""
        if self._behind:
            await asyncio.wait(self._behind)

    async def _paid(self, bill: Bill, record: Awaitable[bool] | None) -> None:
        if bill.running or bill.running_usd:
            await self._spending.settle(bill, bill.running_usd)
        if record is None or await record:
            await self._spending.recorded(bill)

    def _soon(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)
        return task
