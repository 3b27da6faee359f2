"""Aider: <https://aider.chat>. It edits by SEARCH/REPLACE blocks and so works with models that call no tools."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import ClassVar

from ...ports.agent import Assignment
from ..processes import Finished
from .program import Place, ProgramAgent, Said, Start, write_private

# "Tokens: 2.1k sent, 1.3k cache hit, 312 received. Cost: $0.01 message, $0.02 session."
_TOKENS = re.compile(r"^Tokens: ([\d.,]+)([kM]?) sent,.*?([\d.,]+)([kM]?) received\.", re.MULTILINE)
_COST = re.compile(r"\bCost: \$([\d.]+) message", re.MULTILINE)
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}
# What it prints, and goes on to exit with 0.
_FAILURE = re.compile(r"^litellm\.\w+(Error|Exception)\b", re.MULTILINE)


class AiderAgent(ProgramAgent):
    """Runs aider for one message."""

    backend = "aider"
    program = "aider"
    own_configuration: ClassVar[tuple[str, ...]] = (
        *("AIDER_MODEL", "AIDER_WEAK_MODEL", "AIDER_EDIT_FORMAT"),
        *("OPENAI_API_KEY", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "ANTHROPIC_API_BASE"),
        *("OPENROUTER_API_KEY", "DEEPSEEK_API_KEY", "GEMINI_API_KEY", "OLLAMA_API_BASE"),
    )

    def _start(self, assignment: Assignment, place: Place) -> Start:
        # Empty files in the place of those that it would look for in the repository, which name commands to run.
        nothing = write_private(place.folder / "nothing", "")
        # A message that comes in a file is not echoed to a terminal, and its first line is ours: no `/run`, no `!`.
        arguments = [
            *("--message-file", str(place.prompt)),
            *("--yes-always", "--no-stream", "--no-pretty", "--no-fancy-input", "--no-suggest-shell-commands"),
            *("--no-auto-commits", "--no-dirty-commits", "--no-gitignore", "--no-git-commit-verify"),
            *("--no-auto-lint", "--no-auto-test", "--no-detect-urls", "--disable-playwright", "--no-watch-files"),
            *("--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--analytics-disable"),
            *("--config", str(nothing), "--env-file", str(nothing), "--aiderignore", str(nothing)),
            *("--chat-history-file", str(place.folder / "chat.md")),
            *("--input-history-file", str(place.folder / "input")),
        ]
        environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        if (model := assignment.model) is None:
            environment |= self._own(
                *("AIDER_MODEL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY"),
                *("DEEPSEEK_API_KEY", "GEMINI_API_KEY"),
                remedy="configure a model of the hybrid coordinator, or set AIDER_MODEL and its key for the worker",
            )
        else:
            name = f"openai/{model.model}"
            # Known beforehand, or it asks the internet for the model's properties.
            metadata = {name: {"litellm_provider": "openai", "mode": "chat"}}
            file = write_private(place.folder / "models.json", json.dumps(metadata))
            arguments += ["--model", name, "--weak-model", name, "--model-metadata-file", str(file)]
            arguments += ["--openai-api-base", model.openai_url, "--edit-format", "diff"]
            environment |= {"OPENAI_API_KEY": model.key}
        return Start(tuple(arguments), environment, prompt_on_stdin=False)

    def _said(self, output: Path, finished: Finished) -> Said:  # noqa: ARG002 - its last words are the end of it
        text = output.read_text(encoding="utf-8", errors="replace")
        tokens = sum(
            _number(sent, factor) + _number(received, other) for sent, factor, received, other in _TOKENS.findall(text)
        )
        cost = sum(float(figure.rstrip(".")) for figure in _COST.findall(text))
        return Said(tokens=tokens, cost_usd=cost, failed=_FAILURE.search(text) is not None and tokens == 0)


def _number(figure: str, factor: str) -> int:
    try:
        return round(float(figure.replace(",", "")) * _FACTORS[factor])
    except ValueError:
        return 0
