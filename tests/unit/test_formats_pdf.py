"""PDF files give their text with the page and the chapter it stands on, or say what is wrong with them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.aidb.knowledge.formats import pdf
from mcp_stack.aidb.knowledge.formats.pdf import read_pdf
from mcp_stack.errors import UsageError
from tests.support.pdf import pdf_of


def test_a_passage_says_on_which_page_it_stands() -> None:
    found = read_pdf(pdf_of(["First words.", "Second words.", "Third words."]))
    assert [(chunk.heading, chunk.content) for chunk in found.chunks] == [
        ("page 1", "First words."),
        ("page 2", "Second words."),
        ("page 3", "Third words."),
    ]
    assert found.title == "First words."


def test_the_chapters_of_an_outline_are_headings_until_the_next_one() -> None:
    pages = ["Beginning", "Middle", "End"]
    found = read_pdf(pdf_of(pages, title="A Handbook", outline=[("Start here", 0), ("Finish", 2)]))
    assert found.title == "A Handbook"
    assert [chunk.heading for chunk in found.chunks] == [
        "Start here > page 1",
        "Start here > page 2",
        "Finish > page 3",
    ]


def test_a_word_that_is_broken_over_two_lines_is_whole_again() -> None:
    found = read_pdf(pdf_of(["An exam-\nple of hyphenation"]))
    assert "An example of hyphenation" in found.content


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pdf_of(["secret"], password="s3cret"), "encrypted"),
        (b"%PDF-1.7\nnothing that belongs here", "damaged"),
        (pdf_of(["cut off"])[:200], "damaged"),
        (b"", "damaged"),
        (pdf_of([]), "no text"),
        (pdf_of([""]), "no text"),
    ],
)
def test_a_pdf_without_readable_text_says_why(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_pdf(data)


def test_only_so_many_pages_are_read_and_the_others_are_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 2)
    found = read_pdf(pdf_of(["one", "two", "three"]))
    assert [chunk.heading for chunk in found.chunks] == ["page 1", "page 2"]
    assert "first 2 of 3 pages" in found.note


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=8), st.integers(0, 900), st.integers(0, 40))
def test_whatever_is_damaged_gives_text_or_an_error_of_ours(patch: bytes, position: int, cut: int) -> None:
    good = pdf_of(["Some words.", "More words."], outline=[("Chapter", 1)])
    damaged = good[:position] + patch + good[position + len(patch) : len(good) - cut]
    try:
        found = read_pdf(damaged)
    except UsageError:
        return
    assert found.chunks
