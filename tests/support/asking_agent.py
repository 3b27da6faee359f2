"""An agent of a few lines: it asks the model that it is given, and writes the answer to a file.

::

    asking_agent.py FILE
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main() -> None:
    body = {"model": os.environ["MCP_STACK_MODEL"], "messages": [{"role": "user", "content": sys.stdin.read()}]}
    request = urllib.request.Request(
        f"{os.environ['OPENAI_BASE_URL']}/chat/completions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        sys.exit(f"HTTP {error.code}: {error.read().decode()}")
    Path(sys.argv[1]).write_text(answer, encoding="utf-8")


main()
