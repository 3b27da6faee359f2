"""Documents are cut along their structure, and nothing of them is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.aidb.knowledge.chunking import chunk, title_of

markdown = st.lists(
    st.one_of(
        st.text(max_size=300),
        st.integers(1, 6).map(lambda level: "#" * level + " A heading"),
        st.just("```python\nx = 1\n\n# no heading\n```"),
        st.just("word " * 400),
    ),
    max_size=12,
).map("\n\n".join)


@given(markdown)
def test_no_passage_is_longer_than_the_bound(text: str) -> None:
    assert all(0 < len(part.content) <= 200 for part in chunk(text, 200))


@given(markdown)
def test_no_character_but_white_space_and_heading_marks_is_lost(text: str) -> None:
    kept = "".join("".join(part.content.split()) for part in chunk(text, 200))
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in lines:
        assert "".join(line.split()) in kept


@given(markdown)
def test_passages_are_numbered_from_one_in_reading_order(text: str) -> None:
    assert [part.ordinal for part in chunk(text)] == list(range(1, len(chunk(text)) + 1))


def test_a_passage_carries_the_headings_above_it() -> None:
    text = "# Guide\nintro\n## Install\nuse pip\n## Use\nrun it\n# Other\nend"
    assert [(part.heading, part.content) for part in chunk(text)] == [
        ("Guide", "intro"),
        ("Guide > Install", "use pip"),
        ("Guide > Use", "run it"),
        ("Other", "end"),
    ]


def test_a_comment_in_code_is_no_heading_and_code_stays_together() -> None:
    text = "# Guide\nsay:\n\n```sh\n# install\n\npip install it\n```\nthat is all"
    (only,) = chunk(text)
    assert only.heading == "Guide"
    assert "# install\n\npip install it" in only.content


def test_a_long_paragraph_is_cut_at_sentences() -> None:
    text = " ".join(f"This is sentence number {number}." for number in range(40))
    passages = chunk(text, 200)
    assert len(passages) > 1
    assert all(part.content.endswith(".") for part in passages)


def test_the_title_is_the_first_heading_else_the_first_line() -> None:
    assert title_of("text\n\n## The title ##\n") == "The title"
    assert title_of("\n\nfirst line\nsecond") == "first line"
    assert title_of("```\n# comment\n```\n# Title") == "Title"
    assert title_of(" \n ") == ""
