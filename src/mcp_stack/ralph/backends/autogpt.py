"""AutoGPT through the Agent Protocol, which its `serve` speaks.

The agent works in a workspace of its own. So the files of the worktree are sent to it first, and those that it made or
changed are fetched at its end. The protocol knows no deletion.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import UnavailableError
from ...ports.agent import AgentInfo, AgentOutcome, Assignment
from ..git import Git, GitError
from .agent_protocol import MAX_ANSWER_BYTES, AgentProtocol, Artifact, RefusedError

SECONDS_TO_SAY = 5.0
EXIT_CODE_OF_A_TIMEOUT = 137
MAX_FILES = 2_000
MAX_FILE_BYTES = 1_000_000
MAX_ALL_BYTES = 50_000_000
MAX_SAID_CHARACTERS = 16_384
MAX_STEPS = 200
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
        self._api_key = api_key

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
        except UnavailableError as error:
            return AgentInfo(installed=False, how_to_install=error.remedy)
        try:
            async with asyncio.timeout(SECONDS_TO_SAY), AgentProtocol(self._url, self._api_key) as server:
                await server.try_it()
        except (UnavailableError, RefusedError, TimeoutError):
            return AgentInfo(installed=False, how_to_install=_REMEDY)
        return AgentInfo(installed=True)

    async def run(self, assignment: Assignment) -> AgentOutcome:
        """Have the task worked on once; see the port."""
        self.check()
        started = time.monotonic()
        log = _Log(assignment.scratch / f"agent_{assignment.iteration}.log")
        timed_out, code = False, 0
        try:
            async with (
                asyncio.timeout(assignment.timeout_seconds),
                AgentProtocol(self._url, self._api_key) as server,
            ):
                await self._work(server, assignment, log)
        except TimeoutError:
            timed_out, code = True, EXIT_CODE_OF_A_TIMEOUT
            log.say("stopped: its time was over")
        except (RefusedError, GitError) as error:
            code = 1
            log.say(str(error))
        finally:
            await asyncio.to_thread(log.close)
        return AgentOutcome(code, log.tail, log.path, timed_out, time.monotonic() - started)

    async def _work(self, server: AgentProtocol, assignment: Assignment, log: _Log) -> None:
        """A task of the protocol from its beginning to its last step."""
        worktree = assignment.worktree
        task = await server.create(assignment.prompt)
        listed = await self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=worktree)
        names = sorted({*listed.split("\0")} - {""})
        sent, left_out = 0, 0
        for name, content in await asyncio.to_thread(lambda: list(_files(worktree, names))):
            if content is None:
                left_out += 1
            else:
                await server.send(task, name, content)
                sent += 1
        log.say(f"sent {sent} files" + (f", without {left_out} that are too many or too large" if left_out else ""))
        for _ in range(MAX_STEPS):
            step = await server.step(task)
            if step.output:
                log.say(step.output[:MAX_SAID_CHARACTERS])
            if step.failed:
                raise RefusedError("the agent's step failed")
            if step.last:
                break
        else:
            log.say(f"stopped after {MAX_STEPS} steps")
        fetched, left = 0, MAX_ALL_BYTES
        async for artifact in server.made(task):
            content = await server.content(artifact, min(left, MAX_ANSWER_BYTES))
            await asyncio.to_thread(_write, worktree, artifact, content)
            fetched, left = fetched + 1, left - len(content)
        # What it said last stays last: a promise is looked for there.
        log.lines.insert(1, f"fetched {fetched} files")


@dataclass
class _Log:
    """What the agent said."""

    path: Path
    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)

    @property
    def tail(self) -> str:
        return "\n".join(self.lines)[-MAX_SAID_CHARACTERS:]

    def close(self) -> None:
        self.path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")


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


def _write(worktree: Path, artifact: Artifact, content: bytes) -> None:
    target = worktree / artifact.path
    shown = str(artifact.path)[:200]
    if not target.parent.resolve().is_relative_to(worktree.resolve()):  # through a link in the repository
        raise RefusedError(f"the agent's file {shown!r} lies outside of the work")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            target.unlink()
        target.write_bytes(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise RefusedError(f"the agent's file {shown!r} is in the way of a file or folder of that name") from error
