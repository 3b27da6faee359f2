"""Git as a child process: no shell, no hooks, no configuration but the repository's own."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import ConflictError, UnavailableError
from .holding import held

# What a repository could make us run: its hooks, a file system monitor, a signing program, a background clean-up.
SAFE = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "advice.detachedHead=false"),
    *("-c", "init.defaultBranch=main"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false"),
)
IDENTITY = {
    "GIT_AUTHOR_NAME": "Ralph Wiggum",
    "GIT_AUTHOR_EMAIL": "ralph@mcp-stack.invalid",
    "GIT_COMMITTER_NAME": "Ralph Wiggum",
    "GIT_COMMITTER_EMAIL": "ralph@mcp-stack.invalid",
}
# What git needs to find itself, and to clone over ssh with the user's agent.
PASSED_ON = ("PATH", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy")
SECONDS = 120.0
MAX_MESSAGE_CHARACTERS = 400


class GitError(ConflictError):
    """Git refused; says which command and why."""


class GitTimeoutError(UnavailableError):
    """Git took too long, a program that the repository makes it run say; says which command."""


class Git:
    """Runs git.

    Args:
        environ: Our environment; git sees an allow-list of it.
        home: A folder without a .gitconfig.
    """

    def __init__(self, environ: Mapping[str, str], home: Path) -> None:
        self._environment = {
            **{name: environ[name] for name in PASSED_ON if environ.get(name)},
            **IDENTITY,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        }

    async def __call__(
        self,
        *arguments: str,
        folder: Path,
        git_folder: Path | None = None,
        objects: Path | None = None,
        timeout_seconds: float = SECONDS,
    ) -> str:
        """Run one git command.

        Args:
            arguments: After `git`; whatever a caller chose must come behind `--`.
            folder: Where it runs. Git does not look for a repository above it.
            git_folder: The repository of which `folder` is the working tree. None lets git follow what `folder/.git`
                says: only where no agent can write that.
            objects: Where `git_folder` keeps its objects, if not in itself.
            timeout_seconds: When it is killed.

        Returns:
            Its stdout without the line end.

        Raises:
            GitError: It exited with another code than 0.
            GitTimeoutError: It took too long.
            UnavailableError: There is no git, or the disk is full.
        """
        place = (
            {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
            if git_folder is None
            else {"GIT_DIR": str(git_folder), "GIT_WORK_TREE": str(folder)}
        )
        if objects is not None:
            place["GIT_OBJECT_DIRECTORY"] = str(objects)
        try:
            process = await asyncio.create_subprocess_exec(
                *("git", *SAFE, *arguments),
                cwd=folder,
                env=self._environment | place,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
                pass_fds=held(),
            )
        except FileNotFoundError as error:
            if str(error.filename) == str(folder):
                raise GitError(f"the folder {folder} is gone", "restore it, or submit the task again") from error
            raise UnavailableError("git is not installed", "install git >= 2.30 and put it on the PATH") from error
        try:
            async with asyncio.timeout(timeout_seconds):
                output, errors = await process.communicate()
        except TimeoutError:
            raise GitTimeoutError(
                f"git {arguments[0]} took longer than {timeout_seconds:.0f} s", "try again, or use a smaller repository"
            ) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # its filters too
                await process.wait()
        if process.returncode != 0:
            raise _error(arguments[0], errors.decode(errors="replace"))
        return output.decode(errors="surrogateescape").rstrip("\n")


def _error(command: str, message: str) -> GitError | UnavailableError:
    said = " ".join(message.split())[-MAX_MESSAGE_CHARACTERS:] or "it gave no reason"
    if any(reason in message for reason in _NO_SPACE):
        return UnavailableError(f"git {command} found no disk space ({said})", "free some; the task goes on by itself")
    if command == "clone" and any(reason in message for reason in _NO_NETWORK):
        return UnavailableError(f"git {command} got no answer ({said})", "the task goes on by itself once it does")
    return GitError(f"git {command} failed ({said})", "look at the repository, then submit the task again")


def no_space(error: OSError) -> bool:
    """Whether an error means that the disk or the user's share of it is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


_NO_NETWORK = (
    *("Could not resolve host", "Temporary failure in name resolution", "Network is unreachable"),
    *(
        "Connection refused",
        "Could not connect",
        "Couldn't connect",
        "Connection timed out",
        "Operation timed out",
        "Connection reset",
    ),
)
_NO_SPACE = ("No space left on device", "Disk quota exceeded")
