"""Claude Code: <https://docs.claude.com/en/docs/claude-code>."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ...ports.agent import Assignment
from .json_lines import amount, count, objects, text
from .place import Place, conventions
from .program import ProgramAgent, Said, Start

MAX_TURNS = 100
TOOLS = "Bash,Read,Edit,Write,Glob,Grep"


class ClaudeCodeAgent(ProgramAgent):
    """Runs `claude -p`."""

    backend = "claude-code"
    program = "claude"
    own_configuration: ClassVar[tuple[str, ...]] = (
        *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        *("ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL"),
    )

    def _start(self, assignment: Assignment, place: Place) -> Start:
        arguments = [
            *("-p", "--output-format", "stream-json", "--verbose", "--max-turns", str(MAX_TURNS)),
            *("--permission-mode", "acceptEdits", "--tools", TOOLS, "--allowedTools", TOOLS),
            # Neither the settings of the repository, whose hooks it would run, nor its MCP servers.
            *("--setting-sources", "user", "--strict-mcp-config", "--no-session-persistence"),
            "--disable-slash-commands",
        ]
        # It reads CLAUDE.md together with those settings alone.
        for file in conventions(assignment.worktree, "CLAUDE.md", "AGENTS.md")[:1]:
            arguments += ["--append-system-prompt-file", str(file)]
        environment = {
            "CLAUDE_CONFIG_DIR": str(place.folder / "claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }
        if (model := assignment.model) is None:
            environment |= self._own(
                *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
                remedy="configure a model of the hybrid coordinator, or set ANTHROPIC_API_KEY or the "
                "CLAUDE_CODE_OAUTH_TOKEN that `claude setup-token` prints for the worker",
            )
        else:
            arguments += ["--model", model.model]
            environment |= {
                "ANTHROPIC_BASE_URL": model.anthropic_url,
                "ANTHROPIC_AUTH_TOKEN": model.key,
                # What it uses for side tasks must go to the same model.
                "ANTHROPIC_DEFAULT_HAIKU_MODEL": model.model,
                # Ten, over minutes, otherwise; what its model waits for, is waited for behind its address.
                "CLAUDE_CODE_MAX_RETRIES": "2",
            }
        return Start(tuple(arguments), environment)

    def _said(self, place: Place, output: Path) -> Said:  # noqa: ARG002 - all is in its output
        said = Said()
        for event in objects(output):
            if event.get("type") != "result":
                continue
            usage = event.get("usage")
            counts = usage if isinstance(usage, dict) else {}
            said = Said(
                text=text(event.get("result")) or text(event.get("subtype")),
                tokens=sum(count(counts.get(name)) for name in _TOKENS),
                cost_usd=amount(event.get("total_cost_usd")),
                failed=event.get("is_error") is True,
            )
        return said


_TOKENS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
