"""An endpoint that speaks OpenAI's chat completions, by requests in that form: llama-server, vLLM, Ollama, OpenAI."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Literal
from urllib.parse import urlsplit

from ...errors import UnavailableError
from ...ports.agent_models import Body, ModelRefusedError, Usage
from ..prices import Price
from .http_api import HttpApi

OPENAI_HOST = "api.openai.com"
_REASONS = re.compile(r"(?:^|/)(?:gpt-[5-9]|o[1-9])", re.IGNORECASE)
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")


class OpenAIApi:
    """Passes requests on to an endpoint, with the configured key and model.

    Args:
        base_url: Of the API, usually ending in `/v1`.
        model: That is asked, whatever a request names; the first that the endpoint lists if empty.
        api_key: If the endpoint wants one.
        price: Of that model; a cached prompt counts in full, for what a hit costs differs between providers.
        timeout_seconds: For a whole reply; for a stream, until it begins, and then between its pieces.
    """

    dialect: Literal["openai"] = "openai"

    def __init__(self, base_url: str, model: str, api_key: str, price: Price, *, timeout_seconds: float) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._api = HttpApi(base_url, headers, api_key, timeout_seconds)
        self._is_openai = urlsplit(base_url).hostname == OPENAI_HOST
        self._model = model
        self._price = price

    async def name(self) -> str:
        """The model that is asked.

        Raises:
            UnavailableError: The endpoint does not answer, or lists none.
        """
        if not self._model:
            try:
                listed = (await self._api.get("/models"))["data"]
                self._model = str(listed[0]["id"])
            except ModelRefusedError as error:
                raise UnavailableError(error.problem, "start that server or correct llm.local.url") from error
            except (LookupError, TypeError) as error:
                raise UnavailableError(
                    f"{self._api.address} lists no model", "load one there or set llm.local.model"
                ) from error
        return self._model

    async def complete(self, request: Body, headers: Mapping[str, str]) -> Body:  # noqa: ARG002 - it has none
        """See `AgentModel.complete`."""
        return await self._api.post("/chat/completions", self._own(request), {})

    async def stream(
        self,
        request: Body,
        headers: Mapping[str, str],  # noqa: ARG002 - it has none
    ) -> AsyncGenerator[Body, None]:
        """See `AgentModel.stream`."""
        options = request.get("stream_options")
        options = {**(options if isinstance(options, dict) else {}), "include_usage": True}
        body = {**self._own(request), "stream": True, "stream_options": options}
        ended = False
        async with aclosing(self._api.events("/chat/completions", body, {})) as events:
            async for chunk in events:
                if not chunk:
                    return
                if chunk.get("error"):
                    raise self._api.refusal_of(500, chunk)
                # Some servers end without [DONE], none without a reason.
                ended = ended or any(choice.get("finish_reason") for choice in chunk.get("choices") or [])
                yield chunk
        if not ended:
            raise self._api.lost()

    async def count_tokens(
        self,
        request: Body,  # noqa: ARG002 - the port names it
        headers: Mapping[str, str],  # noqa: ARG002 - the port names it
    ) -> int | None:
        """None: the API has no such request."""
        return None

    def cost_usd(self, used: Usage) -> float:
        """See `AgentModel.cost_usd`."""
        return self._price.cost_usd(used.prompt, used.tokens_out)

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    def _own(self, request: Body) -> Body:
        """The request for the configured model.

        OpenAI's own API has another word for the limit of an answer, and its reasoning models take no sampling
        parameters. Agents that know a model by its name mind both, but they may ask by another.
        """
        body = {**request, "model": self._model}
        if self._is_openai and "max_tokens" in body:
            body.setdefault("max_completion_tokens", body.pop("max_tokens"))
        if _REASONS.search(self._model):
            body = {field: value for field, value in body.items() if field not in _SAMPLING}
        return body
