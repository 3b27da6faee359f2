"""Which sandbox there is on this machine, found by trying."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from ...errors import UnavailableError
from ...ports.sandbox import Confinement, Sandbox
from ...settings.tree import Sandbox as SandboxSettings
from .bubblewrap import Bubblewrap
from .landlock import Landlock
from .launcher import LEAST_ABI, MACHINES, abi
from .launching import resources_of
from .unconfined import Unconfined

SECONDS_TO_TRY = 20.0
MAX_REASON_CHARACTERS = 200
_HIDDEN = "hidden"


class Chosen:
    """The port `Sandbox`: the best tier that works, or the configured one. Tried once, when it is first needed.

    Args:
        settings: `ralph.sandbox`.
        which: Finds a program on the PATH.
    """

    def __init__(self, settings: SandboxSettings, which: Callable[[str], str | None] = shutil.which) -> None:
        self._settings = settings
        self._which = which

    @property
    def tier(self) -> str:
        """`bubblewrap`, `landlock` or `none`; the last also where nothing is started at all."""
        found = self._found
        return "none" if isinstance(found, UnavailableError) else found.tier

    def check(self) -> None:
        """Raises UnavailableError where nothing confines programs and the configuration does not allow that."""
        self._sandbox()

    def confined(self, command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> list[str]:
        """The command that runs a command confined; see the port.

        Raises:
            UnavailableError: See `check`.
            DeniedError: A path leads out of the one that it is in, by a link that a confined program made.
        """
        return self._sandbox().confined(command, environment, limits)

    def _sandbox(self) -> Sandbox:
        found = self._found
        if isinstance(found, UnavailableError):
            raise UnavailableError(found.problem, found.remedy)
        return found

    @cached_property
    def _found(self) -> Sandbox | UnavailableError:
        resources = resources_of(self._settings.limits)
        tried: list[str] = []
        wanted = self._settings.tier
        if wanted in ("auto", "bubblewrap"):
            program = self._which("bwrap")
            box = Bubblewrap(program, resources) if program else None
            if box and not (reason := why_not(box)):
                return box
            tried.append(f"bubblewrap ({reason if box else 'bwrap is not installed'})")
        if wanted in ("auto", "landlock"):
            lock = Landlock(resources) if _has_landlock() else None
            if lock and not (reason := why_not(lock)):
                return lock
            tried.append(f"Landlock ({reason if lock else f'it takes Linux 6.2 with Landlock on {_machines()}'})")
        if not self._settings.required and wanted in ("auto", "none"):
            return Unconfined(resources)
        return UnavailableError(
            f"nothing confines agents on this machine: {'; '.join(tried) or 'the tier is none'}",
            "install bubblewrap and allow user namespaces (scripts/system-packages), or set ralph.sandbox.required: "
            "false to let agents do whatever you can do",
        )


def why_not(sandbox: Sandbox) -> str:
    """Try a sandbox: a file that it must hide, and one that it must let a program write.

    Returns:
        Why it cannot be used; empty if it works.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-stack-sandbox-") as made:
        top = Path(made).resolve()
        (top / _HIDDEN).write_text(_HIDDEN, encoding="utf-8")
        folder = top / "folder"
        folder.mkdir()
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
        # What it makes outside may be there for itself alone.
        script = f'cat "{top / _HIDDEN}" && exit 1; touch "{top / "outside"}"; echo x > written'
        command = sandbox.confined(("/bin/sh", "-c", script), environment, Confinement(folder, ports=()))
        try:
            done = subprocess.run(  # noqa: S603 - the command is ours
                command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS_TO_TRY, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            return " ".join(str(error).split())[:MAX_REASON_CHARACTERS]
        if done.returncode == 0 and (folder / "written").exists() and not (top / "outside").exists():
            return ""
        said = " ".join(done.stderr.decode(errors="replace").split())
        return said[-MAX_REASON_CHARACTERS:] or f"exit code {done.returncode}"


def _has_landlock() -> bool:
    return sys.platform == "linux" and platform.machine() in MACHINES and abi() >= LEAST_ABI


def _machines() -> str:
    return " or ".join(MACHINES)
