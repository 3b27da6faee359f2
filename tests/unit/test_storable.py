"""Texts that PostgreSQL has no place for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.storage.postgres.texts import storable, storable_values

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]))


@given(ANY_TEXT)
def test_any_text_can_be_stored_and_what_can_be_is_left_as_it_is(text: str) -> None:
    kept = storable(text)
    assert "\0" not in kept
    kept.encode("utf-8")
    assert storable(kept) == kept
    if "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text):
        assert kept == text


def test_the_name_of_a_file_keeps_what_of_it_is_text() -> None:
    assert storable(b"caf\xe9/conftest.py".decode("utf-8", "surrogateescape")) == "caf\ufffd/conftest.py"


def test_texts_in_lists_are_made_storable_and_nothing_else_is_touched() -> None:
    values = {"a": "x\0", "b": ["y\ud83d", 1], "c": 2.5, "d": None, "e": b"\0"}
    assert storable_values(values) == {"a": "x\ufffd", "b": ["y?", 1], "c": 2.5, "d": None, "e": b"\0"}
