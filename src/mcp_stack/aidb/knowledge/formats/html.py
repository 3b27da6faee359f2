"""HTML: what a reader of the page would read, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import UsageError
from ..chunking import chunk, title_of
from .parsed import Parsed

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import Tag

# The converter calls itself for every level, so deeper elements are flattened first; real pages reach about 40.
MAX_DEPTH = 80
_NO_CONTENT = frozenset(
    {"script", "style", "noscript", "template", "nav", "iframe", "object", "embed", "applet", "svg", "canvas", "audio"}
    | {"video", "button", "input", "select", "textarea", "dialog", "menu", "head", "title"}
)
_CONTENT = frozenset({"main", "article", "section"})
_NO_CONTENT_ROLES = frozenset({"navigation", "banner", "search", "contentinfo", "menu", "menubar", "dialog"})
_NO_CONTENT_CLASSES = frozenset(
    {"nav", "navbar", "navigation", "sidebar", "sphinxsidebar", "breadcrumb", "breadcrumbs", "toc"}
    | {"site-header", "site-footer", "cookie-banner", "skip-link", "headerlink"}
)
_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


def read_html(data: bytes) -> Parsed:
    """The text of a page, without scripts, styles and navigation.

    Args:
        data: The file; its encoding is found by its mark, its declaration, or its bytes.

    Raises:
        UsageError: There is no text in it.
    """
    from bs4 import BeautifulSoup  # noqa: PLC0415 - heavy: imported on first use
    from markdownify import MarkdownConverter  # noqa: PLC0415 - heavy: imported on first use

    page = BeautifulSoup(data, "html.parser")
    title = page.title.get_text(" ", strip=True) if page.title else ""
    _prune(page)
    # Addresses of links and pictures say nothing to somebody who searches.
    converter = MarkdownConverter(heading_style="ATX", strip=["a", "img"], bullets="-", escape_misc=False)
    body = page.find("main") or page.find(role="main") or page.find("article") or page.body or page
    text = str(converter.convert_soup(body)).strip()
    if not text and body is not page:
        text = str(converter.convert_soup(page)).strip()
    if not text:
        raise UsageError(
            "the page has no text", "a page that is drawn by scripts must be saved as the browser shows it"
        )
    return Parsed((title or title_of(text))[:200], text, chunk(text))


def _prune(page: BeautifulSoup) -> None:
    """Remove what nobody reads, and turn elements that are too deep into their text."""
    from bs4.element import Tag  # noqa: PLC0415 - heavy: imported on first use

    pending: list[tuple[Tag, int, bool]] = [(page, 0, False)]
    while pending:
        parent, depth, in_content = pending.pop()
        for element in [child for child in parent.contents if isinstance(child, Tag)]:
            if element.name in _NO_CONTENT or _is_furniture(element, in_content):
                element.decompose()
            elif depth >= MAX_DEPTH:
                element.replace_with(element.get_text(" "))
            else:
                pending.append((element, depth + 1, in_content or element.name in _CONTENT))
    for heading in page.find_all(_HEADINGS):
        for mark in heading.find_all(string=["¶", "#", "§", "🔗"]):
            mark.extract()


def _is_furniture(element: Tag, in_content: bool) -> bool:
    """Whether it belongs to the site rather than to the page."""
    if element.name in {"html", "body", "main", "article"}:
        return False
    if element.has_attr("hidden") or element.get("aria-hidden") == "true" or element.get("role") in _NO_CONTENT_ROLES:
        return True
    classes = element.get("class") or ()
    if not _NO_CONTENT_CLASSES.isdisjoint(classes if isinstance(classes, list) else [str(classes)]):
        return True
    if in_content or element.name not in {"header", "footer"}:
        return False
    return element.name == "footer" or element.find(_HEADINGS) is None
