"""A scripted OpenAI-compatible embeddings endpoint on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.responses import JSONResponse, Response

from tests.support.http_endpoint import HttpEndpoint, Received, Reply

Embed = Callable[[Sequence[str]], list[list[float]]]
"""Vectors of texts, in their order."""


class EmbeddingsEndpoint(HttpEndpoint):
    """Answers `POST /v1/embeddings`."""

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return f"{self.url}/v1"

    def always_embeds(self, embed: Embed) -> None:
        """Reply with these vectors to every request that the script has nothing for."""
        self.always(embedding_reply(embed))


def embedding_reply(embed: Embed) -> Reply:
    """A good reply, its items in the reverse order: clients have to go by `index`."""

    def reply(request: Received) -> Response:
        vectors = embed(request.body["input"])
        items = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
        return JSONResponse(
            {
                "object": "list",
                "data": items[::-1],
                "model": request.body["model"],
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
            }
        )

    return reply


def json_reply(body: object, status: int = 200) -> Reply:
    """Any JSON."""
    return lambda _request: JSONResponse(body, status)


def text_reply(text: str, status: int = 200) -> Reply:
    """No JSON."""
    return lambda _request: Response(text, status, media_type="text/html")
