# ruff: noqa: RUF001 - other scripts are what is looked for
"""Refusals, loops, answers that stop half way, false citations, other languages, blanks; and hostile texts."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.hybrid.quality import inspect
from mcp_stack.hybrid.quality.citations import cited
from mcp_stack.hybrid.quality.inspection import FEATURES

WHY = "Why is the sky blue, and why are sunsets red?"


def checks(answer: str, question: str = WHY, *, passages: int = 0) -> set[str]:
    return {finding.check for finding in inspect(question, answer, passage_count=passages).findings}


def is_defect(answer: str, *, passages: int = 0) -> bool:
    return inspect(WHY, answer, passage_count=passages).defect is not None


@pytest.mark.parametrize(
    "answer",
    [
        "I do not know.",
        "I don't know the answer to that.",
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I cannot assist with that request.",
        "I cannot answer this question.",
        "I am unable to provide that information.",
        "I won't help with that.",
        "As an AI language model, I cannot provide legal advice.",
        "Unfortunately, I don't have access to real-time data.",
        "Sorry, I'm not sure.",
        "I have no idea.",
        "I don't have enough information to answer. Please provide more context.",
        "The passages do not contain the answer.",
        "There is not enough information to say.",
        "No lo sé.",
        "Lo siento, no puedo ayudar con eso.",
        "Je ne sais pas.",
        "Désolé, je ne peux pas répondre à cette question.",
        "Ich weiß es nicht.",
        "Es tut mir leid, ich kann diese Frage nicht beantworten.",
        "Non lo so.",
        "Não sei.",
        "Ik weet het niet.",
        "Я не знаю.",
        "我不知道。",
        "申し訳ありませんが、わかりません。",
        "모르겠습니다.",
        "لا أعرف",
        "Nie wiem.",
    ],
)
def test_a_refusal_is_told_in_many_words_and_languages(answer: str) -> None:
    assert is_defect(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Paris.",
        "42",
        "You can't do that with a list: use a dictionary.",
        "Use `git rebase`. If you don't know the commit, look it up with `git log` first.",
        "The function returns None if the user does not know the password.",
        "It fails because the server cannot provide the certificate; install one.",
        "I can't run it here, but this is how. " + "Open a shell, go to the folder and start the server. " * 4,
        "The phrase 'I don't know' is translated as 'je ne sais pas' in French, and people say it often.",
        "No, it is not. Water boils at 100 degrees.",
        "Ich würde das nicht so machen: nimm lieber eine Liste.",
        "```python\nraise ValueError('I do not know')\n```\nThis raises the error.",
    ],
)
def test_an_answer_that_helps_is_no_refusal(answer: str) -> None:
    assert "refusal" not in checks(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "It is blue.\n" * 10,
        "the sky is blue " * 30,
        "Light is scattered. " * 40,
        "Because of the air. " + "and so on and on " * 20,
        "ab" * 500,
    ],
)
def test_a_loop_is_seen(answer: str) -> None:
    assert is_defect(answer) or "repetition" in checks(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "| a | b |\n|---|---|\n" + "\n".join(f"| {number} | {number * number} |" for number in range(40)),
        "```python\n" + "\n".join(f"x[{number}] = compute({number})" for number in range(30)) + "\n```",
        "\n".join(
            f"{number}. Step number {number} is about {word}." for number, word in enumerate(string.ascii_letters)
        ),
        "Yes, yes, yes: the sky is blue because short waves are scattered more than long ones by the air.",
        "no no no",
    ],
)
def test_tables_code_and_lists_are_no_loops(answer: str) -> None:
    assert "repetition" not in checks(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "The sky is blue. That is because the",
        "Short waves are scattered more. The reason for this is that,",
        "This is how:\n\n```python\ndef f(x):\n    return",
        "She spends 3 * 5 = 15. Then she spends 2 x 4 = <<2*4",
        "The sky is blue. The light of the sun comes through the air (which is made of molecules that scatter",
        "The sky is blue. Sunsets are red for the same reason and this is also true of the mountains far awa",
    ],
)
def test_an_answer_that_stops_half_way_is_seen(answer: str) -> None:
    assert "unfinished" in checks(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "Paris",
        "The capital is Paris",
        "It is blue. It is scattered light.",
        "Do this:\n\n- first\n- second\n- and the third thing without a full stop",
        "Run it. Then look:\n\n```sh\nls\n```",
        "That makes 3 * 5 = 15. \n#### 15",
        "See the manual. It is at https://example.org/manual/page",
        "それは空気が光を散乱させるからです。夕焼けも同じです。",
    ],
)
def test_an_answer_that_is_finished_is_let_be(answer: str) -> None:
    assert "unfinished" not in checks(answer)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("As said in [1] and [2, 3].", [1, 2, 3]),
        ("As said [4][5].", [4, 5]),
        ("Take a[3] or rows[0][7].", []),
        ("See [1](https://example.org) and [2]: https://example.org", []),
        ("`x[9]` and\n```\n[8]\n```", []),
        ("$$v = [7]$$ and \\[ [6] \\]", []),
        ("The list is [5].", [5]),
        ("It returns: [5]", []),
    ],
)
def test_citations_are_told_from_other_brackets(answer: str, numbers: list[int]) -> None:
    assert cited(answer) == numbers


def test_a_citation_of_a_passage_that_is_not_there_is_a_defect() -> None:
    assert is_defect("It is so [4].", passages=3)
    assert is_defect("It is so [0].", passages=3)
    assert not is_defect("It is so [1] and [3].", passages=3)
    assert not is_defect("It is so [4].", passages=0)
    assert "citation" in checks("It is so [1], and so [9].", passages=3)


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        (WHY, "Потому что воздух рассеивает синий свет сильнее красного.", True),
        (WHY, "因为空气散射蓝光比红光更多。", True),
        ("なぜ空は青いのですか、教えてください", "Because blue light is scattered more than red light.", True),
        (WHY, "Der Himmel ist blau, weil die Luft das blaue Licht mehr streut als das rote.", True),
        ("Warum ist der Himmel blau und die Sonne am Abend rot?", "Weil die Luft das blaue Licht mehr streut.", False),
        ("Translate 'good morning' into Russian.", "Доброе утро, и хорошего вам дня!", False),
        ("What is 'the sky is blue' in German?", "Der Himmel ist blau, und das ist auch nicht zu bestreiten.", False),
        (WHY, "```python\nимя = 'небо'\nцвет = 'синий'\n```\nThis is it.", False),
        (WHY, "E = mc²", False),
        ("Что делает команда ls -la?", "`ls -la`", False),
    ],
)
def test_an_answer_in_another_language_is_seen_unless_it_was_asked_for(question: str, answer: str, other: bool) -> None:
    assert ("language" in checks(answer, question)) == other


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (WHY, "echo"),
        ("Question: why is the sky blue and why are sunsets red", "echo"),
        ("Dear [your name], the sky is blue.", "placeholder"),
        ("It is blue. TODO: explain the sunsets.", "placeholder"),
        ("Lorem ipsum dolor sit amet.", "placeholder"),
        ("Because.\nUser: and the sea?\nAssistant: also.\nUser: thanks", "runs_on"),
        ("It seems to be blue, but I am not entirely sure.", "doubt"),
    ],
)
def test_echoes_blanks_and_doubts_are_seen(answer: str, check: str) -> None:
    assert check in checks(answer)


def test_what_was_asked_for_is_no_blank() -> None:
    letter = inspect("Write a template of a letter to my landlord.", "Dear [Name of landlord],\n\nthe roof leaks.")
    assert max((each.severity for each in letter.findings if each.check == "placeholder"), default=0) < 0.3
    assert "placeholder" not in checks("A TODO comment marks work to be done.", "What is a TODO comment?")


def test_a_good_answer_raises_nothing() -> None:
    answer = "Air scatters short waves more than long ones, so blue light reaches us from everywhere [1]."
    assert checks(answer, passages=1) == set()


HOSTILE = {
    "one letter": "a" * 1_000_000,
    "digits": "1" * 1_000_000,
    "brackets": "(" * 1_000_000,
    "square brackets": "[" * 1_000_000,
    "closed brackets": "[]" * 500_000,
    "equations": "1+1=" * 250_000,
    "deep equation": "(" * 5_000 + "1" + ")" * 5_000 + " = 1",
    "powers": "9^9^9^9^9^9 = 1\n" * 10_000,
    "long sum": "1+" * 100_000 + "1 = 2",
    "spaces": " " * 1_000_000 + "x",
    "newlines": "\n" * 1_000_000 + "x",
    "fences": "```\n" * 200_000,
    "json fence": "```json\n" + "[" * 19_000 + "\n```",
    "yaml fence": "```yaml\n" + "- " * 9_000 + "\n```",
    "yaml bomb": "```yaml\na: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(500)) + "```",
    "python fence": "```python\n" + "(" * 19_000 + "\n```",
    "python minus": "```python\n" + "-" * 19_000 + "1\n```",
    "javascript fence": "```js\n" + "{" * 19_000 + "\n```",
    "pipes": "|" * 1_000_000,
    "dashes": "-" * 1_000_000,
    "rules": "| --- " * 200_000,
    "quotes": '"' * 1_000_000,
    "maths": "\\[" * 500_000,
    "fractions": "\\frac{" * 160_000,
    "dollars": "$" * 1_000_000,
    "annotations": "<<" * 500_000,
    "citations": "[1, " * 250_000,
    "apologies": "I'm sorry, " * 90_000,
    "cannot": "ich kann " * 100_000,
    "answers": "the answer is " * 70_000,
    "capitals": "A. x\n" * 200_000,
    "commas": "a," * 500_000,
    "full stops": "." * 1_000_000,
    "numbers in words": "twenty hundred " * 70_000,
    "nulls": "\0" * 1_000_000,
    "surrogates": "\ud800" * 100_000,
    "right to left": "\u202e" * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_judged_all_the_same(name: str) -> None:
    text = HOSTILE[name]
    for question, answer in ((WHY, text), (text[:8192], "42"), (text[:8192], text[:50_000])):
        inspection = inspect(question, answer, passage_count=3)
        assert len(inspection.features) == len(FEATURES)
        assert all(-10 < each < 10 for each in inspection.features)


@given(st.text(max_size=400), st.text(max_size=400), st.integers(0, 5), st.booleans())
def test_every_answer_gets_findings_in_range(question: str, answer: str, passages: int, truncated: bool) -> None:
    inspection = inspect(question, answer, passage_count=passages, truncated=truncated)
    assert all(0 < finding.severity <= 1 and finding.words for finding in inspection.findings)
    severities = [finding.severity for finding in inspection.findings]
    assert severities == sorted(severities, reverse=True)


def test_the_same_answer_gets_the_same_findings() -> None:
    words = random.Random(3).choices(string.ascii_lowercase + " .=+0123456789[]()", k=4_000)
    assert inspect(WHY, "".join(words)) == inspect(WHY, "".join(words))
