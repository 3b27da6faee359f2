"""Anything that people, models and workers may do with a task, in any order, on the real store."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from mcp_stack.jobs.app import JobAdder
from mcp_stack.ports.run_control import Actor, NewLimits
from mcp_stack.ports.runs import Diff, Ending, Iteration, NewRun, Question, Run, State
from mcp_stack.ralph.states import AT_REST, CANCELLABLE, FINAL, RESUMABLE, STEERABLE, move
from mcp_stack.storage.postgres.run_control import PostgresRunControl
from mcp_stack.storage.postgres.runs import WITH_A_JOB, PostgresRuns
from tests.support.postgres import open_database

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHO = Actor("ann", "terminal")


class Tasks(RuleBasedStateMachine):
    """One task, what its store says, and what it has to say.

    Attributes:
        line: The iterations that the work rests on, in order.
        parents: By iteration.
    """

    conninfo: str

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = open_database(self.conninfo)
        adder = JobAdder()
        self.runs = PostgresRuns(self.database, adder.add_iteration, adder.add_approval_timeout)
        self.control = PostgresRunControl(self.database, adder.add_iteration, adder.add_approval_timeout)
        self.id = ""
        self.state: State = "queued"
        self.iteration = 0
        self.line: list[int] = []
        self.parents: dict[int, int] = {}
        self.guidance = 0
        self.lines_of_log = 0
        self.numbers: list[int] = []
        self.asks_first = False
        self.approved_first = False

    def teardown(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    def now(self) -> Run:
        run: Run = self.do(self.runs.get(self.id))
        return run

    def went(self, new: State) -> None:
        self.state = move(self.state, new)

    @precondition(lambda self: not self.id)
    @rule(asks=st.booleans())
    def submit(self, asks: bool) -> None:
        self.id = str(uuid.uuid4())
        run = NewRun(self.id, "x", "/w", "base", "command", "here", 0, (), "", True, 0, 0, asks)
        self.do(self.runs.submit(run, Question("first", "queued", 60) if asks else None))
        self.state = "awaiting_approval" if asks else "queued"
        self.asks_first = asks
        self.lines_of_log += asks
        if asks:
            self.numbers.append(self.now().approval.number)  # type: ignore[union-attr]

    @precondition(lambda self: self.id)
    @rule(
        state=st.sampled_from(
            [*["running"] * 5, "retrying", "completed", "failed", "limit_reached", "stalled", "awaiting_approval"]
        ),
        then=st.sampled_from(["queued", "completed"]),
    )
    def iterate(self, state: State, then: State) -> None:
        n, run = self.iteration + 1, self.now()
        began = self.do(self.runs.begin(self.id, n, "base", run.epoch))
        assert began == (self.state in WITH_A_JOB)
        asks = state == "awaiting_approval"
        step = Iteration(n, 0, False, True, False, "", f"c{n}", 0, 0, NOW, NOW, parent=run.head, diff=Diff(n, n, "x"))
        ending = Ending(state, question=Question("risk", then, 60) if asks else None)
        finished = self.do(self.runs.finish(self.id, step, ending, run.epoch))
        assert finished == began
        if finished:
            assert not self.asks_first or self.approved_first
            self.went("running")
            self.went(state)
            self.iteration = n
            self.parents[n] = self.line[-1] if self.line else 0
            self.line.append(n)
            self.lines_of_log += asks
            if asks:
                self.numbers.append(self.now().approval.number)  # type: ignore[union-attr]

    @precondition(lambda self: self.state in RESUMABLE)
    @rule(states=st.lists(st.sampled_from(["running", "retrying", "completed"]), min_size=1, max_size=3))
    def go_on_for_a_while(self, states: list[State]) -> None:
        self.resume(None)
        for state in states:
            self.iterate(state, "queued")

    @precondition(lambda self: self.id)
    @rule()
    def commit_of_a_worker_whose_task_was_taken_away(self) -> None:
        run = self.now()
        for epoch in range(run.epoch):
            assert not self.do(self.runs.begin(self.id, self.iteration + 1, "base", epoch))
            assert not self.do(self.runs.is_wanted(self.id, self.iteration + 1, epoch))
            assert not self.do(self.runs.set_aside(self.id, self.iteration + 1, "failed", "late", epoch))

    @precondition(lambda self: self.numbers)
    @rule(which=st.integers(0, 20), says_yes=st.booleans())
    def answer(self, which: int, says_yes: bool) -> None:
        number = self.numbers[which % len(self.numbers)]
        run = self.now()
        is_open = run.approval is not None and run.approval.number == number
        answer = self.control.approve if says_yes else self.control.reject
        done = self.do(answer(self.id, number, WHO, "because"))
        assert (done is not None) == is_open == (self.state == "awaiting_approval" and number == self.numbers[-1])
        if done is not None:
            self.lines_of_log += 1
            self.went(done.state if says_yes else "cancelled")
            self.approved_first |= says_yes and not self.line

    @precondition(lambda self: self.id)
    @rule()
    def steer(self) -> None:
        done = self.do(self.control.steer(self.id, "look", WHO))
        assert (done is not None) == (self.state in STEERABLE)
        self.lines_of_log += done is not None

    @precondition(lambda self: self.id)
    @rule()
    def cancel(self) -> None:
        done = self.do(self.control.cancel(self.id, WHO))
        assert (done is not None) == (self.state in CANCELLABLE)
        if done is not None:
            self.lines_of_log += 1
            self.went("cancelled")

    @precondition(lambda self: self.id)
    @rule(most=st.none() | st.integers(0, 9))
    def resume(self, most: int | None) -> None:
        asks = self.asks_first and not self.approved_first
        question = Question("first", "queued", 60) if asks else None
        done = self.do(self.control.resume(self.id, NewLimits(max_iterations=most), question, WHO))
        assert (done is not None) == (self.state in RESUMABLE)
        if done is not None:
            self.lines_of_log += 1 + asks
            self.went("awaiting_approval" if asks else "queued")
            assert done.state == self.state
            assert (done.since_iteration, done.watch_from) == (self.iteration, self.iteration)
            if asks:
                self.numbers.append(done.approval.number)

    @precondition(lambda self: self.id)
    @rule(n=st.integers(0, 12))
    def roll_back(self, n: int) -> None:
        n %= self.iteration + 2  # one that there is, or the next
        done = self.do(self.control.roll_back(self.id, n, WHO))
        assert (done is not None) == (self.state in AT_REST and (n == 0 or n in self.parents))
        if done is not None:
            self.lines_of_log += 1
            self.went("cancelled")
            self.line = []
            while n:
                self.line.insert(0, n)
                n = self.parents[n]

    @invariant()
    def the_store_says_what_happened(self) -> None:
        if not self.id:
            return
        run = self.now()
        head = self.line[-1] if self.line else 0
        assert (run.state, run.iteration, run.head) == (self.state, self.iteration, head)
        assert run.commit == (f"c{head}" if head else "")
        assert run.diff.files == head
        assert (run.finished_at is not None) == (self.state in FINAL)
        assert (run.approval is not None) == (self.state == "awaiting_approval")
        iterations = self.do(self.runs.iterations(self.id))
        assert [each.n for each in iterations] == list(range(1, self.iteration + 1))
        assert [each.n for each in iterations if not each.undone] == self.line
        assert {each.n: each.parent for each in iterations} == self.parents
        assert len(self.do(self.control.actions(self.id))) == self.lines_of_log

    @invariant()
    def what_goes_on_has_a_job(self) -> None:
        if self.id and self.state in WITH_A_JOB:
            assert self.iteration + 1 in self.do(self._deferred())

    async def _deferred(self) -> list[int]:
        async with self.database.read() as connection:
            cursor = await connection.execute(
                "select (args->>'n')::int as n from jobs.procrastinate_jobs"
                " where task_name = 'ralph.iteration' and args->>'run_id' = %s",
                [self.id],
            )
            return [row["n"] for row in await cursor.fetchall()]


def test_a_task_is_never_in_a_state_that_nobody_put_it_in(conninfo: str) -> None:
    machine = type("TasksOfThisDatabase", (Tasks,), {"conninfo": conninfo})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
