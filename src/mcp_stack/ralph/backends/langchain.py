"""LangChain's deepagents: <https://docs.langchain.com/oss/python/deepagents/overview>, in a child process of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from ...ports.agent import Assignment
from .json_lines import count, objects, text
from .place import Place, conventions, write_private
from .program import ProgramAgent, Said, Start

CHILD = Path(__file__).with_name("langchain_child.py")
MAX_STEPS = 300


class LangChainAgent(ProgramAgent):
    """Runs a script of ours with the Python interpreter that has the package `deepagents`."""

    backend = "langchain"
    program = "python"
    on_path = False
    own_configuration: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_BASE_URL")

    def _start(self, assignment: Assignment, place: Place) -> Start:
        if (model := assignment.model) is None:
            own = self._own(
                "OPENAI_MODEL",
                remedy="configure a model of the hybrid coordinator, or set OPENAI_MODEL and OPENAI_API_KEY for the "
                "worker",
            )
            chosen = {
                "model": own["OPENAI_MODEL"],
                "url": own.get("OPENAI_BASE_URL", ""),
                "key": own.get("OPENAI_API_KEY", "none"),
            }
        else:
            chosen = {"model": model.model, "url": model.openai_url, "key": model.key}
        files = conventions(assignment.worktree, "AGENTS.md")
        more = {"max_steps": MAX_STEPS, "memory": [f"/{file.name}" for file in files]}
        # In a file that the script removes: the shell commands of the agent see neither the key nor its environment.
        options = write_private(place.folder / "options.json", json.dumps(chosen | more))
        # Isolated: the folder that it works in is not a place to import from.
        return Start(("-I", str(CHILD), str(options)), {"LANGSMITH_TRACING": "false"})

    def _said(self, place: Place, output: Path) -> Said:  # noqa: ARG002 - all is in its output
        said = Said()
        for event in objects(output):
            if event.get("type") == "result":
                said = Said(
                    text=text(event.get("text")),
                    tokens=count(event.get("tokens")),
                    failed=event.get("failed") is True,
                )
        return said

    def _readable(self) -> tuple[Path, ...]:
        return (CHILD,)
