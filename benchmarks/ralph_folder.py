"""A data folder for Ralph with an agent of ours, and repositories for its tasks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def environment(folder: Path, command: Sequence[str], **settings: str) -> dict[str, str]:
    """The environment of servers and workers.

    Args:
        folder: Everything lies in it; the only allowed root.
        command: The agent.
        settings: Further ones by the name of their variable, without its prefix.
    """
    chosen = {
        "DATA": str(folder / "data"),
        "CONFIG": str(folder),
        "SECURITY__ALLOWED_ROOTS": str(folder),
        "EMBEDDINGS__PROVIDER": "none",
        "JOBS__LINGER_SECONDS": "0",
        "RALPH__BACKENDS__DEFAULT": "command",
        "RALPH__BACKENDS__COMMAND": json.dumps(list(command)),
        # An iteration lacks what the one before lacked: that is how the tasks are made.
        "RALPH__LOOP__STALLED_WITH_SAME_ERROR": "0",
        "RALPH__LOOP__STALLED_WITHOUT_CHANGES": "0",
        **settings,
    }
    return os.environ | {f"MCP_STACK_{name}": value for name, value in chosen.items()}


def repository(path: Path) -> Path:
    """A git repository with one commit."""
    path.mkdir(parents=True)
    (path / "README").write_text("hello\n", encoding="utf-8")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
        identity = ["-c", "user.name=A User", "-c", "user.email=user@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=path, check=True, capture_output=True)
    return path


def git(folder: Path, *arguments: str) -> str:
    """What git says, nothing if it fails."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False).stdout
