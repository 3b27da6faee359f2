"""Aider: <https://aider.chat>. It edits by SEARCH/REPLACE blocks and so works with models that call no tools."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import ClassVar

from ...ports.agent import Assignment
from .place import Place, conventions, read_end, write_private
from .program import ProgramAgent, Said, Start

CHAT = "chat.md"
# Of its map of the repository, which it keeps there and expects to be ignored.
CACHE = ".aider.tags.cache.v"
# "Tokens: 2.1k sent, 1.3k cache hit, 312 received. Cost: $0.01 message, $0.02 session."
_TOKENS = re.compile(r"^Tokens: ([\d.,]+)([kM]?) sent,.*?([\d.,]+)([kM]?) received\.", re.MULTILINE)
_COST = re.compile(r"\bCost: \$([\d.]+) message", re.MULTILINE)
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}
# It reads `.env` and `.aider.conf.yml` of the repository, whoever wrote them, and after them what we give it as
# `--env-file`: so these win. Each of them runs something, or keeps it from working.
NEVER = {"AIDER_LOAD": "", "AIDER_APPLY": ""} | {
    f"AIDER_{name}": "false"
    for name in (
        *("TEST", "LINT", "COMMIT", "EXIT", "GUI", "COPY_PASTE", "APPLY_CLIPBOARD_EDITS", "DRY_RUN", "VIM"),
        *("UPGRADE", "INSTALL_MAIN_BRANCH", "JUST_CHECK_UPDATE", "SHOW_REPO_MAP", "SHOW_PROMPTS", "SUBTREE_ONLY"),
    )
}
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
        # A message that comes in a file is not echoed to a terminal, and its first line is ours: no `/run`, no `!`.
        arguments = [
            *("--message-file", str(place.prompt)),
            *("--yes-always", "--no-stream", "--no-pretty", "--no-fancy-input", "--no-suggest-shell-commands"),
            *("--no-auto-commits", "--no-dirty-commits", "--no-gitignore", "--no-git-commit-verify"),
            *("--no-auto-lint", "--no-auto-test", "--no-detect-urls", "--disable-playwright", "--no-watch-files"),
            *("--no-check-update", "--no-show-release-notes", "--no-show-model-warnings", "--analytics-disable"),
            *("--chat-history-file", str(place.folder / CHAT)),
            *("--input-history-file", str(place.folder / "input")),
        ]
        for file in conventions(assignment.worktree, "CONVENTIONS.md", "AGENTS.md"):
            arguments += ["--read", str(file)]
        variables = dict(NEVER)
        if (model := assignment.model) is None:
            variables |= self._own(
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
            variables |= {"OPENAI_API_KEY": model.key, "AIDER_OPENAI_API_KEY": model.key}
        lines = "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())
        arguments += ["--env-file", str(write_private(place.folder / "variables", lines))]
        environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Start(tuple(arguments), environment, prompt_on_stdin=False)

    def _said(self, place: Place, output: Path) -> Said:
        text = output.read_text(encoding="utf-8", errors="replace")
        tokens = sum(
            _number(sent, factor) + _number(received, other) for sent, factor, received, other in _TOKENS.findall(text)
        )
        cost = sum(float(figure.rstrip(".")) for figure in _COST.findall(text))
        return Said(
            text=_last_answer(place.folder / CHAT),
            tokens=tokens,
            cost_usd=cost,
            failed=_FAILURE.search(text) is not None and tokens == 0,
        )

    def _tidy(self, worktree: Path) -> None:
        for cache in worktree.glob(f"{CACHE}*"):
            if not cache.is_symlink():
                shutil.rmtree(cache, ignore_errors=True)


def _last_answer(chat: Path) -> str:
    """The model's last answer, from the Markdown that aider keeps: `####` precedes our words, `>` its own."""
    lines = read_end(chat).splitlines()
    asked = [n for n, line in enumerate(lines) if line.startswith("#### ")]
    answer = lines[asked[-1] + 1 :] if asked else []
    return "\n".join(line for line in answer if not line.startswith(">")).strip()


def _quoted(value: str) -> str:
    """As python-dotenv reads it back."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _number(figure: str, factor: str) -> int:
    try:
        return round(float(figure.replace(",", "")) * _FACTORS[factor])
    except ValueError:
        return 0
