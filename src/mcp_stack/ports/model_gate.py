"""The gate that agents reach models through: it counts, and stops them at their budget."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from .agent import ModelAccess


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What an agent's calls of models came to.

    Attributes:
        calls: Requests that reached a model.
        tokens_in: Prompt tokens, cached ones included.
        tokens_out: Generated tokens.
        cost_usd: In US dollars.
        refused: Why the last request was refused, empty if none was: the budget is used up, say.
        failed: What the last request that failed failed with, empty if none did.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    refused: str = ""
    failed: str = ""


class MeteredAccess(Protocol):
    """One agent's access while it runs."""

    @property
    def access(self) -> ModelAccess:
        """What the agent is told."""
        ...

    @property
    def use(self) -> ModelUse:
        """What it used so far."""
        ...


class ModelGate(Protocol):
    """Opens accesses."""

    def open(self, task_id: str, *, max_cost_usd: float) -> AbstractAsyncContextManager[MeteredAccess]:
        """An access that works until the context is left.

        Args:
            task_id: Whose it is; for the log.
            max_cost_usd: What may be spent, in US dollars; 0 for no limit. Requests beyond it are refused.

        Raises:
            UnavailableError: No model is configured, or the endpoint cannot be opened.
        """
        ...
