"""A coding agent that does what a plan says: `python scripted_agent.py PLAN`.

The plan is a JSON object from iteration, or `*`, to what is done in it: `write` (path to text), `print`, `sleep`
(seconds, before anything is written) and `exit`. Every start adds a line to PLAN.starts, with the prompt in JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main(plan_file: str) -> None:
    iteration = os.environ["MCP_STACK_ITERATION"]
    prompt = sys.stdin.read()
    assert prompt == Path(os.environ["MCP_STACK_PROMPT_FILE"]).read_text(encoding="utf-8")
    with Path(f"{plan_file}.starts").open("a", encoding="utf-8") as starts:
        starts.write(json.dumps({"iteration": int(iteration), "pid": os.getpid(), "prompt": prompt}) + "\n")
    plan = json.loads(Path(plan_file).read_text(encoding="utf-8"))
    step = plan.get(iteration) or plan.get("*") or {}
    time.sleep(step.get("sleep", 0))
    for name, text in step.get("write", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text.replace("ITERATION", iteration), encoding="utf-8")
    print(step.get("print", "did what I could"))
    sys.exit(step.get("exit", 0))


if __name__ == "__main__":
    main(sys.argv[1])
