"""Where an agent's program is: as configured, in the data folder, or on the PATH."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import UnavailableError
from ..environment import child_environment

STAMP = "installed.json"
# "#!/usr/bin/env node": the kernel reads no more of a first line than this.
MAX_SHEBANG_BYTES = 256


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was found.

    Attributes:
        path: Absolute; links are not followed, for a virtual environment is known by its link to Python.
        version: Of the agent if `mcp-stack agents install` put it there, else empty.
        readable: What must be readable to run it: its own folders, and those of its interpreter.
    """

    path: Path
    version: str
    readable: tuple[Path, ...]


class Programs:
    """Finds the programs of agents.

    Args:
        chosen: By backend name, from `ralph.backends.programs`; wins over everything.
        folder: `agents` in the data folder: one folder for each installed agent.
        environ: Ours; its PATH is looked at last.
    """

    def __init__(self, chosen: Mapping[str, str], folder: Path, environ: Mapping[str, str]) -> None:
        self._chosen = chosen
        self._folder = folder
        self._path = child_environment(environ, Path("/"))["PATH"]

    def find(self, backend: str, program: str, *, on_path: bool = True) -> Program | None:
        """The program of a backend.

        Args:
            backend: Its name.
            program: The file's name.
            on_path: Look at the PATH, too: not for an interpreter, of which any will not do.

        Returns:
            None if it is nowhere.

        Raises:
            UnavailableError: The configured one is not there or not executable.
        """
        if chosen := self._chosen.get(backend):
            found = shutil.which(Path(chosen).expanduser(), path=self._path)
            if found is None:
                raise UnavailableError(
                    f"the program {chosen!r} of the backend {backend} is not there or not executable",
                    f"correct ralph.backends.programs.{backend}, or remove it: mcp-stack agents install {backend}",
                )
            return self._program(Path(found), "")
        own = self._folder / backend
        if (version := installed_version(own)) and os.access(own / "bin" / program, os.X_OK):
            return self._program(own / "bin" / program, version)
        found = shutil.which(program, path=self._path) if on_path else None
        return self._program(Path(found), "") if found else None

    def _program(self, path: Path, version: str) -> Program:
        # Made absolute here: in the worktree a relative path would name a file that the agent itself can write.
        path = path.absolute()
        return Program(path, version, needed_to_run(path, self._path))


def installed_version(folder: Path) -> str:
    """The version that `mcp-stack agents install` put into a folder; empty unless it went to its end."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        return str(stamp["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def needed_to_run(program: Path, search: str) -> tuple[Path, ...]:
    """The folders that a program and its interpreter are in, wherever links lead.

    Args:
        program: Absolute.
        search: The PATH on which `env` looks for an interpreter.
    """
    folders: dict[Path, None] = {}
    at: Path | None = program
    for _ in range(3):  # a script, its interpreter, and what that is a link to
        if at is None:
            break
        for place in (at, at.resolve()):
            folders.update(dict.fromkeys(_home_of(place)))
        at = _interpreter(at, search)
    return tuple(folders)


def _home_of(program: Path) -> tuple[Path, ...]:
    """Where the rest of a program is: what holds its `bin`, the outermost `node_modules`, or else its own folder."""
    for parent in reversed(program.parents):
        if parent.name == "node_modules":
            return (parent,)
    if program.parent.name != "bin":
        return (program.parent,)
    prefix = program.parent.parent
    base = _base_python(prefix)
    return (prefix, base) if base else (prefix,)


def _base_python(prefix: Path) -> Path | None:
    """Where the standard library of a virtual environment is."""
    try:
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() == "home":
            return Path(value.strip()).resolve().parent
    return None


def _interpreter(program: Path, search: str) -> Path | None:
    try:
        with program.open("rb") as file:
            first = file.read(MAX_SHEBANG_BYTES).split(b"\n", 1)[0]
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    words = first[2:].decode(errors="replace").split()
    if not words:
        return None
    if Path(words[0]).name == "env":
        names = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        found = shutil.which(names[0], path=search) if names else None
        return Path(found) if found else None
    return Path(words[0])
