"""The skills: imported on the command line, looked at and approved by a person, then found by the model."""

from __future__ import annotations

import asyncio
import difflib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ...errors import ConflictError, NotFoundError, StackError, UnavailableError, UsageError
from ...ports.embedder import Embedder, Vector
from ...ports.feeding import Feeder
from ...ports.skills import Skill, SkillContent, SkillEntry, SkillMatch, Skills, SkillStatus
from ...validation import checked_text
from ..arguments import MAX_NAME, checked_limit
from .models import SkillFileEntry, SkillHit, SkillResult, SkillSearchResult
from .skill_files import find_skills, read_skill

logger = logging.getLogger(__name__)

COLLECTION: Final = "skills-patterns"
# As in the search of documents: convex fusion of words and meaning.
VECTOR_WEIGHT: Final = 0.6
# A skill without a word of the query must at least mean something like it: unrelated texts are below this.
LEAST_SIMILARITY: Final = 0.2
EMBEDDED_AT_ONCE: Final = 500

Outcome = Literal["new", "changed", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a folder.

    Attributes:
        problem: Why it was refused; empty if it was not.
    """

    folder: Path
    slug: str
    outcome: Outcome
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What a person should see before deciding.

    Attributes:
        diff: Lines of the difference to what was approved last; the whole skill if it never was.
        warnings: What looks like an attempt to steer the model.
    """

    skill: Skill
    diff: tuple[str, ...]
    warnings: tuple[str, ...]


class SkillLibrary:
    """Imports, decides on, and finds skills.

    Args:
        skills: Where they are.
        embedder: Compares them by meaning; without one it goes by words.
        feeder: Gives what takes approved skills into the knowledge base.
        forget: Takes a document out of the knowledge base, by its id.
        scan: Says what in a skill's name and text looks like an attempt to steer the model.
    """

    def __init__(
        self,
        skills: Skills,
        embedder: Embedder,
        *,
        feeder: Callable[[], Feeder],
        forget: Callable[[str], Awaitable[None]],
        scan: Callable[[str, str], Sequence[str]],
    ) -> None:
        self._skills = skills
        self._embedder = embedder
        self._feeder = feeder
        self._forget = forget
        self._scan = scan

    # --- for the model ----------------------------------------------------------------------------------------------

    async def search(self, *, query: str, limit: int) -> SkillSearchResult:
        """Find approved skills.

        Raises:
            UsageError: An argument is not acceptable.
            UnavailableError: The store is down.
        """
        query = checked_text("query", query, 4096)
        checked_limit(limit)
        notes: list[str] = []
        vector = await self._embedded(query, notes)
        found = _ranked(await self._skills.matches(query, vector, self._embedder.model))
        hits = [
            SkillHit(slug=each.slug, name=each.name, description=each.description, tags=list(each.tags), score=score)
            for score, each in found[:limit]
        ]
        return SkillSearchResult(skills=hits, notes=notes)

    async def show(self, *, slug: str, file: str) -> SkillResult:
        """An approved skill with its instructions, or with one of its files.

        Raises:
            UsageError: An argument is not acceptable, or the file is not shown.
            NotFoundError: There is no approved skill of that name, or no such file.
            UnavailableError: The store is down.
        """
        slug = checked_text("slug", slug, MAX_NAME)
        file = checked_text("file", file, 1000, required=False)
        skill = await self._skills.get(slug)
        if skill is None or skill.status != "approved":
            raise NotFoundError(f"there is no approved skill {slug[:80]!r}", "find one with `search_skills`")
        shown = skill.current
        return SkillResult(
            slug=skill.slug,
            name=shown.name,
            description=shown.description,
            content="" if file else shown.content,
            tags=list(shown.tags),
            license=shown.license,
            allowed_tools=list(shown.allowed_tools),
            source=skill.source,
            files=[
                SkillFileEntry(path=each.path, size=each.size, sha256=each.sha256, shown=each.content is not None)
                for each in shown.files
            ],
            file_content=_file(shown, file) if file else "",
        )

    async def _embedded(self, query: str, notes: list[str]) -> Vector | None:
        """The query's vector, with those of the skills up to date."""
        try:
            vector = await self._embedder.embed_query(query)
            model = self._embedder.model
            if waiting := await self._skills.without_vector(model, EMBEDDED_AT_ONCE):
                vectors = await self._embedder.embed_documents([text for _, _, text in waiting])
                rows = [(slug, mark, each) for (slug, mark, _), each in zip(waiting, vectors, strict=True)]
                await self._skills.add_vectors(model, rows)
        except UnavailableError as error:
            notes.append(f"found by words only: {error.problem}; {error.remedy}")
            return None
        return vector

    # --- on the command line ----------------------------------------------------------------------------------------

    async def import_folder(self, path: Path) -> list[Imported]:
        """Import a skill's folder, or every skill below a folder; what is new or changed is pending.

        One that is refused does not keep the others from being imported.

        Raises:
            NotFoundError: There is no skill.
            UsageError: There are too many.
            UnavailableError: The store is down or full.
        """
        results: list[Imported] = []
        for folder in await asyncio.to_thread(find_skills, path):
            try:
                slug, content, mark = await asyncio.to_thread(read_skill, folder)
                if any(each.slug == slug for each in results):
                    raise ConflictError(f"another folder here holds a skill {slug} too", "rename one of them")
            except UnavailableError:
                raise
            except StackError as error:
                results.append(Imported(folder, "", "refused", f"{error.problem}; {error.remedy}"))
                continue
            before = await self._skills.get(slug)
            outcome = await self._skills.put(slug, content, str(folder), mark)
            if outcome == "changed" and before is not None:
                await self._withdraw(before)
            results.append(Imported(folder, slug, outcome))
        return results

    async def entries(self, status: SkillStatus | Literal[""] = "") -> list[SkillEntry]:
        """Every skill, or those of one status.

        Raises:
            UnavailableError: The store is down.
        """
        return await self._skills.entries(status)

    async def review(self, slug: str) -> Review:
        """What a person should see before deciding.

        Raises:
            NotFoundError: There is no such skill.
            UnavailableError: The store is down.
        """
        skill = await self._skills.get(slug)
        if skill is None:
            raise NotFoundError(f"there is no skill {slug[:80]!r}", "see `mcp-stack skills list`")
        before = _lines(skill.approved) if skill.approved else []
        diff = tuple(difflib.unified_diff(before, _lines(skill.current), "approved", "imported", lineterm=""))
        texts = (skill.current.content, *(file.content or "" for file in skill.current.files))
        warnings = self._scan(skill.current.name, "\n\n".join((skill.current.description, *texts)))
        return Review(skill, diff, tuple(warnings))

    async def approve(self, review: Review) -> str:
        """Approve what was looked at, and take it into the knowledge base.

        Returns:
            What went wrong with the latter; empty if nothing did.

        Raises:
            ConflictError: The skill was imported again meanwhile.
            UnavailableError: The store is down or full.
        """
        skill = review.skill
        await self._decide(skill, "approved")
        try:
            document = await self._feeder().feed(
                collection=COLLECTION,
                key=f"skill:{skill.slug}",
                title=skill.current.name,
                text=f"{skill.current.description}\n\n{skill.current.content}",
                tags=skill.current.tags,
            )
        except StackError as error:
            return f"it is not in {COLLECTION} yet: {error.problem}; approve it again"
        await self._skills.link(skill.slug, document)
        return ""

    async def reject(self, skill: Skill) -> None:
        """Reject a skill, and take it out of the knowledge base.

        Raises:
            ConflictError, UnavailableError: As `approve`.
        """
        await self._decide(skill, "rejected")
        await self._withdraw(skill)

    async def _decide(self, skill: Skill, status: SkillStatus) -> None:
        if not await self._skills.decide(skill.slug, status, skill.fingerprint):
            raise ConflictError(f"skill {skill.slug} was imported again meanwhile", "look at it again")

    async def _withdraw(self, skill: Skill) -> None:
        """Nothing that is not approved is found in the knowledge base either."""
        if skill.document_id:
            await self._forget(skill.document_id)
            await self._skills.link(skill.slug, "")


def _ranked(matches: Sequence[SkillMatch]) -> list[tuple[float, SkillMatch]]:
    """Matches with their scores in [0, 1], the best first."""
    most = max((match.lexical for match in matches), default=0) or 1.0
    scored = []
    for match in matches:
        words = match.lexical / most
        if match.similarity is None:
            score = words
        elif match.lexical == 0 and match.similarity < LEAST_SIMILARITY:
            continue
        else:
            score = (1 - VECTOR_WEIGHT) * words + VECTOR_WEIGHT * max(match.similarity, 0.0)
        scored.append((round(score, 4), match))
    return sorted(scored, key=lambda each: (-each[0], each[1].slug))


def _file(skill: SkillContent, path: str) -> str:
    file = next((each for each in skill.files if each.path == path), None)
    if file is None:
        raise NotFoundError(f"the skill has no file {path[:200]!r}", "see its files without `file`")
    if file.content is None:
        raise UsageError(f"{path} is no text, or too long to be shown", "read it in the folder `source`")
    return file.content


def _lines(skill: SkillContent) -> list[str]:
    """All that is approved, as lines to compare."""
    return list(_described(skill))


def _described(skill: SkillContent) -> Iterator[str]:
    yield f"name: {skill.name}"
    yield f"description: {skill.description}"
    yield f"license: {skill.license}"
    yield f"tags: {', '.join(skill.tags)}"
    yield f"allowed-tools: {', '.join(skill.allowed_tools)}"
    yield ""
    yield from skill.content.splitlines()
    for file in skill.files:
        yield f"=== {file.path} ({file.size} bytes, SHA-256 {file.sha256})"
        yield from (file.content or "").splitlines()
