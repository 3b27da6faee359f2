"""Bugs that file themselves: what no code expected becomes an issue."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ...errors import StackError
from ...masking import without_secrets
from ...normalising import normalised
from ...ports.issues import Issues, Report
from .issues import MAX_DESCRIPTION, MAX_TITLE

logger = logging.getLogger(__name__)

# The caller waits for its error message meanwhile, and a database that hangs is no reason to keep it waiting.
SECONDS_TO_FILE: Final = 5.0
FRAMES_SHOWN: Final = 12
MESSAGE_CHARACTERS: Final = 2_000
PACKAGE: Final = "mcp_stack"
# What calls every tool and every job says nothing about the one that failed.
PLUMBING: Final = ("mcp_stack/mcp/", "mcp_stack/jobs/")


class Bugs:
    """Files exceptions as issues: the same exception from the same function is the same issue, whoever called it.

    Args:
        issues: Where they go.
    """

    def __init__(self, issues: Issues) -> None:
        self._issues = issues

    async def report(self, where: str, incident: str, error: Exception) -> None:
        """File an exception; never raises, for the failure that led here is the one to tell of.

        Args:
            where: The tool as `server.tool`, or the job.
            incident: Under which the log holds the traceback.
            error: What was raised.
        """
        try:
            async with asyncio.timeout(SECONDS_TO_FILE):
                filed = await self._issues.file(_report(where, incident, error))
        except (StackError, TimeoutError) as failure:
            logger.warning("incident %s is in this log only: %s", incident, failure or "the database hangs")
        except Exception:
            logger.exception("incident %s could not be filed", incident)
        else:
            logger.info("incident %s is issue %s, occurrence %d", incident, filed.issue_id, filed.occurrences)


def _report(where: str, incident: str, error: Exception) -> Report:
    kind = type(error).__qualname__
    # Controls and halves of characters cannot be stored.
    said = "".join(
        each if each.isprintable() or each in "\t\n" else "\ufffd" for each in str(error)[:MESSAGE_CHARACTERS]
    )
    said = without_secrets(said)
    message = normalised(said)
    calls = list(_calls(error))
    # What it is recognised by: the innermost function of ours, for those of libraries may differ from call to call.
    place = next((f"{call.file} {call.function}" for call in reversed(calls) if call.is_ours), where)
    title = f"{kind} in {where}" + (f": {message}" if message else "")
    shown = "\n".join(f"  {call.file}:{call.line} in {call.function}" for call in calls[-FRAMES_SHOWN:])
    return Report(
        title=title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…",
        severity="P1",
        category="bug",
        description=f"{kind}: {said}\n\nFirst seen in {where}:\n{shown}"[:MAX_DESCRIPTION],
        context={"where": where, "exception": f"{type(error).__module__}.{kind}"},
        signature=hashlib.sha256("\0".join(("exception", kind, message, place)).encode()).digest(),
        incident=incident,
    )


class _Call(NamedTuple):
    """One line of a traceback; neither its source nor its values, which may be secret."""

    file: str
    line: int
    function: str
    is_ours: bool


def _calls(error: Exception) -> Iterator[_Call]:
    """The calls that led to an exception, the innermost last."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        parts = Path(frame.f_code.co_filename).parts
        # Neither where it is installed nor whose home that is matters.
        start = len(parts) - 1 - parts[::-1].index(PACKAGE) if PACKAGE in parts else max(len(parts) - 2, 0)
        file = "/".join(parts[start:])
        is_ours = PACKAGE in parts and not file.startswith(PLUMBING)
        yield _Call(file, line, frame.f_code.co_qualname, is_ours)
