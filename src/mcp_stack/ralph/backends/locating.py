"""Where an agent's program is: as configured, in the data folder, or on the PATH."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import UnavailableError
from ..environment import child_environment

STAMP = "installed.json"
VENV = "pyvenv.cfg"
# "#!/usr/bin/env node": the kernel reads no more of a first line than this.
MAX_SHEBANG_BYTES = 256


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was found.

    Attributes:
        path: Absolute; links are not followed, for a virtual environment is known by its link to Python.
        version: Of the agent if `mcp-stack agents install` put it there, else empty.
        readable: What must be readable to run it: itself, what belongs to it, and its interpreter.
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
    """What a program and its interpreter consist of, wherever links lead; never a whole home folder, nor ~/.local.

    Args:
        program: Absolute.
        search: The PATH on which `env` looks for an interpreter.
    """
    found: dict[Path, None] = {}
    at: Path | None = program
    for _ in range(3):  # a script, its interpreter, and what that is a link to
        if at is None:
            break
        for place in (at, at.resolve()):
            found.update(dict.fromkeys(_belonging_to(place)))
        at = _interpreter(at, search)
    return tuple(found)


def _belonging_to(program: Path) -> Iterator[Path]:
    yield program
    for parent in reversed(program.parents):
        if parent.name == "node_modules":
            yield parent
            return
    if program.parent.name != "bin":
        return
    prefix = program.parent.parent
    if (prefix / STAMP).exists() or (prefix / VENV).exists():
        yield prefix
    else:
        yield from _programs_of(prefix)
    if (base := _base_python(prefix)) is not None:
        yield from _programs_of(base)


def _programs_of(prefix: Path) -> Iterator[Path]:
    """Programs and libraries of a folder that may hold other things as well."""
    yield from (prefix / name for name in ("bin", "lib", "lib64", "libexec"))


def _base_python(prefix: Path) -> Path | None:
    """What a virtual environment was made from."""
    try:
        lines = (prefix / VENV).read_text(encoding="utf-8").splitlines()
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
