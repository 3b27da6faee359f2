"""`mcp-stack skills`: import, look at, approve and reject skills; only here, for the model must not approve its own."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from ..composition import Stack
from ..errors import ConflictError
from ..settings import load_settings
from .confirming import confirmed

if TYPE_CHECKING:
    from ..aidb.desk.skills import Review, SkillLibrary
    from ..ports.skills import SkillStatus

T = TypeVar("T")


def run_skills(chosen: argparse.Namespace) -> int:
    """Do what `mcp-stack skills ACTION` says.

    Args:
        chosen: The arguments.

    Returns:
        The exit status.

    Raises:
        NotFoundError, ConflictError, UnavailableError: As the actions.
    """
    match chosen.action:
        case "import":
            return import_skills(chosen.path)
        case "list":
            return list_skills(chosen.status)
        case "show":
            return show_skill(chosen.slug)
        case "approve":
            return approve_skill(chosen.slug, asks=not chosen.yes)
        case _:
            return reject_skill(chosen.slug)


def import_skills(path: str) -> int:
    """Import a skill's folder, or all below a folder; say what became of each.

    Returns:
        1 if one was refused.

    Raises:
        NotFoundError: There is no skill.
        UnavailableError: The database is down.
    """
    folder = Path(path).expanduser().resolve()
    results = _with(lambda library: library.import_folder(folder))
    for each in results:
        print(f"{each.outcome:<9}  {each.slug or each.folder.name}" + (f": {each.problem}" if each.problem else ""))
    if any(each.outcome in ("new", "changed") for each in results):
        print("Look at what is pending with `mcp-stack skills show SLUG`, then approve it.")
    return 1 if any(each.outcome == "refused" for each in results) else 0


def list_skills(status: SkillStatus | Literal[""]) -> int:
    """Print every skill with its status.

    Args:
        status: Only these; empty for all.
    """
    entries = _with(lambda library: library.entries(status))
    width = max((len(each.slug) for each in entries), default=0)
    for each in entries:
        print(f"{each.status:<8}  {each.slug:<{width}}  {_shortened(each.description)}")
    if not entries:
        print("no skills: import some with `mcp-stack skills import PATH`")
    return 0


def show_skill(slug: str) -> int:
    """Print a skill, what differs from what was approved, and warnings.

    Raises:
        NotFoundError: There is no such skill.
    """
    review = _with(lambda library: library.review(slug))
    _print_review(review)
    return 0


def approve_skill(slug: str, *, asks: bool) -> int:
    """Show what is to be approved, and approve it.

    Args:
        slug: Which skill.
        asks: Ask for confirmation.

    Raises:
        NotFoundError: There is no such skill.
        ConflictError: It was imported again meanwhile, the answer was no, or nobody is there to answer.
    """

    async def approve(library: SkillLibrary) -> str:
        review = await library.review(slug)
        _print_review(review)
        if asks and not await asyncio.to_thread(confirmed):
            raise ConflictError(
                f"skill {slug} was not approved", "approve it when you have looked at it, or with --yes"
            )
        return await library.approve(review)

    problem = _with(approve)
    print(f"approved {slug}" + (f"; {problem}" if problem else ""))
    return 0


def reject_skill(slug: str) -> int:
    """Reject a skill: no tool finds it.

    Raises:
        NotFoundError: There is no such skill.
        ConflictError: It was imported again meanwhile.
    """

    async def reject(library: SkillLibrary) -> None:
        await library.reject((await library.review(slug)).skill)

    _with(reject)
    print(f"rejected {slug}")
    return 0


def _with(act: Callable[[SkillLibrary], Awaitable[T]]) -> T:
    async def run() -> T:
        stack = Stack(load_settings())
        try:
            return await act((await stack.desk()).skills)
        finally:
            await stack.close()

    return asyncio.run(run())


def _print_review(review: Review) -> None:
    skill = review.skill
    print(f"{skill.slug} ({skill.status}), from {skill.source}")
    for warning in review.warnings:
        print(f"warning: {warning}")
    if not review.diff:
        print("nothing differs from what was approved")
    elif skill.approved is None:
        print("\n".join(line[1:] for line in review.diff[3:]))  # all of it is new: no marks, no heads of a diff
    else:
        print("\n".join(review.diff))


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
