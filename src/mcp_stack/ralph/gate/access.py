"""One agent's access to a model: its key, its budget, and what it used."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from ...ports.agent import ModelAccess
from ...ports.agent_models import ModelRefusedError, Usage
from ...ports.model_gate import ModelUse

MAX_CALLS_AT_ONCE = 8
"""Of one agent; more wait. Subagents and look-ahead calls come to fewer."""


class Access:
    """An access while it is open. See `MeteredAccess`.

    Attributes:
        task_id: Whose it is.
        closed: Set when the access has ended; requests under way then end too.

    Args:
        task_id: Whose it is.
        url: Of the endpoint, without a path.
        model: Name to ask for.
        max_cost_usd: What may be spent, in US dollars; 0 for no limit.
    """

    def __init__(self, task_id: str, url: str, model: str, max_cost_usd: float) -> None:
        self.task_id = task_id
        self.closed = asyncio.Event()
        self._slots = asyncio.Semaphore(MAX_CALLS_AT_ONCE)
        self._requests = 0
        self._settled = asyncio.Event()
        self._access = ModelAccess(f"{url}/v1", url, secrets.token_urlsafe(32), model)
        self._max_cost_usd = max_cost_usd
        self._reserved_usd = 0.0
        self._use = ModelUse()

    @property
    def access(self) -> ModelAccess:
        """What the agent is told."""
        return self._access

    @property
    def use(self) -> ModelUse:
        """What it used so far."""
        return self._use

    def is_opened_by(self, key: str) -> bool:
        """Whether a key is this access's; takes the same time for every wrong one."""
        return not self.closed.is_set() and secrets.compare_digest(key.encode(), self._access.key.encode())

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """A request while it is served: only so many are at once."""
        self._requests += 1
        try:
            async with self._slots:
                yield
        finally:
            self._requests -= 1
            if self.closed.is_set() and not self._requests:
                self._settled.set()

    async def close(self) -> None:
        """End the access; returns when no request is under way any more, so that `use` is complete."""
        self.closed.set()
        if self._requests:
            await self._settled.wait()

    def reserve(self, cost_usd: float) -> None:
        """Set aside what a call will cost at least, so that calls at the same time do not overdraw the budget.

        Args:
            cost_usd: Of its prompt.

        Raises:
            ModelRefusedError: The budget does not allow it.
        """
        spent = self._use.cost_usd
        over = spent + self._reserved_usd + cost_usd > self._max_cost_usd or spent >= self._max_cost_usd
        if self._max_cost_usd > 0 and over:
            problem = (
                f"the task's budget is used up: ${spent:.4g} of ${self._max_cost_usd:.4g} (max_cost_usd) are spent"
            )
            self._use = replace(self._use, refused=problem)
            raise ModelRefusedError(402, problem, kind="insufficient_quota", error_code="budget_exceeded")
        self._reserved_usd += cost_usd

    def release(self, cost_usd: float) -> None:
        """Give back what was reserved."""
        self._reserved_usd -= cost_usd

    def charge(self, used: Usage, cost_usd: float) -> None:
        """Count a call."""
        self._use = replace(
            self._use,
            calls=self._use.calls + 1,
            tokens_in=self._use.tokens_in + used.prompt,
            tokens_out=self._use.tokens_out + used.tokens_out,
            cost_usd=round(self._use.cost_usd + cost_usd, 6),
        )

    def note_failure(self, problem: str) -> None:
        """Remember what the last request that failed failed with."""
        self._use = replace(self._use, failed=problem)
