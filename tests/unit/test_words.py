"""Cutting text into words."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.storage.postgres.arrays import array
from mcp_stack.storage.postgres.words import MAX_CHARACTERS, count_words, counted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat, the CAT!", {"the": 2, "cat": 2}),
        ("get_userById", {"get_userbyid": 1, "get": 1, "userbyid": 1, "user": 1, "by": 1, "id": 1}),
        ("HTTPServer2", {"httpserver2": 1, "http": 1, "server2": 1}),
        ("os.path.join", {"os.path.join": 1, "os": 1, "path": 1, "join": 1}),
        ("3.14 and 1,000", {"3.14": 1, "and": 1, "1": 1, "000": 1}),
        ("v1.2.3-beta", {"v1.2.3-beta": 1, "v1.2.3": 1, "beta": 1}),
        ("C++ or C#", {"c++": 1, "c": 2, "or": 1, "c#": 1}),
        ("don't", {"don": 1, "t": 1}),
        ("List<String>", {"list": 1, "string": 1}),
        ("数据库", {"数据": 1, "据库": 1}),
        ("库", {"库": 1}),
        ("한국어", {"한국어": 1, "한국": 1, "국어": 1}),
        ("SQL数据", {"sql": 1, "数据": 1}),
        ("Straße Café", {"strasse": 1, "cafe": 1}),
        ("\ufb01le", {"file": 1}),
        ("__ -- ..", {}),
    ],
)
def test_words_of(text: str, words: dict[str, int]) -> None:
    assert count_words(text) == words


@given(st.text())
def test_words_are_clean_and_the_same_however_the_text_is_written(text: str) -> None:
    words = count_words(text)
    for word in words:
        assert 0 < len(word) <= MAX_CHARACTERS
        assert not set(word) & set(' \t\n"\\{},')
    assert count_words(unicodedata.normalize("NFC", text)) == count_words(unicodedata.normalize("NFD", text))


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=20))
def test_what_consists_of_letters_is_found_by_itself(text: str) -> None:
    assert count_words(text)
    assert count_words(text).keys() <= count_words(f"before {text} after").keys()


@pytest.mark.parametrize("unit", ["1", "a1", "1.", "aB", "a.", "_", "数", "a\u0301", "-", "A", "a1.2"])
def test_no_text_takes_long(unit: str) -> None:
    begin = time.process_time()
    count_words(unit * (300_000 // len(unit)))
    assert time.process_time() - begin < 2


def test_words_of_the_title_count_twice_and_headings_belong_to_their_chunk() -> None:
    parameters = counted("Open ports", [(1, "Firewall", "ports"), (2, "Firewall", "closed")])
    assert parameters == {
        "word_ordinals": '{"0","0","1","1","2","2"}',
        "words": '{"open","ports","firewall","ports","firewall","closed"}',
        "frequencies": '{"2","2","1","1","1","1"}',
    }


def test_an_array_without_values_is_empty() -> None:
    assert array([]) == "{}"
    assert array(["null"]) == '{"null"}'
