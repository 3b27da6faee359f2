"""Which paths a confined program can reach, the same in every tier."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DeniedError
from ...ports.sandbox import Confinement

# Programs and libraries.
SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/snap"),
    *("/nix/store", "/nix/var/nix/profiles", "/run/current-system", "/gnu/store", "/sys/devices/system/cpu"),
)
# Of /etc what programs need to start, to find names and to check certificates, and no more: a worker that runs as root
# could read its passwords and keys.
ETC = tuple(
    f"/etc/{name}"
    for name in (
        *("alternatives", "ca-certificates", "ca-certificates.conf", "ssl/certs", "ssl/openssl.cnf"),
        *("pki/tls/certs", "pki/ca-trust", "pki/tls/cert.pem", "pki/tls/openssl.cnf"),
        *("crypto-policies", "hosts", "host.conf", "hostname", "resolv.conf"),
        *("nsswitch.conf", "gai.conf", "services", "protocols", "passwd", "group"),
        *("localtime", "timezone", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
        *("ld.so.preload", "mime.types", "terminfo", "fonts", "os-release", "locale.alias"),
        *("locale.conf", "inputrc", "debian_version", "lsb-release", "static", "profiles", "nix"),
        *("bash.bashrc", "profile", "profile.d", "skel", "java", "maven", "gradle"),
        *("python3", "perl", "ruby", "nodejs"),
    )
)
# Of the folder above a PATH entry `bin`: not `share`, which under ~/.local is everybody's data.
BESIDE_PROGRAMS = ("lib", "lib32", "lib64", "libexec", "include", "pyvenv.cfg")
# Of the folder above a PATH entry `shims`, which choose a version and run it: pyenv, rbenv, nodenv, asdf, mise.
BESIDE_SHIMS = ("bin", "lib", "libexec", "plugins", "version", "versions", "installs")
# Of the toolchains that an environment names: not their credentials.
TOOLCHAINS: Mapping[str, tuple[str, ...]] = {
    "VIRTUAL_ENV": (".",),
    "JAVA_HOME": (".",),
    "GOROOT": (".",),
    "GOPATH": ("bin", "pkg"),
    "CARGO_HOME": ("bin", "registry", "git", "config.toml", "config"),
    "RUSTUP_HOME": ("toolchains", "settings.toml"),
    "NVM_DIR": ("versions",),
}


@dataclass(frozen=True, slots=True)
class Reach:
    """The paths, absolute and each once.

    Attributes:
        readable: May be read, and programs be run from.
        writable: May be changed.
    """

    readable: tuple[Path, ...]
    writable: tuple[Path, ...]


def reach(command: Sequence[str], environment: Mapping[str, str], limits: Confinement) -> Reach:
    """What a program can reach.

    Args:
        command: The program and its arguments.
        environment: What it will see.
        limits: What it may touch.

    Raises:
        DeniedError: A path leads out of the one that it is in, by a link that a confined program made; or the folder
            lies where every program can read.
    """
    writable = (limits.folder, *limits.writable)
    _check_place(limits.folder)
    _check_links(writable, (*writable, *limits.readable))
    kept = (*writable, Path(os.path.expanduser("~")))  # noqa: PTH111 - it never fails
    given = (part for path in limits.readable for part in _narrowed(path, kept))
    wanted = [*map(Path, (*SYSTEM, *ETC)), *_python(), *_toolchains(environment), *given]
    programs = [Path(entry) for entry in environment.get("PATH", "").split(os.pathsep)]
    for folder in (*programs, Path(command[0]).parent):
        wanted += _beside(folder)
    wanted.append(Path(command[0]))
    return Reach(_each_once(wanted), _each_once(writable))


def _check_place(folder: Path) -> None:
    """What lies beside a worktree, keys and the work of other tasks, must not lie where every program can read."""
    for place in map(Path, SYSTEM):
        if folder.resolve().is_relative_to(place):
            raise DeniedError(
                f"the data folder lies in {place}, which every confined program can read",
                "set MCP_STACK_DATA to a folder elsewhere",
            )


def _narrowed(path: Path, kept: Sequence[Path]) -> Iterable[Path]:
    """What of a folder can be read: of one that holds the work or a home, such as / and ~/.local, programs alone."""
    if any(place.is_relative_to(path) for place in kept):
        return (path / part for part in ("bin", *BESIDE_PROGRAMS))
    return (path,)


def _python() -> Iterable[Path]:
    """Our interpreter, which starts the program."""
    base = Path(sys.base_prefix)
    return (base / "bin", base / "lib", Path(os.path.realpath(sys.executable)))


def _toolchains(environment: Mapping[str, str]) -> Iterable[Path]:
    return (
        Path(environment[name]) / part for name, parts in TOOLCHAINS.items() if environment.get(name) for part in parts
    )


def _beside(folder: Path, depth: int = 2) -> list[Path]:
    """A folder of programs, the libraries that belong to it, and the Python that a virtual environment is made of."""
    if not folder.is_absolute() or not folder.is_dir():
        return []
    if folder.name == "shims":
        return [folder, *(folder.parent / name for name in BESIDE_SHIMS)]
    if folder.name != "bin":
        return [folder] if _holds_programs_alone(folder) else []
    prefix = folder.parent
    found = [folder, *(prefix / name for name in BESIDE_PROGRAMS)]
    if depth and (base := _base_of(prefix)):
        found += _beside(base, depth - 1)
    return found


def _holds_programs_alone(folder: Path) -> bool:
    """Whether a folder on the PATH is one of programs, and not a home or a folder of everything."""
    return folder.name in ("sbin", "libexec", "games") or folder.parts[1:2] in (("usr",), ("opt",), ("nix",))


def _base_of(prefix: Path) -> Path | None:
    try:
        lines = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    values = (line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home")
    home = next(values, "")
    return Path(home) if home else None


def _check_links(writable: Sequence[Path], paths: Sequence[Path]) -> None:
    """A confined program can put links into what it may write, and would be given what they lead to the next time."""
    for path in paths:
        for owner in writable:
            if path != owner and path.is_relative_to(owner) and not path.resolve().is_relative_to(owner.resolve()):
                raise DeniedError(f"{path} is a link out of {owner}", "remove it; nothing was started")


def _each_once(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that are there, normalised, from the top: what is in one of them comes after it."""
    return tuple(sorted({Path(os.path.normpath(path)) for path in paths if path.is_absolute() and path.exists()}))
