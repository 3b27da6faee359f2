"""A request falls into its sub-tasks, and paths are told in words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.aidb.gateway.file_names import told
from mcp_stack.aidb.gateway.subtasks import MAX_SUBTASKS, request


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("Find a flight to Oslo and book a hotel there.", ["Find a flight to Oslo", "book a hotel there"]),
        (
            "Translate this, then send it to Ada; finally, log the time.",
            ["Translate this", "send it to Ada", "log the time"],
        ),
        (
            "What is the weather like? Also, which museums are open?",
            ["What is the weather like?", "which museums are open?"],
        ),
        ("1. resize the picture\n2. upload it\n3. post the link", ["resize the picture", "upload it", "post the link"]),
        ("- list the files\n- count the lines", ["list the files", "count the lines"]),
        (
            "Can you summarise the page and also create a chart of it?",
            ["Can you summarise the page", "create a chart of it?"],
        ),
        ("How do I rename a branch and how do I delete it?", ["How do I rename a branch", "how do I delete it?"]),
    ],
)
def test_verbs_that_are_joined_are_tasks_of_their_own(query: str, parts: list[str]) -> None:
    assert list(request(query).parts) == parts


@pytest.mark.parametrize(
    "query",
    [
        "Compare apples and oranges",
        "Find the capital and the currency of Norway",
        "I am planning a trip to Japan. Can you tell me the exchange rate of the yen?",
        "search for errors of reading and writing",
        "get_weather",
        "",
        "?",
    ],
)
def test_one_task_is_not_taken_apart(query: str) -> None:
    assert request(query).parts == ()


def test_what_tells_the_circumstances_stays_in_the_whole() -> None:
    asked = request("I have three guests. Suggest a menu and write a shopping list.")

    assert asked.parts == ("Suggest a menu", "write a shopping list")
    assert asked.whole.startswith("I have three guests.")


@pytest.mark.parametrize(
    ("said", "text", "files"),
    [
        ("read /srv/notes/plan.docx", "read a Word document file", []),
        ("what is in ~/music", "what is in music folder", []),
        ("list the files of /data/sales_2024 folder", "list the files of sales 2024 folder", []),
        ("save the table to out/prices.csv", "", ["write text to a file"]),
        ("draft a summary in /tmp/summary.md", "draft a summary", ["write text to a file"]),
        (
            "create slides and save them as talk.pptx",
            "create slides and save them",
            ["create a PowerPoint presentation file"],
        ),
        ("convert a.docx to b.pdf", "convert a Word document file to a PDF file", []),
        ("summarize the report in q3.pdf", "summarize the report in a PDF file", []),
        ("open https://example.org/a/b.html?x=1, please", "open a web page URL, please", []),
        ("does it work with Node.js and ASP.NET?", "does it work with Node.js and ASP.NET?", []),
        ("redirect to /login", "redirect to /login", []),
    ],
)
def test_paths_and_addresses_are_told_in_words(said: str, text: str, files: list[str]) -> None:
    assert told(said).text == text
    assert list(told(said).files) == files


def test_a_file_to_be_written_is_a_task_of_its_own() -> None:
    assert request("Summarise the news in a report at /srv/news.md").parts == (
        "Summarise the news in a report",
        "write text to a file",
    )


@given(st.text(max_size=300))
def test_any_text_is_taken_apart_into_texts(query: str) -> None:
    asked = request(query)

    assert asked.whole or not query.strip(" ,.\n\t\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0")
    assert len(asked.parts) in (0, *range(2, MAX_SUBTASKS + 1))
    assert all(part.strip() for part in asked.parts)
    assert request(query) == asked


@pytest.mark.parametrize(
    "piece", ["a-", "/", "and get ", "1. ", "save it to a.md ", "~", "an ", "convert a.md to ", '"']
)
def test_a_long_request_takes_no_longer_than_its_length(piece: str) -> None:
    begin = time.perf_counter()
    request(piece * (4096 // len(piece)))
    assert time.perf_counter() - begin < 0.5
