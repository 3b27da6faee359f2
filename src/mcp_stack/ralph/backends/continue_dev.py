"""Continue's `cn`: <https://docs.continue.dev/guides/cli>."""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import UnavailableError
from ...ports.agent import Assignment, ModelAccess
from .json_lines import objects, text
from .place import Place, write_private
from .program import ProgramAgent, Said, Start

OWN_CONFIGURATION = Path(".continue", "config.yaml")
MAX_OWN_CONFIGURATION_BYTES = 1_000_000
# It exits with 0 then.
SILENCE = "cn ended without an answer: it asked somebody, a tool was denied, or it was stopped"


class ContinueAgent(ProgramAgent):
    """Runs `cn -p`."""

    backend = "continue"
    program = "cn"

    def _start(self, assignment: Assignment, place: Place) -> Start:
        configuration = self._users_own() if assignment.model is None else _configuration(assignment.model)
        file = write_private(place.folder / "config.yaml", configuration)
        environment = {
            "CONTINUE_GLOBAL_DIR": str(place.folder / "continue"),
            "CONTINUE_METRICS_ENABLED": "0",
            "CONTINUE_CLI_ENABLE_TELEMETRY": "0",
        }
        # `-p` comes last: it takes a word that follows for the prompt.
        return Start(("--config", str(file), "--auto", "--format", "json", "-p"), environment)

    def _said(self, place: Place, output: Path) -> Said:  # noqa: ARG002 - all is in its output
        answer, failed = "", False
        events = list(objects(output))
        if not events and output.stat().st_size == 0:
            return Said(text=SILENCE, failed=True)
        for event in events:
            answer = text(event.get("response")) or text(event.get("message")) or answer
            failed = event.get("status") == "error"
        return Said(text=answer, failed=failed)

    def _users_own(self) -> str:
        file = Path(self._environ.get("HOME", "/")) / OWN_CONFIGURATION
        try:
            with file.open(encoding="utf-8") as opened:
                return opened.read(MAX_OWN_CONFIGURATION_BYTES)
        except (OSError, ValueError):
            raise UnavailableError(
                f"no model is configured for the backend {self.backend}",
                f"configure a model of the hybrid coordinator, or one in {file}",
            ) from None


def _configuration(model: ModelAccess) -> str:
    """The YAML, written as JSON, which YAML includes."""
    return json.dumps(
        {
            "name": "ralph-wiggum",
            "version": "1.0.0",
            "schema": "v1",
            "models": [
                {
                    "name": model.model,
                    "provider": "openai",
                    "model": model.model,
                    "apiBase": model.openai_url,
                    "apiKey": model.key,
                    "roles": ["chat", "edit", "apply"],
                    "capabilities": ["tool_use"],
                }
            ],
        }
    )
