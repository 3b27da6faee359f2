"""Goose: <https://goose-docs.ai>."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ...ports.agent import Assignment
from .json_lines import count, objects, text
from .place import Place
from .program import ProgramAgent, Said, Start

MAX_TURNS = 100
# Its answer when a request failed; it exits with 0 then.
FAILURE = "Ran into this error:"
NO_CREDIT = "creditsExhausted"


class GooseAgent(ProgramAgent):
    """Runs `goose run` without a session."""

    backend = "goose"
    program = "goose"
    own_configuration: ClassVar[tuple[str, ...]] = (
        *("GOOSE_PROVIDER", "GOOSE_MODEL"),
        *("OPENAI_API_KEY", "OPENAI_HOST", "OPENAI_BASE_PATH", "ANTHROPIC_API_KEY", "ANTHROPIC_HOST"),
        *("OPENROUTER_API_KEY", "GOOGLE_API_KEY", "OLLAMA_HOST"),
    )

    def _start(self, assignment: Assignment, place: Place) -> Start:
        environment = {
            "GOOSE_PATH_ROOT": str(place.folder / "goose"),
            "GOOSE_DISABLE_KEYRING": "1",
            "GOOSE_DISABLE_SESSION_NAMING": "true",
            "GOOSE_TELEMETRY_OFF": "1",
            "GOOSE_MODE": "auto",
        }
        if (model := assignment.model) is None:
            environment |= self._own(
                "GOOSE_PROVIDER",
                remedy="configure a model of the hybrid coordinator, or set GOOSE_PROVIDER, GOOSE_MODEL and the "
                "provider's key for the worker",
            )
        else:
            base, _, path = model.openai_url.partition("://")[2].partition("/")
            scheme = model.openai_url.partition("://")[0]
            environment |= {
                "GOOSE_PROVIDER": "openai",
                "GOOSE_MODEL": model.model,
                "OPENAI_HOST": f"{scheme}://{base}",
                "OPENAI_BASE_PATH": f"{path.rstrip('/')}/chat/completions".lstrip("/"),
                "OPENAI_API_KEY": model.key,
                # What its model waits for, is waited for behind its address.
                "GOOSE_PROVIDER_SKIP_BACKOFF": "true",
            }
        arguments = (
            *("run", "--no-session", "--no-profile", "--with-builtin", "developer", "--max-turns", str(MAX_TURNS)),
            *("--output-format", "stream-json", "-q", "-i", "-"),
        )
        return Start(arguments, environment)

    def _said(self, place: Place, output: Path) -> Said:  # noqa: ARG002 - all is in its output
        tokens, said, speaker, refused = 0, "", "", False
        for event in objects(output):
            if event.get("type") == "complete":
                tokens = count(event.get("total_tokens"))
            message = event.get("message")
            if event.get("type") != "message" or not isinstance(message, dict) or message.get("role") != "assistant":
                continue
            content = message.get("content")
            parts = [part for part in (content if isinstance(content, list) else []) if isinstance(part, dict)]
            refused = refused or any(part.get("notificationType") == NO_CREDIT for part in parts)
            pieces = [text(part.get("text")) for part in parts if part.get("type") == "text"]
            if not pieces:
                continue
            # A message comes in pieces that share its id.
            said = said + "".join(pieces) if text(message.get("id")) == speaker else "".join(pieces)
            speaker = text(message.get("id"))
        return Said(text=said, tokens=tokens, failed=refused or said.startswith(FAILURE))
