"""What the programs that we start see of our environment: an allow-list, for ours holds keys and passwords."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# Where programs are, how they speak, and where toolchains live that look in the home folder otherwise.
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "VIRTUAL_ENV",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "JAVA_HOME",
    "GOPATH",
    "GOROOT",
    "NVM_DIR",
)


def child_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of an agent or a verify command.

    Args:
        environ: Ours.
        home: A private folder, so that no program reads the user's credentials or writes the user's dot files.
    """
    passed = {name: environ[name] for name in PASSED_ON if environ.get(name)}
    # Where rustup keeps its toolchains: without one, cargo and rustc are no programs at all.
    toolchains = Path(environ.get("HOME", "/nonexistent")) / ".rustup"
    if "RUSTUP_HOME" not in passed and toolchains.is_dir():
        passed["RUSTUP_HOME"] = str(toolchains)
    # The system's git configuration may name credentials; a sandbox keeps it out, which git takes for an error.
    ours = {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"} | passed | ours
