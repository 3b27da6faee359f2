"""Claude, by requests in the form of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Literal

from ...ports.agent_models import Body, ModelRefusedError, Usage
from ..prices import Price
from .http_api import HttpApi

API = "https://api.anthropic.com"
VERSION = "2023-06-01"
_PASSED_ON = ("anthropic-beta", "anthropic-version")
_STATUS_OF_KIND = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


class ClaudeApi:
    """Passes requests on to Claude, with the configured key and model.

    Args:
        api_key: Of the Anthropic API.
        model: That is asked, whatever a request names.
        price: Of that model.
        base_url: Of a gateway; the API itself if empty.
        timeout_seconds: For a whole reply; for a stream, until it begins, and then between its pieces.
    """

    dialect: Literal["anthropic"] = "anthropic"

    def __init__(self, api_key: str, model: str, price: Price, *, base_url: str = "", timeout_seconds: float) -> None:
        self._api = HttpApi(base_url or API, {"x-api-key": api_key}, api_key, timeout_seconds)
        self._model = model
        self._price = price

    async def name(self) -> str:
        """The model."""
        return self._model

    async def complete(self, request: Body, headers: Mapping[str, str]) -> Body:
        """See `AgentModel.complete`."""
        return await self._api.post("/v1/messages", {**request, "model": self._model}, _own(headers))

    async def stream(self, request: Body, headers: Mapping[str, str]) -> AsyncGenerator[Body, None]:
        """See `AgentModel.stream`."""
        body = {**request, "model": self._model, "stream": True}
        ended = False
        async with aclosing(self._api.events("/v1/messages", body, _own(headers))) as events:
            async for event in events:
                if event.get("type") == "error":
                    raise self._broken(event)
                ended = event.get("type") == "message_stop"
                yield event
        if not ended:
            raise self._api.lost()

    async def count_tokens(self, request: Body, headers: Mapping[str, str]) -> int | None:
        """See `AgentModel.count_tokens`."""
        body = {**request, "model": self._model}
        reply = await self._api.post("/v1/messages/count_tokens", body, _own(headers))
        tokens = reply.get("input_tokens")
        return tokens if isinstance(tokens, int) else None

    def cost_usd(self, used: Usage) -> float:
        """See `AgentModel.cost_usd`."""
        cached = used.cache_write, used.cache_read, used.cache_write_hour
        return self._price.cost_usd(used.tokens_in, used.tokens_out, *cached)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    def _broken(self, event: Body) -> ModelRefusedError:
        error = event.get("error")
        kind = error.get("type") if isinstance(error, dict) else ""
        return self._api.refusal_of(_STATUS_OF_KIND.get(str(kind), 500), event)


def _own(headers: Mapping[str, str]) -> dict[str, str]:
    return {"anthropic-version": VERSION} | {name: headers[name] for name in _PASSED_ON if name in headers}
