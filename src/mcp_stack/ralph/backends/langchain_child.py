"""The script that runs a deep agent of LangChain: `python -I langchain_child.py OPTIONS < PROMPT`.

It runs in the interpreter that has deepagents, not in ours, and imports nothing of ours. OPTIONS is a JSON file with
`model`, `url`, `key`, `max_steps` and `memory`: files with the project's conventions, as the agent's tools see them.
The agent edits the working folder; the last line on stdout is a JSON object with `type` (`result`), `text`, `tokens`
and `failed`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

WHERE = (
    "To your file tools the repository is the folder /, so that its file src/a.py is /src/a.py. Your shell starts in "
    "the repository: use relative paths there, such as src/a.py."
)


def main(options_file: str) -> int:
    """Run the agent on the prompt that stdin holds.

    Args:
        options_file: Removed when it is read.

    Returns:
        The exit status.
    """
    file = Path(options_file)
    options = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()

    from deepagents import create_deep_agent  # noqa: PLC0415 - slow: a wrong option is told before
    from deepagents.backends import LocalShellBackend  # noqa: PLC0415 - as above
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - as above

    model = ChatOpenAI(
        model=options["model"],
        base_url=options["url"] or None,
        api_key=options["key"],
        temperature=0,
        stream_usage=True,
    )
    # It holds no key: that is in the options.
    passed = dict(os.environ)
    backend = LocalShellBackend(root_dir=Path.cwd(), virtual_mode=True, inherit_env=False, env=passed)
    agent = create_deep_agent(model=model, backend=backend, system_prompt=WHERE, memory=options["memory"] or None)
    tokens, said, failed = 0, "", False
    try:
        for step in agent.stream(
            {"messages": [{"role": "user", "content": sys.stdin.read()}]},
            {"recursion_limit": options["max_steps"]},
            stream_mode="updates",
        ):
            for message in _messages(step):
                tokens += (getattr(message, "usage_metadata", None) or {}).get("total_tokens", 0)
                if message.type == "ai" and message.text:
                    said = str(message.text)
                _show(message)
    except Exception as error:  # noqa: BLE001 - told to whoever reads the output, whatever it is
        failed = True
        said = f"{type(error).__name__}: {error}"
    print(json.dumps({"type": "result", "text": said, "tokens": tokens, "failed": failed}), flush=True)  # noqa: T201 - its result
    return 1 if failed else 0


def _messages(step: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for update in step.values():
        messages = update.get("messages") if isinstance(update, dict) else None
        found += messages if isinstance(messages, list) else []
    return [message for message in found if hasattr(message, "type")]


def _show(message: Any) -> None:
    """A line for the log."""
    calls = [{"tool": call["name"], "arguments": call["args"]} for call in getattr(message, "tool_calls", None) or []]
    shown = {"type": message.type, "text": str(message.text), **({"calls": calls} if calls else {})}
    print(json.dumps(shown), flush=True)  # noqa: T201 - the log


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
