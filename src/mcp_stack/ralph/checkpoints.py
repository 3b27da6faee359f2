"""Files about runs for people and other programs; the database is what counts."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..ports.runs import Ending, Iteration, NewRun, Run
from .workspace import branch_of


class Checkpoints:
    """Writes `checkpoints/<task id>/checkpoint_N.json` and `state.json`, each whole or not at all.

    Args:
        folder: Ralph's folder in the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, asked: NewRun, iteration: Iteration, ending: Ending) -> Path:
        """Write the checkpoint of an iteration; doing it again replaces it.

        Returns:
            The file.

        Raises:
            OSError: It cannot be written.
        """
        file = self._folder / "checkpoints" / asked.id / f"checkpoint_{iteration.n}.json"
        write_json(
            file,
            {
                "task_id": asked.id,
                "task": asked.task,
                "iteration": iteration.n,
                "state": ending.state,
                "reason": iteration.reason,
                "feedback": iteration.feedback,
                "backend": iteration.backend,
                "exit_code": iteration.exit_code,
                "blocked": iteration.blocked,
                "changed": iteration.changed,
                "verified": iteration.verified,
                "parent": iteration.parent,
                "risk": iteration.risk,
                "touched_tests": list(iteration.touched_tests),
                "sandbox": iteration.sandbox,
                "branch": branch_of(asked.id),
                "commit": iteration.commit,
                "base_commit": asked.base_commit,
                "files_modified": iteration.diff.files,
                "lines_changed": iteration.diff.lines,
                "started_at": iteration.started_at.isoformat(),
                "finished_at": iteration.finished_at.isoformat(),
            },
        )
        return file

    def save_index(self, runs: Sequence[Run]) -> None:
        """Write `state.json`, the index of this machine's tasks.

        Raises:
            OSError: It cannot be written.
        """
        tasks = {
            run.asked.id: {
                "task": run.asked.task[:200],
                "workspace": run.asked.workspace,
                "branch": branch_of(run.asked.id),
                "backend": run.backend,
                "state": run.state,
                "iteration": run.iteration,
                "commit": run.commit,
                "last_error": run.last_error[:1000],
                "submitted_at": run.submitted_at.isoformat(),
                "finished_at": run.finished_at.isoformat() if run.finished_at else "",
            }
            for run in runs
        }
        write_json(self._folder / "state.json", {"tasks": tasks})


def write_json(file: Path, content: object) -> None:
    """Replace a file by a JSON document, so that a reader finds the old one or the new one whole.

    Args:
        file: Its folders are made if missing.
        content: What JSON can say.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as unfinished:
            json.dump(content, unfinished, indent=2, ensure_ascii=False)
            unfinished.flush()
            os.fsync(unfinished.fileno())
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
