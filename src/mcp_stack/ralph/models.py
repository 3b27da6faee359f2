"""What Ralph's tools answer; the field names are the contract's."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field

from ..ports.run_control import Channel, Deed
from ..ports.runs import Level, Measure, State

EditedTests: TypeAlias = Annotated[
    list[str], Field(description="Changed files that decide whether the verification passes: look at them")
]


class SubmittedTask(BaseModel):
    """A task that was accepted."""

    task_id: str
    state: State


class TaskState(BaseModel):
    """A task after something was done with it."""

    task_id: str
    state: State
    note: str = Field(description="What happens next, or how to go on")


class TaskStatus(BaseModel):
    """A task as it stands."""

    task_id: str
    state: State
    iteration: int = Field(description="The last finished one, 0 before the first")
    last_exit_code: int = Field(description="The agent's, of that iteration")
    last_error: str = Field(description="Why that iteration did not complete the task, or why the task ended")
    backend: str = Field(description="The agent at work; another than the one asked for after a fallback")
    started_at: str = Field(description="ISO 8601; empty before the first iteration")
    cost: float = Field(description="US dollars, as far as it is counted")
    tokens: int
    diff_stat: str = Field(description="What was changed so far, in one line")
    edited_tests: EditedTests
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
    commits: list[str] = Field(description="One for each iteration that was not undone")
    edited_tests: EditedTests
    summary: str


class ListedTask(BaseModel):
    """One line of a list."""

    task_id: str
    task: str = Field(description="Its beginning")
    state: State
    iteration: int
    backend: str
    workspace: str
    submitted_at: str
    last_error: str = Field(description="Its beginning")


class TaskList(BaseModel):
    """Tasks, the newest first."""

    tasks: list[ListedTask]
    total: int = Field(description="How many there are; at most 50 are listed")


class LoggedIteration(BaseModel):
    """One iteration."""

    iteration: int
    started_from: int = Field(description="The iteration whose commit it started from; 0 for the base")
    undone: bool = Field(description="A rollback went back behind it")
    backend: str
    sandbox: str = Field(description="What confined the agent")
    exit_code: str = Field(description="Such as `0` or `2 (blocked)`")
    verified: bool
    reason: str = Field(description="Why it did not complete the task")
    measure: Measure = Field(description="What it tried against stagnation")
    risk: Level
    risk_reasons: list[str]
    edited_tests: EditedTests
    files_modified: int
    lines_changed: int
    diff_stat: str
    commit: str
    cost: float
    tokens: int
    started_at: str
    duration_seconds: float
    detail: str = Field(description="The end of what the verification or the agent said; the beginning of it in a list")


class LoggedAction(BaseModel):
    """Something that a person, a client or the loop did with the task."""

    at: str
    action: Deed
    iteration: int = Field(description="That the task stood at")
    by: str
    via: Channel
    note: str


class TaskLog(BaseModel):
    """What happened to a task."""

    task_id: str
    state: State
    iterations: list[LoggedIteration] = Field(description="The one asked for, or the last 50")
    actions: list[LoggedAction] = Field(description="Approvals, guidance and the like, the last 50")
    diff: str = Field(description="Of the iteration asked for, cut after 20,000 characters; empty in a list")
    output_file: str = Field(description="All that the agent of that iteration wrote, on the machine that ran it")


class Backend(BaseModel):
    """A coding agent."""

    name: str
    installed: bool
    version: str
    how_to_install: str = Field(description="Empty if it is installed")
    is_default: bool
    is_fallback: bool


class BackendList(BaseModel):
    """The coding agents that there are."""

    backends: list[Backend]
