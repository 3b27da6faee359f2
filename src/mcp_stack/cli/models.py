"""`mcp-stack models`: local models, which of them suits this machine, and where to get it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..composition.model_files import ModelFile, ModelFiles
from ..composition.models import local_model_state
from ..errors import NotFoundError
from ..ports.chat import ModelState
from ..settings import Settings, load_settings

STEPS = 10
"""Lines of progress where no terminal shows a bar."""


def run_models(chosen: argparse.Namespace) -> int:
    """Do what `mcp-stack models ACTION` says.

    Args:
        chosen: The arguments.

    Returns:
        The exit status.

    Raises:
        UsageError, NotFoundError, UnavailableError: As the actions.
    """
    settings = load_settings().settings
    files = ModelFiles(settings)
    match chosen.action:
        case "list":
            return list_models(settings, files)
        case "path":
            return show_path(files, chosen.name)
        case _:
            return pull_model(files, chosen.name, chosen.url, chosen.sha256, again=chosen.again)


def list_models(settings: Settings, files: ModelFiles) -> int:
    """Print the known models and those that are here, how fast they are, and which one is used."""
    rows = files.all()
    width = max(len(row.name) for row in rows)
    for row in rows:
        print(f" {'→' if row.used else ' '} {row.name:<{width}}  {row.bytes / 1e9:5.2f} GB  {_condition(row)}")
    print()
    if settings.llm.local.url:
        print(f"The local model is the endpoint that llm.local.url names; the files in {files.folder} are not used.")
        return 0
    if (used := next((row for row in rows if row.used), None)) is not None:
        print(_state(asyncio.run(local_model_state(files))))
        if used.here and (advice := files.advice(used.path)):
            print(advice)
        return 0
    print("There is no local model. To have one: mcp-stack models pull")
    return 0


def show_path(files: ModelFiles, name: str) -> int:
    """Print where a model's file is.

    Args:
        files: The folder.
        name: Of the model; empty for the one that is used.

    Raises:
        NotFoundError: It is not here.
    """
    path = files.path_of(name) if name else files.chosen
    if path is None or not path.is_file():
        raise NotFoundError(f"the model {name or 'for local answers'} is not here", "mcp-stack models pull")
    print(path)
    return 0


def pull_model(files: ModelFiles, name: str, url: str, sha256: str, *, again: bool) -> int:
    """Download a model, and say what came.

    Args:
        files: The folder.
        name: Of the model; empty for the one that suits this machine, or for the name of the file at `url`.
        url: Another address than the hub's.
        sha256: What its checksum must be.
        again: Also if it is here.

    Raises:
        UsageError: The name or the address is not acceptable.
        StackError: As in `ModelFiles.pull`.
    """
    if not name and url:
        name = Path(url.partition("?")[0]).name
    if not name:
        suitable, why = files.suitable()
        name = suitable.name
        print(f"{name} suits this machine: {why}.")
    with _progress(name) as progress:
        pulled = files.pull(name, url, sha256, progress, again=again)
    if pulled is None:
        print(f"{files.path_of(name)} is here already.")
        return 0
    checked = "as it should be" if pulled.verified else "which nobody told beforehand: it is not verified"
    print(f"{pulled.path}\n{pulled.bytes} bytes, SHA-256 {pulled.sha256}, {checked}.")
    return 0


def _condition(row: ModelFile) -> str:
    if not row.here:
        return "missing" if row.used else f"not here: mcp-stack models pull {row.name}"
    if row.decode_per_second is None or row.prefill_per_second is None:
        return "here, not used yet"
    return f"here, reads {row.prefill_per_second:.0f} and writes {row.decode_per_second:.1f} tokens/s"


def _state(state: ModelState) -> str:
    where = f" in process {state.holder_pid}, {state.unfinished} requests" if state.holder_pid else ""
    return f"The local model is {state.status}{where}."


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else a line for each tenth; on stderr, for the result is on stdout."""
    if not sys.stderr.isatty():
        shown = -1

        def line(here: int, total: int) -> None:
            nonlocal shown
            if total and (step := here * STEPS // total) > shown:
                shown = step
                print(f"{name}: {here / 1e6:.1f} of {total / 1e6:.1f} MB", file=sys.stderr)

        yield line
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn  # noqa: PLC0415 - as above

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda here, total: bar.update(task, completed=here, total=total or None)
