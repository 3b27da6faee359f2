"""The gate that agents reach models through."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ...ports.agent_models import AgentModel
from .access import Access
from .endpoint import GateEndpoint
from .forwarding import Forwarding

if TYPE_CHECKING:
    from .listening import Listener

logger = logging.getLogger(__name__)

NEUTRAL_NAME = "mcp-stack-model"
_OF_ANOTHER_API = re.compile(r"gpt-[5-9]|codex|(?:^|/)o[1-9]", re.IGNORECASE)


def told_name(name: str) -> str:
    """What agents are told that their model is called.

    By the names of OpenAI's newer models goose, Continue and LangChain conclude that they should speak another API, the
    Responses API, whoever answers; so they are told a name that says nothing.

    Args:
        name: The model's own.
    """
    return NEUTRAL_NAME if _OF_ANOTHER_API.search(name) else name


class LoopbackGate:
    """Opens accesses to one model, behind an endpoint on the loopback. See `ModelGate`.

    The endpoint begins to listen with the first access, and stays until `close`.

    Args:
        model: Makes the model; called once, with the first access. Raises UnavailableError if none is configured.
        wait_seconds: Most time to wait for a provider's limits within one call.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        model: Callable[[], AgentModel],
        *,
        wait_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._make_model = model
        self._wait_seconds = wait_seconds
        self._sleep = sleep
        self._accesses: list[Access] = []
        self._opening = asyncio.Lock()
        self._model: AgentModel | None = None
        self._listener: Listener | None = None
        self._url = ""

    @asynccontextmanager
    async def open(self, task_id: str, *, max_cost_usd: float) -> AsyncIterator[Access]:
        """See `ModelGate.open`.

        Raises:
            UnavailableError: No model is configured, or the endpoint cannot be opened.
        """
        url, model = await self._listening()
        access = Access(task_id, url, told_name(await model.name()), max_cost_usd)
        self._accesses.append(access)
        try:
            yield access
        finally:
            self._accesses.remove(access)
            await access.close()
            use = access.use
            counts = use.calls, use.tokens_in, use.tokens_out, use.cost_usd
            logger.info("task %s: %d calls of the model, %d tokens in, %d out, $%.4f", task_id, *counts)

    async def close(self) -> None:
        """Stop listening and close the connections to the model."""
        async with self._opening:
            listener, self._listener = self._listener, None
            model, self._model = self._model, None
        if listener is not None:
            await listener.close()
        if model is not None:
            await model.close()

    async def _listening(self) -> tuple[str, AgentModel]:
        """Where the endpoint listens, and the model behind it."""
        async with self._opening:
            if self._model is None:
                self._model = self._make_model()
            if self._listener is None:
                from .listening import Listener  # noqa: PLC0415 - heavy: imported on first use

                forwarding = Forwarding(self._model, wait_seconds=self._wait_seconds, sleep=self._sleep)
                listener = Listener(GateEndpoint(self._accesses, forwarding))
                self._url = await listener.open()
                self._listener = listener
            return self._url, self._model
