"""AutoGPT through the Agent Protocol: <https://agentprotocol.ai>, which its `serve` speaks over HTTP.

The agent works in a workspace of its own. So the files of the worktree are sent to it first, and those that it made or
changed are fetched at its end. The protocol knows no deletion.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ...errors import UnavailableError
from ...ports.agent import AgentInfo, AgentOutcome, Assignment
from ..git import Git, GitError

if TYPE_CHECKING:
    import httpx2

TASKS = "/ap/v1/agent/tasks"
SECONDS_TO_CONNECT = 10.0
SECONDS_TO_SAY = 5.0
EXIT_CODE_OF_A_TIMEOUT = 137
MAX_FILES = 2_000
MAX_FILE_BYTES = 1_000_000
MAX_ALL_BYTES = 50_000_000
MAX_ANSWER_BYTES = 10_000_000
MAX_SAID_CHARACTERS = 16_384
MAX_STEPS = 200
PAGE = 100
_REMEDY = "start AutoGPT with `serve`, and set ralph.backends.autogpt.url to its address"


class AutoGptAgent:
    """Gives a task to an AutoGPT that runs somewhere, and takes over the files that it made.

    It is not confined by us and uses the model that it is configured with.

    Args:
        git: Lists the files that are sent: not those that the repository ignores.
        url: Where it serves the Agent Protocol, without `/ap/v1`; empty if there is none.
        api_key: Sent as a bearer token; none if empty.
    """

    def __init__(self, git: Git, url: str, api_key: str = "") -> None:
        self._git = git
        self._url = url.rstrip("/").removesuffix("/ap/v1")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def check(self) -> None:
        """Raises UnavailableError unless an address is configured."""
        if not self._url:
            raise UnavailableError("the backend autogpt has no address", _REMEDY)
        if urlsplit(self._url).scheme not in ("http", "https") or not urlsplit(self._url).hostname:
            raise UnavailableError(
                "ralph.backends.autogpt.url is no address of a server", "write http://HOST:PORT or https://HOST"
            )

    async def info(self) -> AgentInfo:
        """Whether something answers at its address."""
        try:
            self.check()
            async with asyncio.timeout(SECONDS_TO_SAY), self._client() as client:
                await _json(client, "GET", f"{TASKS}?page_size=1")
        except (UnavailableError, _RefusedError, TimeoutError) as error:
            remedy = error.remedy if isinstance(error, UnavailableError) else _REMEDY
            return AgentInfo(installed=False, how_to_install=remedy)
        return AgentInfo(installed=True)

    async def run(self, assignment: Assignment) -> AgentOutcome:
        """Have the task worked on once; see the port."""
        self.check()
        started = time.monotonic()
        log = _Log(assignment.scratch / f"agent_{assignment.iteration}.log")
        timed_out, code = False, 0
        try:
            async with asyncio.timeout(assignment.timeout_seconds), self._client() as client:
                await self._work(client, assignment, log)
        except TimeoutError:
            timed_out, code = True, EXIT_CODE_OF_A_TIMEOUT
            log.say("stopped: its time was over")
        except (_RefusedError, GitError) as error:
            code = 1
            log.say(str(error))
        finally:
            await asyncio.to_thread(log.close)
        return AgentOutcome(code, log.tail, log.path, timed_out, time.monotonic() - started)

    async def _work(self, client: httpx2.AsyncClient, assignment: Assignment, log: _Log) -> None:
        """A task of the protocol from its beginning to its last step."""
        task = await _json(client, "POST", TASKS, json={"input": assignment.prompt})
        here = f"{TASKS}/{quote(_text(task, 'task_id'), safe='')}"
        sent, left_out = 0, 0
        listed = await self._git(
            "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=assignment.worktree
        )
        names = sorted({*listed.split("\0")} - {""})
        for name, content in await asyncio.to_thread(lambda: list(_files(assignment.worktree, names))):
            if content is None:
                left_out += 1
                continue
            parent = name.rpartition("/")[0]
            await _json(
                client,
                "POST",
                # The protocol has the path in the form, AutoGPT looks for it in the address.
                f"{here}/artifacts?relative_path={quote(parent, safe='')}",
                files={"file": (PurePosixPath(name).name, content)},
                data={"relative_path": parent},
            )
            sent += 1
        log.say(f"sent {sent} files" + (f", without {left_out} that are too many or too large" if left_out else ""))
        for _ in range(MAX_STEPS):
            step = await _json(client, "POST", f"{here}/steps", json={})
            if said := step.get("output"):
                log.say(str(said)[:MAX_SAID_CHARACTERS])
            if step.get("status") == "failed":
                raise _RefusedError("the agent's step failed")
            if step.get("is_last") is True:
                break
        else:
            log.say(f"stopped after {MAX_STEPS} steps")
        written = await _fetch(client, here, assignment.worktree)
        # What it said last stays last: a promise is looked for there.
        log.lines.insert(1, f"took over {written} files")

    def _client(self) -> httpx2.AsyncClient:
        import httpx2  # noqa: PLC0415 - only this backend needs it

        # How long a step may take is for the assignment to say.
        timeout = httpx2.Timeout(SECONDS_TO_CONNECT, read=None)
        return httpx2.AsyncClient(base_url=self._url, headers=self._headers, timeout=timeout)


class _RefusedError(Exception):
    """The server answered with an error, or with something else than the protocol says."""


@dataclass
class _Log:
    """What the agent said: its end in memory, all of it in a file."""

    path: Path
    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)

    @property
    def tail(self) -> str:
        return "\n".join(self.lines)[-MAX_SAID_CHARACTERS:]

    def close(self) -> None:
        self.path.write_text("\n".join(self.lines)[:MAX_ANSWER_BYTES] + "\n", encoding="utf-8")


async def _fetch(client: httpx2.AsyncClient, here: str, worktree: Path) -> int:
    """Write the files that the agent made into the worktree; returns how many."""
    written, page = 0, 1
    left = MAX_ALL_BYTES
    while True:
        listed = await _json(client, "GET", f"{here}/artifacts?current_page={page}&page_size={PAGE}")
        artifacts = listed.get("artifacts")
        for artifact in artifacts if isinstance(artifacts, list) else []:
            if not isinstance(artifact, dict) or artifact.get("agent_created") is not True:
                continue
            folder = artifact.get("relative_path")
            name = _relative(folder if isinstance(folder, str) else "", _text(artifact, "file_name"))
            address = f"{here}/artifacts/{quote(_text(artifact, 'artifact_id'), safe='')}"
            content = await _bytes(client, address, min(left, MAX_ANSWER_BYTES))
            left -= len(content)
            await asyncio.to_thread(_write, worktree, name, content)
            written += 1
        pagination = listed.get("pagination")
        pages = pagination.get("total_pages") if isinstance(pagination, dict) else 1
        if not isinstance(pages, int) or page >= pages or page >= MAX_FILES // PAGE:
            return written
        page += 1


async def _json(client: httpx2.AsyncClient, method: str, path: str, **content: Any) -> dict[str, Any]:
    """An answer of the server.

    Raises:
        UnavailableError: Nothing answers there.
        _RefusedError: It answers with an error.
    """
    import json  # noqa: PLC0415 - with the client

    body = await _request(client, method, path, MAX_ANSWER_BYTES, **content)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise _RefusedError(f"{method} {path}: the answer is not JSON") from None
    if not isinstance(found, dict):
        raise _RefusedError(f"{method} {path}: the answer is no JSON object")
    return found


async def _bytes(client: httpx2.AsyncClient, path: str, most: int) -> bytes:
    return await _request(client, "GET", path, most)


async def _request(client: httpx2.AsyncClient, method: str, path: str, most: int, **content: Any) -> bytes:
    import httpx2  # noqa: PLC0415 - with the client

    try:
        async with client.stream(method, path, **content) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > most:
                    raise _RefusedError(f"{method} {path}: the answer is longer than {most} bytes")
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise UnavailableError("nothing answers at ralph.backends.autogpt.url", _REMEDY) from error
    except httpx2.HTTPError as error:
        raise _RefusedError(f"{method} {path}: {error or type(error).__name__}") from error
    if response.status_code >= 400:
        said = " ".join(body[:400].decode(errors="replace").split())
        raise _RefusedError(f"{method} {path}: status {response.status_code} {said}".rstrip())
    return bytes(body)


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise _RefusedError(f"the answer has no {key}")
    return value


def _files(worktree: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    """The regular files of a worktree with their content; None for those beyond the limits."""
    files, left = 0, MAX_ALL_BYTES
    for name in names:
        path = worktree / name
        try:
            status = path.lstat()
        except OSError:  # deleted, and not committed yet
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        if files >= MAX_FILES or status.st_size > min(left, MAX_FILE_BYTES):
            yield name, None
            continue
        files, left = files + 1, left - status.st_size
        yield name, path.read_bytes()


def _relative(folder: str, name: str) -> PurePosixPath:
    """Where a file goes; the server is not ours, and must not write elsewhere."""
    whole = PurePosixPath(folder.lstrip("/"), PurePosixPath(name).name)
    if PurePosixPath(folder).name == whole.name:  # some servers repeat the file's name in its path
        whole = PurePosixPath(folder.lstrip("/"))
    if ".." in whole.parts or "\0" in str(whole) or not whole.parts or ".git" in whole.parts:
        raise _RefusedError(f"the agent's file {str(whole)[:200]!r} lies outside of the work")
    return whole


def _write(worktree: Path, name: PurePosixPath, content: bytes) -> None:
    target = worktree / name
    top = worktree.resolve()
    if not target.parent.resolve().is_relative_to(top):  # through a link in the repository
        raise _RefusedError(f"the agent's file {str(name)[:200]!r} lies outside of the work")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    if target.is_dir():
        raise _RefusedError(f"the agent's file {str(name)[:200]!r} is a folder here")
    target.write_bytes(content)
