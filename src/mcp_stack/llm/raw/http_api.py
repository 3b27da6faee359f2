"""A provider's HTTP API: JSON in, JSON or server-sent events out, bounded in time and size."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from ...openai_endpoint import address_of
from ...ports.agent_models import Body, ModelRefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

SECONDS_TO_CONNECT = 10.0
MAX_REPLY_BYTES = 64_000_000
MAX_EVENT_BYTES = 8_000_000
MAX_MESSAGE_CHARACTERS = 2000


class HttpApi:
    """Requests to one provider.

    Args:
        base_url: That paths are appended to.
        headers: Of every request.
        secret: The key within the headers, taken out of what the provider says; empty if there is none.
        timeout_seconds: For a whole reply; for a stream, until it begins, and then between its pieces.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], secret: str, timeout_seconds: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = dict(headers)
        self._secret = secret
        self._timeout_seconds = timeout_seconds
        self._opened: httpx2.AsyncClient | None = None

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return address_of(self._base_url)

    async def get(self, path: str) -> Body:
        """The JSON object at a path.

        Raises:
            ModelRefusedError: There is none.
        """
        return await self._whole("GET", path, None, {})

    async def post(self, path: str, body: Body, headers: Mapping[str, str]) -> Body:
        """The JSON object that comes back.

        Raises:
            ModelRefusedError: None does.
        """
        return await self._whole("POST", path, body, headers)

    async def events(self, path: str, body: Body, headers: Mapping[str, str]) -> AsyncGenerator[Body, None]:
        """The objects of the stream that comes back; closing the generator ends the request.

        Yields:
            An empty object for `[DONE]`.

        Raises:
            ModelRefusedError: None does, or the connection broke.
        """
        import httpx2  # noqa: PLC0415 - heavy: imported on first use

        with self._translated():
            async with self._sent("POST", path, body, headers) as response:
                if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
                    raise self._malformed("it is no stream of events")
                async for event in httpx2.EventSource(response, max_event_size=MAX_EVENT_BYTES):
                    yield {} if event.data.strip() == "[DONE]" else self._object(event.data)

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.aclose()

    async def _whole(self, method: str, path: str, body: Body | None, headers: Mapping[str, str]) -> Body:
        with self._translated():
            async with asyncio.timeout(self._timeout_seconds), self._sent(method, path, body, headers) as response:
                return self._object(await self._read(response))

    def _object(self, text: str | bytes) -> Body:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise self._malformed("it is no JSON object")
        return value

    @asynccontextmanager
    async def _sent(
        self, method: str, path: str, body: Body | None, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx2.Response]:
        # In ASCII, for the library's own form has no place for half a surrogate pair.
        content = None if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json", "accept-encoding": "identity"}
        async with self._client.stream(
            method, f"{self._base_url}{path}", content=content, headers={**kind, **headers, **self._headers}
        ) as response:
            if response.status_code != 200:
                raise self._refusal(response, await self._read(response))
            yield response

    async def _read(self, response: httpx2.Response) -> bytes:
        whole = bytearray()
        async for piece in response.aiter_bytes():
            whole += piece
            if len(whole) > MAX_REPLY_BYTES:
                raise self._malformed(f"it is longer than {MAX_REPLY_BYTES} bytes")
        return bytes(whole)

    @property
    def _client(self) -> httpx2.AsyncClient:
        if self._opened is None:
            import httpx2  # noqa: PLC0415 - heavy: imported on first use

            self._opened = httpx2.AsyncClient(
                timeout=httpx2.Timeout(self._timeout_seconds, connect=SECONDS_TO_CONNECT),
                limits=httpx2.Limits(max_connections=None),
            )
        return self._opened

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx2  # noqa: PLC0415 - heavy: imported on first use

        try:
            yield
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise ModelRefusedError(
                504, f"{self.address} said nothing for {self._timeout_seconds:g} s", kind="timeout_error"
            ) from error
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
            raise self.lost() from error
        except (ValueError, RecursionError) as error:
            raise self._malformed(f"it is not JSON ({type(error).__name__})") from error

    def lost(self) -> ModelRefusedError:
        """The error of a connection that broke."""
        return ModelRefusedError(502, f"the connection to {self.address} was lost or refused", kind="api_error")

    def _malformed(self, problem: str) -> ModelRefusedError:
        return ModelRefusedError(502, f"the reply of {self.address} cannot be used: {problem}", kind="api_error")

    def _refusal(self, response: httpx2.Response, body: bytes) -> ModelRefusedError:
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError):
            reply = {"error": {"message": body[:MAX_MESSAGE_CHARACTERS].decode("utf-8", "replace")}}
        # A redirect is none of the provider's answers; nothing is sent on to where it points.
        status = response.status_code if response.status_code >= 400 else 502
        return self.refusal_of(status, reply, _seconds(response.headers.get("retry-after", "")))

    def refusal_of(self, status: int, reply: Any, retry_after_seconds: float | None = None) -> ModelRefusedError:
        """The error that a provider's JSON tells of.

        Args:
            status: HTTP status.
            reply: With an `error` in the form of either API; anything else is quoted.
            retry_after_seconds: As the provider asks.
        """
        error = reply.get("error", reply) if isinstance(reply, dict) else reply
        if not isinstance(error, dict):
            error = {"message": error}
        message = str(error.get("message") or f"{self.address} failed with status {status}")
        if self._secret:
            message = message.replace(self._secret, "***")
        if status in (401, 403):  # an agent would take it for the key that it has
            message = f"{self.address} refuses the configured key: {message}"
        return ModelRefusedError(
            status,
            message[:MAX_MESSAGE_CHARACTERS],
            kind=str(error.get("type") or ""),
            error_code=str(error.get("code") or ""),
            retry_after_seconds=retry_after_seconds,
        )


def _seconds(header: str) -> float | None:
    """The value of `Retry-After`, if it is a number of seconds; providers send no dates."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
