"""One iteration: the agent, a commit, the verification, and what follows from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from ..ports.runs import Ending, Iteration, Measure, Run
from ..settings.tree import Ralph as RalphSettings
from .approvals import about_risk
from .changes import diff_of
from .prompt import feedback
from .risk import assess, touched_tests
from .running import Ran, Running, Work
from .stagnation import Patience, described, error_key, next_measure, report, stagnation, traces
from .states import Decision, Facts, Limits, decide, is_usage_message, keeps_promise, move
from .verify import READ_FILES, Report, Verifier, detect
from .worktree import Worktree

DETAIL_CHARACTERS = 4000


class Iterating:
    """Does iterations; writes nothing but the worktree, its branch and the run's private folder.

    Args:
        running: Runs the agents.
        verifier: Runs the verify commands.
        settings: The section `ralph`.
        logs: Folder of the runs' private folders.
        clock: The time, with its zone.
    """

    def __init__(
        self,
        *,
        running: Running,
        verifier: Verifier,
        settings: RalphSettings,
        logs: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._running = running
        self._verifier = verifier
        self._settings = settings
        self._logs = logs
        self._clock = clock
        self._patience = Patience(settings.loop.stalled_without_changes, settings.loop.stalled_with_same_error)

    async def iterate(self, work: Work) -> tuple[Iteration, Ending]:
        """Do one iteration.

        Args:
            work: What it starts from.

        Returns:
            What it did, and what it means for the run.

        Raises:
            NoBackendError: No agent can be started.
            GitError: The repository is gone or broken.
            UnavailableError: There is no disk space, or something is missing that may come back.
            OSError: The private folder cannot be written.
        """
        run, n, worktree = work.run, work.n, work.worktree
        started = self._clock()
        scratch = self._logs / run.asked.id
        await asyncio.to_thread(scratch.mkdir, mode=0o700, parents=True, exist_ok=True)
        ran = await self._running.run(work, scratch, started)
        # Committed before it is verified: what the verification leaves behind is no part of the work.
        saved = await worktree.checkpoint(run.commit, _message(run.asked.task, n, ran.outcome.exit_code))
        changes = await worktree.changes(run.commit or worktree.base_commit, saved.commit)
        commands, notes = await self._commands(work, saved.commit)
        notes = (*ran.notes, *saved.notes, *notes)
        # They are there when the commit is verified, and not where it is merged.
        ignored = await worktree.ignored()
        said = await self._verifier.run(
            commands, worktree.path, scratch, scratch / f"verify_{n}.log", worktree.readable
        )
        finished = self._clock()
        added = {change.path for change in changes if change.kind == "added"}
        touched = touched_tests([*(change.path for change in changes), *ignored], commands, added.union(ignored))
        risk = assess(changes)
        if touched:
            notes += (f"the tests that verify were edited: {', '.join(touched[:5])}",)
        if unseen := [path for path in touched if path in ignored]:
            notes += (f"git ignores {', '.join(unseen[:5])}: the tests ran with what is not in the commit",)
        iteration = Iteration(
            n=n,
            exit_code=ran.outcome.exit_code,
            blocked=ran.outcome.exit_code == self._settings.loop.exit_code_block,
            changed=bool(changes),
            verified=said.passed if commands else ran.outcome.exit_code == 0,
            detail=(said.output or ran.outcome.output_tail)[-DETAIL_CHARACTERS:],
            commit=saved.commit,
            cost_usd=ran.outcome.cost_usd,
            tokens=ran.outcome.tokens,
            started_at=started,
            finished_at=finished,
            parent=run.head,
            backend=ran.backend,
            sandbox=ran.outcome.sandbox,
            diff=await worktree.diff(worktree.base_commit, saved.commit),
            step=diff_of(changes),
            measure=run.measure,
            risk=risk.level,
            risk_reasons=risk.reasons,
            touched_tests=touched,
        )
        return self._concluded(work, iteration, replace(ran, notes=notes), said)

    def _concluded(self, work: Work, iteration: Iteration, ran: Ran, said: Report) -> tuple[Iteration, Ending]:
        """What follows from an iteration: it is complete, at a limit, stuck, or another one follows."""
        decision = decide(self._facts(work, iteration, ran), self._limits(work.run))
        if decision.state != "completed":
            decision = replace(decision, reason="; ".join((decision.reason, *ran.notes)))
        wrong = said.output if said.failed else ran.outcome.output_tail if iteration.exit_code else decision.reason
        key = "" if decision.state == "completed" else error_key(wrong)
        iteration = replace(iteration, reason=decision.reason, error_key=key)
        iteration, decision, measure = self._against_stagnation(work, iteration, decision)
        if decision.state == "completed":
            told = " ".join(f"{note[:1].upper()}{note[1:]}." for note in ran.notes)
        else:
            told = feedback(decision, ran.outcome, said)
        ending = Ending(
            state=move("running", decision.state),
            pause_seconds=decision.pause_seconds,
            measure=measure,
            backend=self._settings.backends.fallback if measure == "fallback" else ran.backend,
        )
        return replace(iteration, feedback=told), self._asking(iteration, ending)

    def _against_stagnation(
        self, work: Work, iteration: Iteration, decision: Decision
    ) -> tuple[Iteration, Decision, Measure]:
        goes_on = decision.state in ("running", "retrying")
        if not goes_on or iteration.n < self._settings.loop.min_iterations:
            return iteration, decision, ""
        history = [*work.history, iteration]
        stuck = stagnation(traces(history, work.run.watch_from), self._patience)
        measure = next_measure(stuck, has_fallback=self._running.has_fallback(iteration.backend))
        if measure is None:
            why = f"{report(history, stuck, self._patience)}; {decision.reason}"
            return replace(iteration, reason=why), Decision("stalled", why), ""
        if measure:
            why = f"{decision.reason}; {described(stuck, self._patience)}"
            return replace(iteration, reason=why), replace(decision, reason=why), measure
        return iteration, decision, ""

    def _asking(self, iteration: Iteration, ending: Ending) -> Ending:
        approval = self._settings.approval
        question = about_risk(
            iteration,
            approval.approval_threshold,
            state=ending.state,
            timeout_seconds=approval.timeout_minutes * 60,
        )
        if question is None:
            return ending
        return replace(ending, state=move("running", "awaiting_approval"), pause_seconds=0, question=question)

    def _facts(self, work: Work, iteration: Iteration, ran: Ran) -> Facts:
        run = work.run
        line = [each for each in work.history if not each.undone]
        before = line[-1] if line else None
        fruitless = sum(1 for _ in takewhile(lambda each: not each.changed, reversed(line)))
        return Facts(
            n=iteration.n,
            used=iteration.n - run.since_iteration,
            exit_code=iteration.exit_code,
            blocked=iteration.blocked,
            verified=iteration.verified,
            promised=keeps_promise(ran.outcome.output_tail, run.asked.completion_promise),
            any_changes=iteration.diff.files > 0,
            fruitless=0 if iteration.changed else 1 + fruitless,
            usage_error=iteration.blocked
            and not iteration.changed
            and is_usage_message(ran.outcome.output_tail)
            and before is not None
            and before.blocked
            and not before.changed
            and before.backend == iteration.backend
            and before.n > run.since_iteration,
            minutes=(iteration.finished_at - (run.since or iteration.started_at)).total_seconds() / 60,
            cost_usd=run.cost_usd - run.since_cost_usd + iteration.cost_usd,
            refused=ran.refused,
        )

    def _limits(self, run: Run) -> Limits:
        return Limits(
            require_changes=run.asked.require_changes,
            min_iterations=self._settings.loop.min_iterations,
            max_iterations=run.asked.max_iterations,
            max_minutes=run.asked.max_minutes,
            max_cost_usd=run.asked.max_cost_usd,
        )

    async def _commands(self, work: Work, commit: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The verify commands, given or detected, and what is to be said about them."""
        if work.run.asked.verify:
            return work.run.asked.verify, ()
        # Those of the base come first, for the agent can write the others; they are better than none all the same.
        if commands := await _detected(work.worktree, work.worktree.base_commit):
            return commands, ()
        if commands := await _detected(work.worktree, commit):
            return commands, (f"the tests that were run (`{commands[0]}`) are the agent's own: there were none before",)
        return (), ()


async def _detected(worktree: Worktree, commit: str) -> tuple[str, ...]:
    """The verify command that the files of a commit call for."""
    files = await worktree.files(commit)
    texts = {file: await worktree.text(commit, file) for file in files & READ_FILES}
    return detect(files, texts.__getitem__)


def _message(task: str, n: int, exit_code: int) -> str:
    subject = " ".join(task.split())[:60]
    return f"ralph: iteration {n}: {subject}\n\nExit code of the agent: {exit_code}\n"
