"""What an agent wrote is shown as it is, to a person who decides about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.ralph.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 世界 🙂", "Grüße, 世界 🙂"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[2K\x1b[1Arm -rf /", "\\x1b[2K\\x1b[1Arm -rf /"),
        ("good\rbad", "good\\x0dbad"),
        ("user\u202eexe.txt", "user\\u{202e}exe.txt"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("a\u2028b", "a\\u{2028}b"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0041tag", "\\u{e0041}tag"),
    ],
)
def test_what_would_hide_or_move_text_is_written_as_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_what_is_shown_holds_nothing_unseen_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert all(letter.isprintable() or letter in "\n\t" or letter.isspace() for letter in shown)
    assert visible(shown) == shown
