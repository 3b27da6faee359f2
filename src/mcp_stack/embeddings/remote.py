"""Any endpoint that speaks OpenAI's embeddings API: our own embeddings server, vLLM, Ollama, OpenAI."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ..errors import UnavailableError, UsageError
from ..openai_endpoint import address_of, openai_client, openai_sdk
from ..ports.embedder import Vector
from .shared import check_dimensions, encodable, identity, unit

if TYPE_CHECKING:
    import openai

MAX_BATCH: Final = 128
"""Texts of one request: OpenAI takes 2048, our own server 256, small servers fewer."""


class RemoteEmbedder:
    """Embeds over HTTP.

    Args:
        url: Of the API, usually ending in `/v1`.
        model: As the endpoint names it.
        dimensions: Length of its vectors, checked on every reply.
        api_key: If the endpoint wants one.
        timeout_seconds: For one request.
        max_retries: Repetitions of a request that failed for the network, with HTTP 429 or with 5xx.

    Raises:
        UsageError: There is no URL.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        dimensions: int = 384,
        api_key: str = "",
        timeout_seconds: float = 30,
        max_retries: int = 2,
    ) -> None:
        if not url:
            raise UsageError("the embedding endpoint has no address", "set embeddings.url, for example http://host/v1")
        self._url = url
        self._address = address_of(url)
        self._model = model
        self._dimensions = dimensions
        self._api_key = api_key
        self._timeout_seconds = timeout_seconds
        self._max_retries = max_retries
        self._closed = False

    @property
    def model(self) -> str:
        """Identity of the weights: the endpoint's name for it without `sentence-transformers/`."""
        return identity(self._model)

    @property
    def dimensions(self) -> int:
        """As configured."""
        return self._dimensions

    async def embed_query(self, text: str) -> Vector:
        """Embed one text.

        Raises:
            UnavailableError: The endpoint cannot be reached, refuses, or answers nonsense.
            UsageError: Its vectors have another length than configured.
        """
        return (await self._request([text]))[0]

    async def embed_documents(self, texts: Sequence[str]) -> list[Vector]:
        """Embed many texts, in requests of at most 128, one after the other.

        Raises:
            UnavailableError: The endpoint cannot be reached, refuses, or answers nonsense.
            UsageError: Its vectors have another length than configured.
        """
        vectors: list[Vector] = []
        for start in range(0, len(texts), MAX_BATCH):
            vectors += await self._request(list(texts[start : start + MAX_BATCH]))
        return vectors

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        if "_client" in vars(self):
            await self._client.close()

    @functools.cached_property
    def _client(self) -> openai.AsyncOpenAI:
        return openai_client(self._url, self._api_key, self._timeout_seconds, self._max_retries)

    async def _request(self, texts: list[str]) -> list[Vector]:
        if self._closed:
            raise UnavailableError(f"the connection to {self._address} is closed", "the server is shutting down")
        texts = [encodable(text) for text in texts]
        with self._translated():
            # Asked for by name: the SDK's default, base64, is not known to every server.
            reply = await self._client.embeddings.create(model=self._model, input=texts, encoding_format="float")
        vectors = self._checked(reply, len(texts))
        for vector in vectors:
            check_dimensions(self._model, self._dimensions, len(vector))
        return [unit(vector) for vector in vectors]

    def _checked(self, reply: object, expected: int) -> list[list[float]]:
        """The reply's vectors in the order of the texts; the SDK does not validate what it received."""
        try:
            items = {item.index: [float(x) for x in item.embedding] for item in reply.data}  # type: ignore[attr-defined] # AttributeError is one of the answers
            return [items[number] for number in range(expected)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnavailableError(
                f"{self._address} did not answer with one vector for each text",
                "check that embeddings.url is an OpenAI-compatible embeddings API, usually ending in /v1",
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """No message quotes the endpoint: an error page may repeat the key."""
        sdk = openai_sdk()
        try:
            yield
        except sdk.APIStatusError as error:
            raise self._refused(error.status_code) from error
        except sdk.APITimeoutError as error:
            raise UnavailableError(
                f"{self._address} did not answer within {self._timeout_seconds:g} s",
                "try later or raise embeddings.timeout_seconds",
            ) from error
        except (sdk.OpenAIError, ValueError) as error:  # ValueError: no embeddings in it, or no JSON at all
            raise UnavailableError(
                f"the embedding endpoint {self._address} cannot be reached or did not answer with embeddings",
                "start that server or correct embeddings.url",
            ) from error

    def _refused(self, status: int) -> UnavailableError:
        match status:
            case 401 | 403:
                return UnavailableError(f"{self._address} refuses the API key", "set embeddings.api_key")
            case 404:
                return UnavailableError(
                    f"{self._address} has no model {self._model!r} or no embeddings API there",
                    "correct embeddings.model and embeddings.url",
                )
            case 429:
                return UnavailableError(f"{self._address} limits the rate of requests (HTTP 429)", "try again later")
            case _:
                return UnavailableError(f"{self._address} failed to embed (HTTP {status})", "see that server's log")
