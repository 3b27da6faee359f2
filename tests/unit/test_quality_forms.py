"""The form that was asked for, and code that parses."""

from __future__ import annotations

import pytest

from mcp_stack.hybrid.quality import inspect
from mcp_stack.hybrid.quality.requests import Form, requests_of


def checks(question: str, answer: str) -> set[str]:
    return {finding.check for finding in inspect(question, answer).findings}


@pytest.mark.parametrize(
    ("question", "form"),
    [
        ("Return the result as JSON.", "json"),
        ("List the users in JSON format", "json"),
        ("Answer with a valid JSON object with keys a and b", "json"),
        ("Output only JSON, no explanation", "json"),
        ("Give me a YAML snippet: respond in YAML", "yaml"),
        ("Convert this to CSV", "csv"),
        ("Compare the two in a table", "table"),
        ("Summarise the differences as a markdown table", "table"),
        ("List 5 advantages of tests", "items"),
        ("Give me three reasons to use Rust", "items"),
        ("Name the top 10 largest cities", "items"),
        ("Explain in bullet points", "bullets"),
        ("Answer in one word: what is the capital of France?", "one_word"),
        ("Give a one-word answer", "one_word"),
        ("Is water wet? Answer yes or no.", "yes_no"),
        ("Respond with true or false: 2 is prime", "yes_no"),
        ("Describe Rome in at most 50 words", "words_at_most"),
        ("Describe Rome in 50 words or less", "words_at_most"),
        ("Keep it under one hundred words", "words_at_most"),
        ("Write an essay of at least 300 words", "words_at_least"),
        ("Summarize the text in two sentences", "sentences"),
        ("Give a three-sentence summary", "sentences"),
        ("Which of the following is a fruit?\nA. Stone\nB. Apple\nC. Car\nD. Sky", "letter"),
        ("Which one flies? (A) a stone (B) a bird (C) a fish", "letter"),
        ("How many are there? Reply with just the number.", "number"),
    ],
)
def test_a_form_is_asked_for_in_many_ways(question: str, form: Form) -> None:
    assert form in [request.form for request in requests_of(question)]


@pytest.mark.parametrize(
    "question",
    [
        "Why does my JSON parser fail?",
        "How do I read a JSON file in Python?",
        "What is the difference between YAML and TOML?",
        "How do I import a CSV file?",
        "Why is my table locked in PostgreSQL?",
        "How do I create a table of contents?",
        "What does a list comprehension do?",
        "Is the word 'yes' older than 'no'?",
        "What are the words of the anthem?",
        "Bob has 5 apples and 3 pears. How many fruits?",
    ],
)
def test_a_question_about_a_form_asks_for_none(question: str) -> None:
    assert requests_of(question) == []


@pytest.mark.parametrize(
    ("question", "kept", "missed"),
    [
        ("Return it as JSON.", '{"a": [1, 2]}', "a is 1 and 2"),
        ("Return it as JSON.", '```json\n{"a": 1}\n```', '{"a": 1'),
        ("Return it as JSON.", 'Here it is:\n\n{"a": 1}', "{a: 1}"),
        ("Answer in YAML format.", "a: 1\nb:\n  - 2", "a: [1"),
        ("Convert it to CSV.", "a,b\n1,2\n3,4", "a is 1"),
        ("Compare them in a table.", "| a | b |\n|---|---|\n| 1 | 2 |", "a is larger than b."),
        ("List 3 colours.", "1. red\n2. green\n3. blue", "1. red\n2. green"),
        ("List 3 colours.", "- red\n- green\n- blue", "- red\n- green\n- blue\n- black\n- white"),
        ("List 3 colours.", "red, green and blue", "I like colours."),
        ("Explain it in bullet points.", "- one\n- two", "It is one and then two."),
        ("Answer in one word.", "Paris.", "It is the city of Paris in France."),
        ("Is it wet? Answer yes or no.", "Yes, it is.", "Water is a liquid."),
        ("Describe it in at most 10 words.", "It is a large old city.", "It is a city. " * 8),
        ("Write at least 20 words.", "It is a large and old city. " * 4, "It is a city."),
        ("Summarize in two sentences.", "It is old. It is large.", "It is old."),
        ("Which is it?\nA. x\nB. y", "B", "Neither of these."),
        ("Which is it?\nA. x\nB. y", "The answer is (A), for it is x.", "Hard to say which."),
        ("How many? Reply with just the number.", "42", "There are a great many of them."),
    ],
)
def test_a_form_that_is_kept_passes_and_one_that_is_missed_is_said(question: str, kept: str, missed: str) -> None:
    assert "format" not in checks(question, kept)
    assert "format" in checks(question, missed)


@pytest.mark.parametrize(
    ("language", "right", "broken"),
    [
        ("python", "def f(x):\n    return x + 1", "def f(x)\n    return x + 1"),
        ("python", "x = {\n    'a': 1,\n}", "x = {'a': 1"),
        ("py", "    return x", "return return"),
        ("python", "await main()", "await = 3"),
        ("json", '{"a": [1, 2, {"b": null}]}', '{"a": [1, 2,'),
        ("json", '{"a": 1, // the first\n "b": 2}', "{'a': 1}"),
        ("yaml", "a:\n  - b: 1\n  - c", "a: [1, 2\nb: }"),
        ("toml", '[a]\nb = "c"', "[a\nb = c"),
        ("javascript", "const f = (x) => x + 1;", "const f = (x => { x + ;"),
        ("typescript", "interface A { b: string }", "interface A { b string string"),
        ("go", "func f() int {\n\treturn 1\n}", "func f( int {\n return"),
        ("go", "x := f(1)\nfmt.Println(x)", "x := f(1\nfmt.Println(x"),
        ("rust", "fn f() -> u8 { 1 }", "fn f( -> u8 { 1"),
        ("rust", "let x: u8 = 1;", "let x: = = 1;;)"),
        ("java", "public int f() { return 1; }", "public int f( { return 1 }}}"),
        ("c", "int f(void) { return 1; }", "int f(void { return 1 ]"),
        ("cpp", "std::vector<int> v{1, 2};", "std::vector<int v{1, 2"),
        ("bash", "for f in *; do echo $f; done", "for f in *; do echo $f; done )("),
    ],
)
def test_code_is_parsed_in_its_language(language: str, right: str, broken: str) -> None:
    fenced = "Like this:\n\n```{}\n{}\n```\n"
    assert "broken_code" not in checks("How do I do that?", fenced.format(language, right))
    assert "broken_code" in checks("How do I do that?", fenced.format(language, broken))


@pytest.mark.parametrize(
    "block",
    [
        "```python\ndef f(x):\n    ...\n```",
        "```python\nclass A:\n    ...\n    def f(self)\n```",
        '```json\n{\n  "a": 1,\n  ...\n}\n```',
        "```yaml\nkey: <your key>\nother: [\n```",
        "```python\n%matplotlib inline\n!pip install x\nimport x\n```",
        "```\nwhatever ( this is\n```",
        "```klingon\nnuqneH (\n```",
        "```text\n(((\n```",
    ],
)
def test_what_is_left_out_or_of_no_known_language_is_let_be(block: str) -> None:
    assert "broken_code" not in checks("How do I do that?", f"Like this:\n\n{block}\n")


def test_code_that_was_asked_for_must_be_there() -> None:
    question = "Write a Python function that adds two numbers."
    assert "no_code" in checks(question, "You take the two numbers and add them, and that is the sum.")
    assert "no_code" not in checks(question, "```python\ndef add(a, b):\n    return a + b\n```")
    assert "no_code" not in checks(question, "def add(a, b):\n    return a + b")
    assert "no_code" not in checks("What is a function?", "Something that maps one value to another.")
