"""HTML gives what a reader of the page would read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.aidb.knowledge.formats.html import read_html
from mcp_stack.errors import UsageError

PAGE = """<!DOCTYPE html><html><head><title>Firewalls &amp; ports</title><style>p {color: red}</style>
<script>var tracking = 1;</script></head><body>
<header><div>Site name</div></header><nav><a href="/">Home</a></nav>
<main><h1>Firewall<a class="headerlink" href="#firewall">¶</a></h1><p>It <b>guards</b> the network.</p>
<h2>Ports</h2><p>See <a href="https://example.org/very/long/address">the list</a>.</p>
<pre><code>allow 22

deny all</code></pre>
<table><tr><th>port</th><th>use</th></tr><tr><td>22</td><td>ssh</td></tr></table>
<form action="/search"><input value="find"><button>Go</button></form></main>
<div class="sidebar">Related pages</div><footer>All rights reserved</footer></body></html>"""


def test_headings_and_text_are_kept_and_the_furniture_of_the_site_is_not() -> None:
    found = read_html(PAGE.encode())
    assert found.title == "Firewalls & ports"
    assert [chunk.heading for chunk in found.chunks] == ["Firewall", "Firewall > Ports"]
    text = found.content
    assert "It **guards** the network." in text
    assert "See the list." in text
    assert "allow 22\n\ndeny all" in text
    assert "22 | ssh" in text
    for dropped in ("tracking", "color", "Site name", "Home", "Related", "rights", "example.org", "¶", "Go"):
        assert dropped not in text


def test_a_heading_in_the_header_of_an_article_stays() -> None:
    found = read_html(b"<article><header><h1>The title</h1></header><p>Words.</p></article>")
    assert [(chunk.heading, chunk.content) for chunk in found.chunks] == [("The title", "Words.")]


def test_the_encoding_that_the_page_declares_is_used() -> None:
    found = read_html('<meta charset="iso-8859-1"><p>Grüße aus Köln'.encode("latin-1"))
    assert "Grüße aus Köln" in found.content


def test_a_page_that_has_no_text_says_so() -> None:
    with pytest.raises(UsageError, match="no text"):
        read_html(b"<html><body><script>draw()</script><div id=root></div></body></html>")


@pytest.mark.parametrize("element", ["div", "ul><li", "table><tr><td", "b", "blockquote"])
def test_elements_that_are_nested_thousands_deep_are_flattened(element: str) -> None:
    found = read_html(f"<p>before</p>{f'<{element}>' * 3000}at the bottom".encode())
    assert "at the bottom" in found.content
    assert "before" in found.content


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            (
                "<div>",
                "</div>",
                "<p>",
                "<main>",
                "</main>",
                "<nav>",
                "<h2>",
                "</h2>",
                "<ul><li>",
                "<table>",
                "<td>",
                "<![CDATA[",
                "<!--",
                "-->",
                "<script>",
                "</script>",
                "&#0;",
                "&lt;",
                "text ",
                "<a href='",
                "<pre>",
                "\0",
            )
        ),
        max_size=40,
    )
)
def test_any_soup_of_tags_gives_text_or_an_error_of_ours(parts: list[str]) -> None:
    try:
        found = read_html("".join(parts).encode())
    except UsageError:
        return
    assert found.content.strip()
