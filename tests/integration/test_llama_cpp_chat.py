"""The local model in this process, on real llama.cpp with models written on the spot."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.llm import machine
from mcp_stack.llm.llama_cpp import LlamaCppChat
from mcp_stack.ports.chat import Completion, Message
from tests.support.tiny_gguf import FACTS, write_big_gguf, write_knowing_gguf, write_tiny_gguf

QUESTION = [Message("user", "What is the capital of France?")]


@pytest.fixture
async def knowing(tmp_path: Path) -> AsyncIterator[LlamaCppChat]:
    model = LlamaCppChat(write_knowing_gguf(tmp_path / "knowing.gguf"), threads=1)
    yield model
    await model.close()


@pytest.fixture
async def tiny(tmp_path: Path) -> AsyncIterator[LlamaCppChat]:
    model = LlamaCppChat(write_tiny_gguf(tmp_path / "tiny.gguf"), context_tokens=2048, threads=1)
    yield model
    await model.close()


# Answering


async def test_it_is_loaded_by_the_first_question_and_says_how_it_is(knowing: LlamaCppChat) -> None:
    statuses = [knowing.status]
    assert (await knowing.complete(QUESTION, 50)).text == "The capital of France is Paris."
    statuses.append(knowing.status)
    await knowing.close()
    statuses.append(knowing.status)
    assert (knowing.name, statuses) == ("knowing", ["unloaded", "ready", "closed"])


async def test_an_answer_that_reaches_the_limit_is_truncated(knowing: LlamaCppChat) -> None:
    completion = await knowing.complete(QUESTION, 3)
    assert (completion.text, completion.tokens_out, completion.truncated) == ("The capital of", 3, True)


async def test_the_same_question_gets_the_same_answer(tiny: LlamaCppChat) -> None:
    first = await tiny.complete(QUESTION, 40)
    await tiny.complete([Message("user", "Something else entirely")], 40)
    assert await tiny.complete(QUESTION, 40) == first


async def test_any_text_survives_the_way_through_bytes(tmp_path: Path) -> None:
    answer = "Zürich 東京 🗼 naïve — done."
    model = LlamaCppChat(write_knowing_gguf(tmp_path / "knowing.gguf", answer=answer))
    assert (await model.complete([Message("user", "Größe? 日本 \U0001f5fc")], 50)).text == answer
    await model.close()


async def test_a_conversation_longer_than_the_context_is_refused_with_both_numbers(tmp_path: Path) -> None:
    model = LlamaCppChat(write_tiny_gguf(tmp_path / "tiny.gguf"), context_tokens=512)
    with pytest.raises(UsageError, match=r"is 15\d\d tokens long.* holds 512"):
        await model.complete([Message("user", "x" * 1500)], 10)
    with pytest.raises(UsageError, match="holds 512"):
        await model.probability_true([Message("user", "x" * 1500)], "Is it so?")
    assert (await model.complete(QUESTION, 10)).tokens_out == 10
    await model.close()


async def test_an_answer_ends_where_the_context_does(tmp_path: Path) -> None:
    model = LlamaCppChat(write_tiny_gguf(tmp_path / "tiny.gguf"), context_tokens=256)
    completion = await model.complete([Message("user", "x" * 180)], 10_000)
    assert completion.truncated
    assert completion.tokens_in + completion.tokens_out == 256
    await model.close()


async def test_the_models_own_context_holds_if_it_is_the_smaller(tmp_path: Path) -> None:
    model = LlamaCppChat(write_tiny_gguf(tmp_path / "tiny.gguf", context_tokens=300), context_tokens=4096)
    with pytest.raises(UsageError, match="holds 300"):
        await model.complete([Message("user", "x" * 300)], 10)
    await model.close()


async def test_a_template_without_a_system_role_gets_it_in_the_first_user_message(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "[{{ m.role }}]{{ m.content }}{% endfor %}"
    )
    model = LlamaCppChat(write_tiny_gguf(tmp_path / "tiny.gguf", chat_template=template))
    folded = await model.complete([Message("system", "Be brief."), Message("user", "Hello")], 5)
    assert folded.tokens_in == len("[user]Be brief.\n\nHello")
    await model.close()


async def test_a_template_that_refuses_the_conversation_is_the_callers_fault(tmp_path: Path) -> None:
    template = "{{ raise_exception('roles must alternate') }}"
    model = LlamaCppChat(write_tiny_gguf(tmp_path / "tiny.gguf", chat_template=template))
    with pytest.raises(UsageError, match="roles must alternate"):
        await model.complete(QUESTION, 5)
    await model.close()


# P(True)


def _statement(subject: str, object_: str, frame: int) -> list[Message]:
    """One of several ways in which a question and its answer come along."""
    question, reply = f"What is the capital of {subject}?", f"It is {object_}."
    context = f"Context:\n[1] Travel notes. {subject} is worth a visit, no question, and yes, the food is good.\n\n"
    return [
        [Message("user", question), Message("assistant", reply)],
        [Message("system", "Be brief. " * 40), Message("user", question.upper().title()), Message("assistant", reply)],
        [Message("user", f"{context}Question: {question}"), Message("assistant", reply)],
        [Message("user", f"{question}\nProposed answer: {reply}")],
        [Message("user", f"The capital of {subject.lower()} is {object_.lower()}." + " Well." * 300)],
    ][frame]


def _auroc(right: list[float], wrong: list[float]) -> float:
    """Share of pairs in which the right statement scores higher, ties counting half (Mann and Whitney 1947)."""
    wins = sum((r > w) + (r == w) / 2 for r in right for w in wrong)
    return wins / (len(right) * len(wrong))


async def test_p_true_separates_right_from_wrong_statements_in_any_frame(knowing: LlamaCppChat) -> None:
    right: list[float] = []
    wrong: list[float] = []
    capitals = list(FACTS.values())
    for index, (subject, capital) in enumerate(FACTS.items()):
        other = capitals[(index + 3) % len(capitals)]
        for frame in range(5):
            for object_, scores in ((capital, right), (other, wrong)):
                question = "Is the answer above correct?"
                scores.append(await knowing.probability_true(_statement(subject, object_, frame), question))
    assert _auroc(right, wrong) >= 0.8
    assert min(right) > 0.85  # the seed's threshold for answering locally
    assert max(wrong) < 0.5


async def test_p_true_of_an_answer_at_odds_with_a_right_passage_is_low(knowing: LlamaCppChat) -> None:
    passage = "The capital of France is Paris. "
    asked = Message("user", f"{passage}What is the capital of France?")
    good = await knowing.probability_true([asked, Message("assistant", "Paris")], "Is that right?")
    bad = await knowing.probability_true([asked, Message("assistant", "Rome")], "Is that right?")
    assert good > 0.85
    assert bad < 0.5


async def test_p_true_without_anything_known_is_undecided(knowing: LlamaCppChat) -> None:
    assert await knowing.probability_true([Message("user", "Who won?")], "Is that right?") == pytest.approx(0.5)


async def test_p_true_is_a_probability_where_yes_and_no_are_not_single_tokens(tiny: LlamaCppChat) -> None:
    share = await tiny.probability_true(QUESTION, "Is that right?")
    assert 0 < share < 1
    assert await tiny.probability_true(QUESTION, "Is that right?") == pytest.approx(share, abs=1e-6)


async def test_p_true_is_the_same_whatever_was_asked_before(knowing: LlamaCppChat, tiny: LlamaCppChat) -> None:
    for model in (knowing, tiny):
        fresh = await model.probability_true(QUESTION, "Is that right?")
        await model.complete(QUESTION, 20)
        await model.complete([*QUESTION, Message("assistant", "Paris"), Message("user", "Why?")], 20)
        assert await model.probability_true(QUESTION, "Is that right?") == pytest.approx(fresh, abs=1e-3)


async def test_what_a_judgement_takes_is_unknown_at_first_and_then_grows_with_the_text_that_is_not_read_yet(
    tiny: LlamaCppChat,
) -> None:
    assert tiny.judgement_seconds(QUESTION) is None
    answer = await tiny.complete([Message("user", "x" * 600)], 5)
    short, long = (
        tiny.judgement_seconds([Message("user", "y" * 300)]),
        tiny.judgement_seconds([Message("user", "y" * 3000)]),
    )
    assert short is not None
    assert long is not None
    assert 3 * short < long < 10 * short  # 300 and 3000 characters, and a question each
    answered = [Message("user", "x" * 600), Message("assistant", answer.text)]
    after_answer = tiny.judgement_seconds(answered)
    assert after_answer is not None
    assert after_answer < short


async def test_speeds_are_measured_on_requests(tiny: LlamaCppChat) -> None:
    assert (tiny.speed.prefill_per_second, tiny.speed.decode_per_second) == (None, None)
    await tiny.complete(QUESTION, 1)
    assert tiny.speed.prefill_per_second
    assert tiny.speed.decode_per_second is None  # the first token is the prompt's
    await tiny.complete(QUESTION, 20)
    assert tiny.speed.decode_per_second


# Prefix reuse, cancellation, turns


@pytest.fixture(scope="module")
def slow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose prefill of some thousand tokens takes long enough to be interrupted."""
    return write_tiny_gguf(tmp_path_factory.mktemp("slow") / "slow.gguf", width=256, layers=4, context_tokens=4096)


@pytest.fixture
async def slow(slow_file: Path) -> AsyncIterator[LlamaCppChat]:
    model = LlamaCppChat(slow_file, threads=1)  # more would wait for each other where others use the cores
    await model.complete(QUESTION, 1)
    yield model
    await model.close()


def _long(letter: str) -> list[Message]:
    return [Message("user", letter * 3500)]


async def _seconds(model: LlamaCppChat, messages: list[Message]) -> float:
    started = time.perf_counter()
    await model.complete(messages, 1)
    return time.perf_counter() - started


async def test_a_prompt_that_begins_like_the_last_one_is_read_faster(slow: LlamaCppChat) -> None:
    fresh = await _seconds(slow, _long("a"))
    continued = await _seconds(slow, [*_long("a"), Message("assistant", "b"), Message("user", "c")])
    assert continued < fresh / 2
    started = time.perf_counter()
    await slow.probability_true([*_long("a"), Message("assistant", "b")], "Is that right?")
    assert time.perf_counter() - started < fresh / 2


async def test_a_request_cancelled_while_its_prompt_is_read_stops_at_once(slow: LlamaCppChat) -> None:
    whole = await _seconds(slow, _long("a"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(whole / 5):
            await slow.complete(_long("b"), 1)
    assert await _seconds(slow, QUESTION) < whole / 2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(whole / 5):
            await slow.probability_true(_long("c"), "Is that right?")
    assert await _seconds(slow, QUESTION) < whole / 2


async def test_answers_after_a_cancelled_prefill_are_the_same_as_ever(slow: LlamaCppChat) -> None:
    expected = await slow.complete(_long("a"), 5)
    await slow.complete(QUESTION, 1)
    for fraction in (3, 9):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3 / fraction):
                await slow.complete(_long("b"), 100)
    assert await slow.complete(_long("a"), 5) == expected


async def test_a_closed_stream_stops_generating(tiny: LlamaCppChat) -> None:
    async with aclosing(tiny.stream(QUESTION, 1500)) as items:
        await anext(items)
    started = time.perf_counter()
    await tiny.complete(QUESTION, 1)
    stopped_within = time.perf_counter() - started
    started = time.perf_counter()
    await tiny.complete(QUESTION, 1500)
    assert stopped_within < (time.perf_counter() - started) / 2


async def test_requests_are_answered_in_the_order_in_which_they_came(tiny: LlamaCppChat) -> None:
    order: list[int] = []

    async def ask(number: int) -> None:
        await tiny.complete([Message("user", str(number))], 20)
        order.append(number)

    await asyncio.gather(*(ask(number) for number in range(10)))
    assert order == list(range(10))


async def test_the_event_loop_stays_free_while_the_model_works(slow: LlamaCppChat) -> None:
    request = asyncio.create_task(slow.complete(_long("z"), 20))
    turns = 0
    while not request.done():
        await asyncio.sleep(0.002)
        turns += 1
    assert turns > 10


async def test_many_event_loops_in_many_threads_share_one_model(tiny: LlamaCppChat) -> None:
    expected = await tiny.complete(QUESTION, 20)
    outcomes: list[Completion] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(asyncio.run(tiny.complete(QUESTION, 20)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert outcomes == [expected] * 4


async def test_closing_fails_what_runs_and_what_waits(slow: LlamaCppChat) -> None:
    running = slow.stream(QUESTION, 4000)
    await anext(running)
    waiting = [asyncio.create_task(slow.complete(_long(letter), 400)) for letter in "xyz"]
    await asyncio.sleep(0)
    await slow.close()
    outcomes = await asyncio.gather(_drained(running), *waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError] * 4
    assert all("is closed" in str(outcome) for outcome in outcomes)


async def _drained(items: AsyncIterator[str | Completion]) -> None:
    async for _ in items:
        pass


def test_a_process_that_exits_in_the_middle_of_an_answer_exits_cleanly(slow_file: Path) -> None:
    script = f"""
    import asyncio
    from pathlib import Path
    from mcp_stack.llm.llama_cpp import LlamaCppChat
    from mcp_stack.ports.chat import Message

    async def main():
        items = LlamaCppChat(Path({str(slow_file)!r})).stream([Message("user", "x" * 900)], 3000)
        await anext(items)

    asyncio.run(main())
    print("left")
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "left\n"), done.stderr


# The protocol's file descriptors


def test_loading_and_answering_leave_stdout_and_stderr_alone(tmp_path: Path) -> None:
    """A second thread writes numbered lines to descriptor 1 throughout; none may be missing, and nothing else there."""
    file = write_tiny_gguf(tmp_path / "tiny.gguf", width=256, layers=4)
    (tmp_path / "broken.gguf").write_bytes(file.read_bytes()[:-1000])
    script = f"""
    import asyncio, os, threading
    from pathlib import Path
    from mcp_stack.errors import UnavailableError
    from mcp_stack.llm.llama_cpp import LlamaCppChat
    from mcp_stack.ports.chat import Message

    stop, seen, written = threading.Event(), set(), 0

    def write():
        global written
        while not stop.is_set():
            seen.add((os.fstat(1).st_ino, os.fstat(2).st_ino))
            os.write(1, b"%d\\n" % written)
            written += 1

    async def main():
        for name in ("tiny", "broken", "tiny"):
            model = LlamaCppChat(Path({str(tmp_path)!r}) / f"{{name}}.gguf")
            try:
                await model.complete([Message("user", "hello")], 5)
                await model.probability_true([Message("user", "hello")], "Right?")
            except UnavailableError:
                assert name == "broken"
            await model.close()

    writer = threading.Thread(target=write)
    writer.start()
    asyncio.run(main())
    stop.set()
    writer.join()
    assert len(seen) == 1, seen
    os.write(1, b"%d lines\\n" % written)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    *numbers, last = done.stdout.splitlines()
    assert last == f"{len(numbers)} lines"
    assert numbers == [str(number) for number in range(len(numbers))]
    assert len(numbers) > 100
    assert done.stderr == ""


# Files that cannot be used


async def _refusal(path: Path) -> UnavailableError:
    model = LlamaCppChat(path)
    with pytest.raises(UnavailableError) as refused:
        await model.complete(QUESTION, 5)
    assert model.status == "failed"
    await model.close()
    assert path.name in refused.value.problem
    assert "llm.local.path" in refused.value.remedy
    return refused.value


async def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    assert "is missing" in (await _refusal(tmp_path / "none.gguf")).problem


async def test_a_folder_is_unavailable(tmp_path: Path) -> None:
    assert "cannot be read" in (await _refusal(tmp_path)).problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
async def test_an_unreadable_file_is_unavailable(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "tiny.gguf")
    path.chmod(0)
    assert "cannot be read" in (await _refusal(path)).problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "only 0 bytes"),
        (b"GGUF\3\0\0\0", "only 8 bytes"),
        (random.Random(1).randbytes(50_000), "does not start with"),
        (b"GGUF" + random.Random(2).randbytes(50_000), "version"),
        (b"GGUF\3\0\0\0" + random.Random(3).randbytes(50_000), "cannot hold"),
        (b"GGUF\3\0\0\0" + (1).to_bytes(8, "little") + (9).to_bytes(8, "little") + bytes(900), "vocabulary"),
        (b"GGUF\3\0\0\0" + (1).to_bytes(8, "little") * 2 + b"\xff" * 900, "damaged or cut off"),
        (b"%PDF-1.7 not a model at all", "does not start with"),
    ],
)
async def test_what_is_no_gguf_is_unavailable_and_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "corrupt.gguf"
    path.write_bytes(content)
    assert words in (await _refusal(path)).problem


@pytest.mark.parametrize("kept", [30, 500, 5_000, 9_000, 100_000, -100])
async def test_a_download_cut_off_anywhere_is_unavailable(tmp_path: Path, kept: int) -> None:
    path = write_knowing_gguf(tmp_path / "cut.gguf")
    path.write_bytes(path.read_bytes()[:kept])
    await _refusal(path)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(b"<0x41>", b"<0x42>", "lists a word twice"), (b"<0x41>", b"<0xZZ>", "no token for some bytes")],
)
async def test_a_damaged_vocabulary_is_unavailable_instead_of_the_end_of_the_process(
    tmp_path: Path, before: bytes, after: bytes, words: str
) -> None:
    path = write_tiny_gguf(tmp_path / "damaged.gguf")
    path.write_bytes(path.read_bytes().replace(before, after))
    assert words in (await _refusal(path)).problem


async def test_a_word_that_a_zero_byte_cuts_to_another_one_is_unavailable(tmp_path: Path) -> None:
    path = write_knowing_gguf(tmp_path / "zero.gguf", answer="Paris \0 indeed")
    assert "lists a word twice" in (await _refusal(path)).problem


async def test_a_model_larger_than_what_is_free_is_not_even_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       16000000 kB\nMemAvailable:        100 kB\n", encoding="ascii")
    monkeypatch.setattr(machine, "_MEMINFO", meminfo)
    model = LlamaCppChat(write_tiny_gguf(tmp_path / "tiny.gguf"))
    with pytest.raises(UnavailableError, match=r"not enough memory for the model tiny: .* GB are free"):
        await model.complete(QUESTION, 5)
    meminfo.unlink()  # where nothing is told, nothing is refused
    assert (await model.complete(QUESTION, 5)).tokens_out == 5
    await model.close()


def test_a_model_larger_than_the_memory_is_unavailable_and_its_process_lives_on(tmp_path: Path) -> None:
    write_big_gguf(tmp_path / "big.gguf", layers=52)
    write_knowing_gguf(tmp_path / "small.gguf")
    script = f"""
    import asyncio, resource
    from pathlib import Path
    from mcp_stack.errors import UnavailableError
    from mcp_stack.llm.llama_cpp import LlamaCppChat
    from mcp_stack.ports.chat import Message

    async def ask(name):
        model = LlamaCppChat(Path({str(tmp_path)!r}) / name, context_tokens=256, threads=1)
        try:
            return (await model.complete([Message("user", "hello")], 9)).text
        except UnavailableError as error:
            return str(error)
        finally:
            await model.close()

    async def main():
        print(await ask("small.gguf"))
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM, in_use + ROOM))
        print(await ask("big.gguf"))
        print(await ask("small.gguf"))

    asyncio.run(main())
    """
    for room in (200_000_000, 600_000_000):  # not even the file, and the file but not its weights in use
        command = [sys.executable, "-c", textwrap.dedent(script).replace("ROOM", str(room))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        before, refused, after = done.stdout.splitlines()
        assert refused.startswith("UNAVAILABLE: there is not enough memory for the model big")
        assert before == after == "The capital of France is Paris."


async def test_a_broken_chat_template_is_unavailable(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "tiny.gguf", chat_template="{% for %}")
    assert "not a usable GGUF" in (await _refusal(path)).problem


async def test_a_file_put_right_is_loaded_by_the_next_request(tmp_path: Path) -> None:
    path = tmp_path / "knowing.gguf"
    model = LlamaCppChat(path)
    with pytest.raises(UnavailableError):
        await model.complete(QUESTION, 5)
    write_knowing_gguf(path)
    assert (await model.complete(QUESTION, 50)).text == "The capital of France is Paris."
    await model.close()


def test_without_llama_cpp_python_the_pip_command_is_named(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    script = f"""
    import asyncio, sys
    sys.modules["llama_cpp"] = None  # what an import of a package that is not there comes to
    from pathlib import Path
    from mcp_stack.errors import UnavailableError
    from mcp_stack.llm.llama_cpp import LlamaCppChat
    from mcp_stack.ports.chat import Message

    try:
        asyncio.run(LlamaCppChat(Path({str(tmp_path)!r}) / "tiny.gguf").complete([Message("user", "hello")], 5))
    except UnavailableError as error:
        print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert 'pip install "mcp-stack[local]"' in done.stdout


def test_importing_the_adapters_imports_no_heavy_library() -> None:
    script = """
    import sys
    import mcp_stack.llm.claude, mcp_stack.llm.llama_cpp, mcp_stack.llm.openai_compatible
    print([name for name in ("llama_cpp", "numpy", "anthropic", "openai", "jinja2") if name in sys.modules])
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
