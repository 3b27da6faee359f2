"""What the agent is told."""

from __future__ import annotations

from collections.abc import Sequence

from ..ports.agent import AgentOutcome
from ..ports.run_control import Action
from ..ports.runs import Measure, NewRun
from .states import Decision
from .verify import Report

TAIL_CHARACTERS = 2000
GUIDANCE_CHARACTERS = 20_000

_PREAMBLE = (
    "You work in a git repository, on iteration {iteration} of the task below. Edit the files; what you changed is "
    "committed for you."
)
_DIAGNOSE = (
    "The last iterations made no headway. Do not repeat what they did. First find out why: read the error to its end, "
    "write down three causes that it may have and how each would show, look, and rule them out one by one. Then "
    "correct the one that is left. If the task cannot be done as it is described, say what stands in the way."
)
_TAKE_OVER = "Another agent got stuck at this task and you take over. Look at what it did as a reviewer would."


def prompt(asked: NewRun, iteration: int, feedback: str, guidance: Sequence[Action] = (), measure: Measure = "") -> str:
    """The prompt of one iteration.

    Its first line is always ours: some agents run a message that starts with `!` or `/` as a command.

    Args:
        asked: The task.
        iteration: From 1.
        feedback: What the last iteration lacked; empty in the first.
        guidance: What people said so far, the oldest first.
        measure: What is tried against stagnation.
    """
    parts = [_PREAMBLE.format(iteration=iteration), f"## Task\n\n{asked.task}"]
    if measure:
        parts.append(f"## Before you begin\n\n{_TAKE_OVER if measure == 'fallback' else _DIAGNOSE}")
    if feedback:
        parts.append(f"## What the last iteration lacked\n\n{feedback}")
    if told := _told(guidance, iteration):
        parts.append(f"## Guidance of the person who reviews your work\n\n{told}")
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


def _told(guidance: Sequence[Action], iteration: int) -> str:
    """Guidance goes on counting, for each iteration begins with an agent that knows nothing; the newest wins."""
    parts: list[str] = []
    left = GUIDANCE_CHARACTERS
    for each in reversed(guidance):
        when = "" if each.used_in == iteration else f"(said before iteration {each.used_in}) "
        left -= len(each.note)
        if left < 0 and parts:
            break
        parts.append(f"- {when}{each.note}")
    return "\n".join(reversed(parts))
