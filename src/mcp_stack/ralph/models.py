"""What Ralph's tools answer; the field names are the contract's."""

from __future__ import annotations

from pydantic import BaseModel, Field

from ..ports.runs import State


class SubmittedTask(BaseModel):
    """A task that was accepted."""

    task_id: str
    state: State


class TaskStatus(BaseModel):
    """A task as it stands."""

    task_id: str
    state: State
    iteration: int = Field(description="The last finished one, 0 before the first")
    last_exit_code: int = Field(description="The agent's, of that iteration")
    last_error: str = Field(description="Why that iteration did not complete the task, or why the task failed")
    backend: str
    started_at: str = Field(description="ISO 8601; empty before the first iteration")
    cost: float = Field(description="US dollars, as far as the agent reports them")
    tokens: int
    diff_stat: str = Field(description="What was changed so far, in one line")
    waiting_for: str = Field(description="Empty while an agent works, and at the end")


class TaskResult(BaseModel):
    """What came of a task, or what there is so far."""

    task_id: str
    state: State
    iterations: int
    files_modified: int
    lines_changed: int = Field(description="Added plus deleted")
    exit_codes: list[str] = Field(description="The agent's, of each iteration, such as `0` or `2 (blocked)`")
    duration_seconds: float
    repository: str = Field(description="The git repository that holds the branch")
    branch: str
    commits: list[str] = Field(description="One for each iteration")
    summary: str
