"""What the agent is told."""

from __future__ import annotations

from ..ports.agent import AgentOutcome
from ..ports.runs import NewRun
from .states import Decision
from .verify import Report

TAIL_CHARACTERS = 2000

_PREAMBLE = (
    "You work in a git repository, on iteration {iteration} of the task below. Edit the files; what you changed is "
    "committed for you."
)


def prompt(asked: NewRun, iteration: int, feedback: str) -> str:
    """The prompt of one iteration.

    Its first line is always ours: some agents run a message that starts with `!` or `/` as a command.

    Args:
        asked: The task.
        iteration: From 1.
        feedback: What the last iteration lacked; empty in the first.
    """
    parts = [_PREAMBLE.format(iteration=iteration), f"## Task\n\n{asked.task}"]
    if feedback:
        parts.append(f"## What the last iteration lacked\n\n{feedback}")
    done = [f"- `{command}` exits 0" for command in asked.verify]
    if asked.completion_promise:
        done.append(f"- the last line that you print is exactly: {asked.completion_promise}")
    if done:
        parts.append("## It is done when\n\n" + "\n".join(done))
    return "\n\n".join(parts) + "\n"


def feedback(decision: Decision, agent: AgentOutcome, report: Report) -> str:
    """What the next prompt says about an iteration.

    Args:
        decision: Why it did not complete the task.
        agent: How the agent ended.
        report: What the verification said.
    """
    parts = [decision.reason[:1].upper() + decision.reason[1:] + "."]
    if agent.timed_out:
        parts.append(f"You were stopped after {agent.duration_seconds:.0f} s: take smaller steps.")
    if not report.passed:
        parts.append(f"`{report.failed}` failed:\n\n```\n{report.output.strip()}\n```")
    elif agent.exit_code != 0 and agent.output_tail.strip():
        parts.append(f"You printed at the end:\n\n```\n{agent.output_tail.strip()[-TAIL_CHARACTERS:]}\n```")
    return "\n\n".join(parts)
