"""PDF: its text page by page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from ....errors import UsageError
from ..chunking import Block, packed
from .parsed import CONTROL, Parsed

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 3000
MAX_OUTLINE_ENTRIES = 2000
# A word that was broken at the end of a line.
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])-\n(?=[a-z])")


def read_pdf(data: bytes) -> Parsed:
    """The text of a PDF; the headings of a passage are its chapter, where the file has an outline, and its page.

    Args:
        data: The file.

    Raises:
        UsageError: It is encrypted, damaged, or has no text.
    """
    from pypdf import PdfReader  # noqa: PLC0415 - heavy: imported on first use

    try:
        reader = PdfReader(io.BytesIO(data))
        # Many files are encrypted with an empty password, only to forbid printing.
        if reader.is_encrypted and not reader.decrypt(""):
            raise UsageError("the PDF is encrypted", "save it without a password first")
        count = len(reader.pages)
    except UsageError:
        raise
    except Exception as error:
        raise _damaged(error) from error
    pages, failures = _pages(reader, min(count, MAX_PAGES))
    if not any(pages):
        if failures:
            raise _damaged(failures[0])
        raise UsageError("the PDF has no text", "if its pages are pictures, run text recognition (OCR) first")
    chapters = _chapters(reader)
    blocks = []
    parts = []
    chapter = ""
    for number, page in enumerate(pages, start=1):
        chapter = chapters.get(number, chapter)
        heading = f"{chapter} > page {number}" if chapter else f"page {number}"
        blocks += [Block(heading, paragraph) for paragraph in page.split("\n\n") if paragraph.strip()]
        parts.append(f"## Page {number}\n\n{page}")
    notes = [f"only the first {MAX_PAGES} of {count} pages were read"] if count > MAX_PAGES else []
    notes += [f"{len(failures)} of {len(pages)} pages are damaged"] if failures else []
    return Parsed(_title(reader, pages), "\n\n".join(parts), packed(blocks), note="; ".join(notes))


def _pages(reader: PdfReader, count: int) -> tuple[list[str], list[Exception]]:
    """The text of each page, empty for a damaged one, and what went wrong with those."""
    pages: list[str] = []
    failures: list[Exception] = []
    for number in range(count):
        try:
            text = CONTROL.sub(" ", reader.pages[number].extract_text())
        except Exception as error:  # noqa: BLE001 - on files that break the format the library raises anything
            failures.append(error)
            text = ""
        lines = "\n".join(line.rstrip() for line in text.splitlines())
        pages.append(_BROKEN_WORD.sub("", re.sub(r"\n{3,}", "\n\n", lines)).strip())
    return pages, failures


def _title(reader: PdfReader, pages: list[str]) -> str:
    try:
        named = str(reader.metadata.title or "") if reader.metadata else ""
    except Exception:  # noqa: BLE001 - a title is not worth failing for, and the library raises anything
        named = ""
    named = " ".join(CONTROL.sub(" ", named).split())
    if named and not named.lower().startswith(("untitled", "microsoft word -")):
        return named[:200]
    return next((line.strip() for page in pages for line in page.splitlines() if line.strip()), "")[:200]


def _chapters(reader: PdfReader) -> dict[int, str]:
    """The first entry of the outline on each page, by number of the page from 1."""
    chapters: dict[int, str] = {}
    try:
        pending: list[Any] = list(reversed(reader.outline))
        seen = 0
        while pending and seen < MAX_OUTLINE_ENTRIES:
            entry = pending.pop()
            if isinstance(entry, list):
                pending += reversed(entry)
                continue
            seen += 1
            page = reader.get_destination_page_number(entry)
            title = " ".join(CONTROL.sub(" ", str(entry.title)).split())[:150]
            if page is not None and page >= 0 and title:
                chapters.setdefault(page + 1, title)
    except Exception:  # noqa: BLE001 - a broken outline takes nothing from the text, and the library raises anything
        return chapters
    return chapters


def _damaged(error: Exception) -> UsageError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return UsageError(f"the PDF is damaged ({reason})", "open it in a viewer and save it again")
