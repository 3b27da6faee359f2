"""A tool's category, where nobody configured one, is what its words are about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.aidb.gateway.categories import GENERAL, category_of
from mcp_stack.ports.tools import KnownTool


def named(name: str, description: str = "", server: str = "s") -> KnownTool:
    return KnownTool(server, name, "", description, "", {})


@pytest.mark.parametrize(
    ("name", "description", "category"),
    [
        ("read_text_file", "Read the complete contents of a file from the file system.", "files"),
        ("convert_time", "Convert time between timezones", "calendar"),
        ("git_commit", "Records changes to the repository", "code"),
        ("sendEmail", "Send a message to a list of addresses", "communication"),
        ("get_stock_price", "The latest price of a share", "finance"),
        ("run-query", "Execute SQL against the PostgreSQL database and return its rows", "databases"),
        ("create_pod", "Start a container in a Kubernetes cluster", "system"),
        ("x", "Transcribe speech in an audio recording", "media"),
        ("do_it", "Does what you want.", GENERAL),
        ("", "", GENERAL),
    ],
)
def test_words_tell_the_category(name: str, description: str, category: str) -> None:
    assert category_of(named(name, description)) == category


def test_one_word_in_passing_makes_no_category() -> None:
    assert category_of(named("flip", "Flips a coin.")) == GENERAL


@given(st.text(), st.text())
def test_every_tool_has_one(name: str, description: str) -> None:
    assert category_of(named(name, description))
