"""The Agent Protocol over HTTP, version 1: <https://agentprotocol.ai>."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from ...errors import UnavailableError

TASKS = "/ap/v1/agent/tasks"
SECONDS_TO_CONNECT = 10.0
MAX_ANSWER_BYTES = 10_000_000
PAGE = 100
MAX_PAGES = 1_000


class RefusedError(Exception):
    """The server answered with an error, or with something else than the protocol says."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step came to.

    Attributes:
        output: What the agent said.
        failed: It failed.
        last: No step follows.
    """

    output: str
    failed: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that the agent made or changed.

    Attributes:
        path: Relative to the work, and inside of it.
        address: Where its content is.
    """

    path: PurePosixPath
    address: str


class AgentProtocol:
    """A server's side of the protocol, for the length of an `async with` block.

    Args:
        url: Of the server, without `/ap/v1`.
        api_key: Sent as a bearer token; none if empty.
    """

    def __init__(self, url: str, api_key: str) -> None:
        import httpx2  # noqa: PLC0415 - only this backend needs it

        # How long a step may take is for the caller to say.
        self._client = httpx2.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx2.Timeout(SECONDS_TO_CONNECT, read=None),
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    async def try_it(self) -> None:
        """Ask something that changes nothing.

        Raises:
            UnavailableError: Nothing answers; so all methods.
            RefusedError: Something else than the protocol is spoken there; so all methods.
        """
        await self._json("GET", f"{TASKS}?page_size=1")

    async def create(self, prompt: str) -> str:
        """Begin a task; returns its address, which the other methods take."""
        task = await self._json("POST", TASKS, json={"input": prompt})
        return f"{TASKS}/{quote(_text(task, 'task_id'), safe='')}"

    async def send(self, task: str, name: str, content: bytes) -> None:
        """Give a file to a task.

        Args:
            task: Its address.
            name: The file's path, relative to the work.
            content: What is in it.
        """
        folder, _, file = name.rpartition("/")
        await self._json(
            "POST",
            # The protocol has the folder in the form, AutoGPT looks for it in the address.
            f"{task}/artifacts?relative_path={quote(folder, safe='')}",
            files={"file": (file, content)},
            data={"relative_path": folder},
        )

    async def step(self, task: str) -> Step:
        """Have the agent do one step."""
        step = await self._json("POST", f"{task}/steps", json={})
        return Step(str(step.get("output") or ""), step.get("status") == "failed", step.get("is_last") is True)

    async def made(self, task: str) -> AsyncIterator[Artifact]:
        """The files that the agent made or changed."""
        for page in range(1, MAX_PAGES + 1):
            listed = await self._json("GET", f"{task}/artifacts?current_page={page}&page_size={PAGE}")
            artifacts, pagination = listed.get("artifacts"), listed.get("pagination")
            for artifact in artifacts if isinstance(artifacts, list) else []:
                if isinstance(artifact, dict) and artifact.get("agent_created") is True:
                    folder = artifact.get("relative_path")
                    path = _inside(folder if isinstance(folder, str) else "", _text(artifact, "file_name"))
                    yield Artifact(path, f"{task}/artifacts/{quote(_text(artifact, 'artifact_id'), safe='')}")
            pages = pagination.get("total_pages") if isinstance(pagination, dict) else 1
            if not isinstance(pages, int) or page >= pages:
                return

    async def content(self, artifact: Artifact, most: int) -> bytes:
        """What is in a file.

        Args:
            artifact: It.
            most: Bytes that are read; if there are more, that is an error.
        """
        return await self._request("GET", artifact.address, most)

    async def _json(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        body = await self._request(method, path, MAX_ANSWER_BYTES, **content)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise RefusedError(f"{method} {path}: the answer is not JSON") from None
        if not isinstance(found, dict):
            raise RefusedError(f"{method} {path}: the answer is no JSON object")
        return found

    async def _request(self, method: str, path: str, most: int, **content: Any) -> bytes:
        import httpx2  # noqa: PLC0415 - with the client

        try:
            async with self._client.stream(method, path, **content) as response:
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > most:
                        raise RefusedError(f"{method} {path}: the answer is longer than {most} bytes")
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise UnavailableError(
                "no server of the Agent Protocol answers", "start it, or correct its address"
            ) from error
        except httpx2.HTTPError as error:
            raise RefusedError(f"{method} {path}: {error or type(error).__name__}") from error
        if response.status_code >= 400:
            said = " ".join(body[:400].decode(errors="replace").split())
            raise RefusedError(f"{method} {path}: status {response.status_code} {said}".rstrip())
        return bytes(body)


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise RefusedError(f"the answer has no {key}")
    return value


def _inside(folder: str, name: str) -> PurePosixPath:
    """Where a file goes; the server is not ours, and must not write elsewhere."""
    whole = PurePosixPath(folder.lstrip("/"), PurePosixPath(name).name)
    if PurePosixPath(folder).name == whole.name:  # some servers repeat the file's name in its path
        whole = PurePosixPath(folder.lstrip("/"))
    if {"..", ".git"} & {*whole.parts} or "\0" in str(whole) or not whole.parts:
        raise RefusedError(f"the agent's file {str(whole)[:200]!r} lies outside of the work")
    return whole
