"""Coding agents as backends, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...ports.sandbox import Sandbox
from .aider import AiderAgent
from .claude_code import ClaudeCodeAgent
from .continue_dev import ContinueAgent
from .goose import GooseAgent
from .langchain import LangChainAgent
from .locating import Programs
from .program import ProgramAgent

INSTALLED_PROGRAMS: Mapping[str, Callable[[Programs, Mapping[str, str], Sandbox], ProgramAgent]] = {
    kind.backend: kind for kind in (AiderAgent, ContinueAgent, GooseAgent, LangChainAgent, ClaudeCodeAgent)
}
"""The backends that are programs which `mcp-stack agents install` knows, by name. The others are `command` and
`autogpt`."""
