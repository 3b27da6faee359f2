"""What AIDB offers to read: documents, skills, and the definitions of tools."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mcp_types import Annotations, Resource

from ..mcp.offers import Text
from ..ports.catalogue import Selection

if TYPE_CHECKING:
    from ..mcp.app import StackServer
    from .service import Aidb

DOCUMENT: Final = "kb://documents/{id}"
SKILL: Final = "skill://{slug}"
TOOL: Final = "tool://{server}/{tool}"
MARKDOWN: Final = "text/markdown"

DOCUMENTS_LISTED: Final = 50
SKILLS_LISTED: Final = 100
# A client keeps a resource in memory as a whole; the rest of a longer document is read with get_document.
MAX_CHARACTERS: Final = 1_000_000
DESCRIPTION_CHARACTERS: Final = 300

# Markdown, and what an import turns into it.
_MARKDOWN_ENDINGS = (".md", ".markdown", ".html", ".htm", ".xhtml", ".pdf")


def declare(server: StackServer, services: Callable[[], Awaitable[Aidb]]) -> None:
    """Declare the resources.

    Args:
        server: Where.
        services: Gives the opened services; awaited at each request.
    """

    @server.declare_resource(DOCUMENT, "Document of the knowledge base", mime_type=MARKDOWN)
    async def document(id: str) -> Text:  # noqa: A002 - the template's name
        """A document of the knowledge base, whole."""
        found = await (await services()).knowledge.documents.get(id, offset=0, length=MAX_CHARACTERS)
        rest = f"\n\n(cut here: read on with get_document, offset={found.next_offset})" if found.next_offset else ""
        return Text(found.content + rest, mime_type_of(found.source))

    @server.declare_resource(SKILL, "Skill", mime_type=MARKDOWN)
    async def skill(slug: str) -> Text:
        """Instructions that a person has approved."""
        return Text((await (await services()).desk.get_skill(slug=slug, file="")).content, MARKDOWN)

    @server.declare_resource(TOOL, "Definition of a tool", mime_type="application/json")
    async def tool(server: str, tool: str) -> Text:
        """All that is known of a tool of any configured server: description, schemas and annotations."""
        definition = await (await services()).gateway.definition(server=server, tool=tool)
        return Text(json.dumps(definition, ensure_ascii=False, indent=2), "application/json")

    @server.declare_listing
    async def listed() -> Sequence[Resource]:
        aidb = await services()
        return [*await _documents(aidb), *await _skills(aidb)]


def mime_type_of(source: str) -> str:
    """What a document's content is, told by where it is from.

    Args:
        source: A path, an address, a name.
    """
    name = PurePosixPath(source).name.lower()
    if "." not in name or name.endswith(_MARKDOWN_ENDINGS):
        return MARKDOWN
    # By the tables that come with Python, not by those of this machine: the same file is the same kind everywhere.
    guessed, _ = mimetypes.MimeTypes().guess_type(name)
    return guessed if guessed and guessed.startswith(("text/", "application/")) else "text/plain"


async def _documents(aidb: Aidb) -> list[Resource]:
    """The newest documents."""
    page = await aidb.knowledge.documents.page(Selection(), limit=DOCUMENTS_LISTED, cursor="")
    return [
        Resource(
            uri=DOCUMENT.replace("{id}", each.id),
            name=each.title or each.source,
            description=f"{each.collection}: {each.source}"[:DESCRIPTION_CHARACTERS],
            mime_type=mime_type_of(each.source),
            annotations=Annotations(last_modified=each.updated_at),
        )
        for each in page.documents
    ]


async def _skills(aidb: Aidb) -> list[Resource]:
    """The approved skills."""
    return [
        Resource(
            uri=SKILL.replace("{slug}", quote(each.slug, safe="")),
            name=each.name,
            description=each.description[:DESCRIPTION_CHARACTERS],
            mime_type=MARKDOWN,
        )
        for each in (await aidb.desk.skills.entries("approved"))[:SKILLS_LISTED]
    ]
