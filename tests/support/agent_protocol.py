"""A server that speaks the Agent Protocol, as AutoGPT's `serve` does, with an agent that edits by script.

The paths, fields and the multipart upload are those of <https://agentprotocol.ai>; AutoGPT itself is on no package
registry.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .http_endpoint import HttpEndpoint
from .scripted_coder import Edit

TASKS = "/ap/v1/agent/tasks"


@dataclass
class _Artifact:
    path: str
    content: bytes
    agent_created: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def as_json(self) -> dict[str, Any]:
        path = PurePosixPath(self.path)
        return {
            "artifact_id": self.id,
            "file_name": path.name,
            "relative_path": str(path.parent),
            "agent_created": self.agent_created,
        }


class AgentProtocolServer(HttpEndpoint):
    """One task at a time.

    Args:
        edits: Made in the task's first step.
        made: Files that it makes, by path.
        last_word: The output of its last step.
        fails: Its first step fails.
        hangs: Its first step never ends.
    """

    def __init__(
        self,
        edits: Sequence[Edit] = (),
        *,
        made: dict[str, bytes] | None = None,
        last_word: str = "Done.",
        fails: bool = False,
        hangs: bool = False,
    ) -> None:
        super().__init__()
        self._edits = edits
        self._made = made or {}
        self._last_word = last_word
        self._fails, self._hangs = fails, hangs
        self._steps = 0
        self.artifacts: list[_Artifact] = []
        self.inputs: list[str] = []
        self.authorizations: list[str | None] = []

    def app(self) -> Starlette:
        """The protocol's paths."""
        here = f"{TASKS}/{{task}}"
        return Starlette(
            routes=[
                Route(TASKS, self._noted(self._list), methods=["GET"]),
                Route(TASKS, self._noted(self._create), methods=["POST"]),
                Route(f"{here}/steps", self._noted(self._step), methods=["POST"]),
                Route(f"{here}/artifacts", self._noted(self._upload), methods=["POST"]),
                Route(f"{here}/artifacts", self._noted(self._listed), methods=["GET"]),
                Route(f"{here}/artifacts/{{artifact}}", self._noted(self._download), methods=["GET"]),
            ]
        )

    def _noted(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def noted(request: Request) -> Response:
            self.authorizations.append(request.headers.get("authorization"))
            return await answer(request)

        return noted

    async def _list(self, _request: Request) -> Response:
        pagination = {"total_items": 0, "total_pages": 0, "current_page": 1, "page_size": 1}
        return JSONResponse({"tasks": [], "pagination": pagination})

    async def _create(self, request: Request) -> Response:
        asked = (await request.json())["input"]
        self.inputs.append(asked)
        return JSONResponse({"task_id": "task 1", "input": asked, "artifacts": []})

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            file, folder = form["file"], form["relative_path"]
            assert not isinstance(file, str)
            assert folder == request.query_params["relative_path"]
            artifact = _Artifact(str(PurePosixPath(str(folder), file.filename or "")), await file.read())
        self.artifacts.append(artifact)
        return JSONResponse(artifact.as_json())

    async def _step(self, _request: Request) -> Response:
        if self._hangs:
            await asyncio.sleep(3600)
        self._steps += 1
        step = {"task_id": "task 1", "step_id": str(self._steps), "output": "working on it", "is_last": False}
        if self._fails:
            return JSONResponse({**step, "status": "failed", "output": "no model answers"})
        if self._steps == 1:
            for edit in self._edits:
                found = next(artifact for artifact in self.artifacts if artifact.path == edit.file)
                found.content = found.content.replace(edit.old.encode(), edit.new.encode())
                found.agent_created = True
            self.artifacts += [_Artifact(path, content, True) for path, content in self._made.items()]
            return JSONResponse({**step, "status": "completed"})
        return JSONResponse({**step, "status": "completed", "output": self._last_word, "is_last": True})

    async def _listed(self, request: Request) -> Response:
        page, size = int(request.query_params["current_page"]), 2  # a server may give fewer than were asked for
        pages = -(-len(self.artifacts) // size)
        shown = [artifact.as_json() for artifact in self.artifacts[(page - 1) * size : page * size]]
        pagination = {"total_items": len(self.artifacts), "total_pages": pages, "current_page": page, "page_size": size}
        return JSONResponse({"artifacts": shown, "pagination": pagination})

    async def _download(self, request: Request) -> Response:
        wanted = request.path_params["artifact"]
        return Response(next(artifact.content for artifact in self.artifacts if artifact.id == wanted))
