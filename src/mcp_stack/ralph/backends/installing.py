"""Installing agents into the data folder, each in a folder of its own, so that none meddles with another or with us."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...errors import UnavailableError, UsageError
from ...file_locks import exclusive
from .locating import STAMP, installed_version
from .packages import Package, packages

Progress = Callable[[str], None]
"""Is told each line that an installer prints."""

PYTHONS = ("python3.12", "python3.11", "python3.13", "python3.10", "python3")
KEPT_LINES = 12
SECONDS_OF_ANOTHER = 1800.0


class Installer:
    """Installs agents.

    Args:
        folder: `agents` in the data folder.
        environ: The user's, in which pip and npm are configured.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.known = packages()
        self._folder = folder
        self._environ = dict(environ)

    def check(self, name: str) -> None:
        """Raises UsageError unless there is an agent of that name that can be installed."""
        if name not in self.known:
            raise UsageError(f"there is no agent {name[:80]!r} to install", f"use one of {', '.join(self.known)}")

    def version(self, name: str) -> str:
        """The version that is installed; empty if none is."""
        return installed_version(self._folder / name)

    def install(self, name: str, progress: Progress) -> bool:
        """Install an agent, unless it is there in the version that is wanted.

        Args:
            name: Of the backend.
            progress: Is told what goes on.

        Returns:
            False if it was there.

        Raises:
            UsageError: It is none that can be installed.
            UnavailableError: Python or npm is missing, or the installation failed; what is left does not count.
        """
        self.check(name)
        package = self.known[name]
        target = self._folder / name
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with exclusive(self._folder / f".{name}.lock", SECONDS_OF_ANOTHER):
            wanted = _stamp(package)
            if installed_version(target) and (target / STAMP).read_text(encoding="utf-8") == wanted:
                return False
            if target.exists():
                shutil.rmtree(target)
            # In its final place: a virtual environment cannot be moved. Without its stamp it does not count.
            target.mkdir(mode=0o700)
            if package.registry == "pypi":
                self._with_pip(target, package, progress)
            else:
                self._with_npm(target, package, progress)
            (target / STAMP).write_text(wanted, encoding="utf-8")
        return True

    def _with_pip(self, target: Path, package: Package, progress: Progress) -> None:
        self._run((self._python(package), "-m", "venv", str(target)), progress)
        self._run(
            (
                *(str(target / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"),
                *("--progress-bar", "off", "--no-input", *package.requirements),
            ),
            progress,
        )

    def _with_npm(self, target: Path, package: Package, progress: Progress) -> None:
        npm = shutil.which("npm", path=self._environ.get("PATH"))
        if npm is None:
            raise UnavailableError("npm is not installed", "install Node.js 20 or newer, then try again")
        (target / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        self._run(
            (
                *(npm, "install", "--prefix", str(target), "--no-audit", "--no-fund", "--ignore-scripts"),
                *("--loglevel=http", *package.requirements),
            ),
            progress,
        )
        found = sorted(target.glob(package.source))
        if not found:
            raise UnavailableError(
                f"the package of {package.program} has no program for this machine", "see whether its makers offer one"
            )
        (target / "bin").mkdir()
        (target / "bin" / package.program).symlink_to(os.path.relpath(found[0], target / "bin"))

    def _python(self, package: Package) -> str:
        oldest, too_new = package.python
        for name in (sys.executable, *PYTHONS):
            found = shutil.which(name, path=self._environ.get("PATH"))
            if found and oldest <= _version_of(found) < too_new:
                return found
        raise UnavailableError(
            f"{package.program} runs on Python {_shown(oldest)} up to, but not with, {_shown(too_new)}: none is here",
            "install one so that it is on the PATH as python3.X",
        )

    def _run(self, command: Sequence[str], progress: Progress) -> None:
        kept: deque[str] = deque(maxlen=KEPT_LINES)
        with subprocess.Popen(  # noqa: S603 - pip or npm, no shell
            command,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for line in process.stdout:
                kept.append(line.rstrip())
                progress(line.rstrip())
        if process.returncode != 0:
            raise UnavailableError(
                f"{Path(command[0]).name} exited with {process.returncode}:\n" + "\n".join(kept),
                "look at its words above; mend that and try again",
            )


def _stamp(package: Package) -> str:
    return json.dumps({"version": package.version, "requirements": package.requirements}, indent=1) + "\n"


def _version_of(python: str) -> tuple[int, int]:
    """(0, 0) if it does not start: pyenv has such entries for versions that are not installed."""
    try:
        done = subprocess.run(  # noqa: S603 - a Python that was found, no shell
            (python, "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0, 0


def _shown(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
