"""Processes that share one local model: who holds it, who asks, and what happens when the holder ends."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import socket
import stat
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from mcp_stack.errors import DeniedError, UnavailableError, UsageError
from mcp_stack.llm.llama_cpp import LlamaCppChat
from mcp_stack.llm.sharing import meeting_point
from mcp_stack.llm.sharing.frames import LONGEST_BYTES, encoded
from mcp_stack.llm.sharing.meeting_point import MeetingPoint, peer_of
from mcp_stack.llm.sharing.shared_model import SharedModel
from mcp_stack.ports.chat import Completion, Message, SelfJudgingModel
from tests.support.model_process import ModelProcess
from tests.support.tiny_gguf import write_knowing_gguf, write_tiny_gguf
from tests.support.waiting import until

QUESTION = [Message("user", "What is the capital of France?")]
ANSWER = "The capital of France is Paris."
Sharing = Callable[[Path], SharedModel]


@pytest.fixture(scope="module")
def knowing_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_knowing_gguf(tmp_path_factory.mktemp("knowing") / "knowing.gguf", answer=ANSWER)


@pytest.fixture(scope="module")
def slow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose prefill of some thousand tokens takes long enough to be interrupted."""
    return write_tiny_gguf(tmp_path_factory.mktemp("slow") / "slow.gguf", width=256, layers=4, context_tokens=4096)


@pytest.fixture
async def sharing(tmp_path: Path) -> AsyncIterator[Sharing]:
    """Makes models that meet in one folder; a lock does not care whether two of them are in one process."""
    made: list[SharedModel] = []

    def make(file: Path) -> SharedModel:
        made.append(SharedModel(LlamaCppChat(file, threads=1), MeetingPoint(tmp_path / "run", str(file))))
        return made[-1]

    yield make
    for model in made:
        await model.close()


async def test_the_first_holds_the_model_and_the_others_get_the_same_from_it(
    sharing: Sharing, knowing_file: Path
) -> None:
    models = [sharing(knowing_file) for _ in range(3)]
    assert all(isinstance(model, SelfJudgingModel) for model in models)
    completions = [await model.complete(QUESTION, 50) for model in models]
    assert {completion.text for completion in completions} == {ANSWER}
    assert len(set(completions)) == 1
    judged = [await model.probability_true(QUESTION, "Is that right?") for model in models]
    assert judged == [judged[0]] * 3
    streamed = [[item async for item in model.stream(QUESTION, 50)] for model in models]
    assert streamed == [streamed[0]] * 3
    assert len(streamed[0]) > 3
    assert sum(model._model.status == "ready" for model in models) == 1


async def test_errors_of_the_model_are_the_same_from_afar(sharing: Sharing, knowing_file: Path, tmp_path: Path) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    await near.complete(QUESTION, 5)
    refusals = []
    for model in (near, far):
        with pytest.raises(UsageError) as refused:
            await model.complete([Message("user", "x" * 100_000)], 5)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    missing = [sharing(tmp_path / "none.gguf") for _ in range(2)]
    for model in missing:
        with pytest.raises(UnavailableError, match="is missing"):
            await model.complete(QUESTION, 5)
    assert (await missing[1].state()).status == "failed"


async def test_the_state_is_told_from_afar_and_looking_loads_nothing(sharing: Sharing, knowing_file: Path) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    assert (await far.state()).status == "unloaded"
    assert (await near.state()).holder_pid == 0
    await near.load()
    assert (await far.state()).status == "ready"
    await near.complete(QUESTION, 20)
    state = await far.state()
    assert (state.holder_pid, state.unfinished) == (os.getpid(), 0)
    assert state.prefill_per_second
    assert state.decode_per_second


async def test_loading_goes_on_in_the_background_and_is_seen(sharing: Sharing, knowing_file: Path) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    loading = asyncio.create_task(near.load())
    seen = set()

    async def ready() -> bool:
        seen.add((await far.state()).status)
        return "ready" in seen

    await until(ready)
    await loading
    assert seen <= {"unloaded", "loading", "ready"}


async def test_what_a_judgement_takes_is_known_from_afar_after_the_first_answer(
    sharing: Sharing, knowing_file: Path
) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    await near.load()
    assert far.judgement_seconds(QUESTION) is None
    answer = await far.complete([Message("user", "x" * 600)], 50)
    fresh = far.judgement_seconds([Message("user", "y" * 600)])
    shared = far.judgement_seconds([Message("user", "x" * 600), Message("assistant", answer.text)])
    assert fresh is not None
    assert shared is not None
    assert shared < fresh


async def test_when_the_holder_closes_another_takes_over_and_the_rest_follow(
    sharing: Sharing, knowing_file: Path
) -> None:
    first, second, third = (sharing(knowing_file) for _ in range(3))
    for model in (first, second, third):
        await model.complete(QUESTION, 5)
    await first.close()
    answers = await asyncio.gather(second.complete(QUESTION, 50), third.complete(QUESTION, 50))
    assert [answer.text for answer in answers] == [ANSWER] * 2
    with pytest.raises(UnavailableError, match="is closed"):
        await first.complete(QUESTION, 5)


async def test_requests_that_wait_when_the_holder_closes_are_answered_by_the_next(
    sharing: Sharing, slow_file: Path
) -> None:
    first, second, third = (sharing(slow_file) for _ in range(3))
    await first.load()
    own = asyncio.create_task(first.complete([Message("user", "a" * 3500)], 400))
    waiting = [asyncio.create_task(model.complete(QUESTION, 3)) for model in (second, third)]

    async def all_wait() -> bool:
        return (await first.state()).unfinished == 3

    await until(all_wait)
    await first.close()
    assert [(await answer).tokens_out for answer in waiting] == [3, 3]
    with pytest.raises(UnavailableError):
        await own


async def test_a_stream_that_had_begun_fails_when_its_holder_closes(sharing: Sharing, slow_file: Path) -> None:
    first, second = sharing(slow_file), sharing(slow_file)
    await first.load()
    items = second.stream(QUESTION, 3000)
    await anext(items)
    await first.close()
    with pytest.raises(UnavailableError, match="ended"):
        async for _ in items:
            pass


async def test_cancelling_from_afar_frees_the_model(sharing: Sharing, slow_file: Path) -> None:
    near, far = sharing(slow_file), sharing(slow_file)
    await near.load()
    requests = [asyncio.create_task(far.complete([Message("user", letter * 3500)], 2000)) for letter in "abcdef"]

    async def unfinished(count: int) -> bool:
        return (await near.state()).unfinished == count

    await until(lambda: unfinished(6))
    for request in requests:
        request.cancel()
    await until(lambda: unfinished(0), seconds=1)
    async with aclosing(far.stream(QUESTION, 3000)) as items:
        await anext(items)
    await until(lambda: unfinished(0), seconds=1)
    assert (await near.complete(QUESTION, 1)).tokens_out == 1


class Recording(LlamaCppChat):
    """Notes whose turn each request takes."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, context_tokens=256, threads=1)
        self.clients: list[str] = []

    async def complete(self, messages: Sequence[Message], max_tokens: int, *, client: str = "") -> Completion:
        self.clients.append(client)
        return await super().complete(messages, max_tokens, client=client)


async def test_each_process_is_a_client_of_its_own(tmp_path: Path, knowing_file: Path) -> None:
    recording = Recording(knowing_file)
    model = SharedModel(recording, MeetingPoint(tmp_path / "run", str(knowing_file)))
    await model.complete(QUESTION, 5)
    with ModelProcess(knowing_file, tmp_path / "run") as one, ModelProcess(knowing_file, tmp_path / "run") as other:
        for process in (one, other, one):
            process.ask("What is the capital of France?", 50)
            assert (await asyncio.to_thread(process.reply))["text"] == ANSWER
        assert recording.clients == ["", str(one.pid), str(other.pid), str(one.pid)]
    await model.close()


# A process that holds the model and does nothing


async def test_a_suspended_process_that_holds_the_model_is_given_up_and_asked_again_once_it_goes_on(
    tmp_path: Path, knowing_file: Path
) -> None:
    place = MeetingPoint(tmp_path / "run", str(knowing_file))
    model = SharedModel(LlamaCppChat(knowing_file, threads=1), place, timeout_seconds=1)
    with ModelProcess(knowing_file, tmp_path / "run") as holder:
        holder.ask("Hello", 50)
        await asyncio.to_thread(holder.reply)
        assert (await model.complete(QUESTION, 50)).text == ANSWER
        os.kill(holder.pid, signal.SIGSTOP)
        try:
            with pytest.raises(UnavailableError, match=f"process {holder.pid}.*no sign of life"):
                await model.complete(QUESTION, 50)
            assert model.judgement_seconds(QUESTION) == math.inf
            with pytest.raises(UnavailableError, match="no sign of life"):
                await model.probability_true(QUESTION, "Is that right?")
            with pytest.raises(UnavailableError, match="no sign of life"):
                _ = [item async for item in model.stream(QUESTION, 50)]
        finally:
            os.kill(holder.pid, signal.SIGCONT)
        assert (await model.complete(QUESTION, 50)).text == ANSWER
        seconds = model.judgement_seconds(QUESTION)
        assert seconds is not None
        assert seconds < math.inf
    await model.close()


class Stuck(LlamaCppChat):
    """Answers once its progress was looked at so often, and then says that it got on only if it is told to."""

    def __init__(self, file: Path, *, gets_on: bool) -> None:
        super().__init__(file, threads=1)
        self._gets_on = gets_on
        self._looks = 0
        self._enough = asyncio.Event()

    @property
    def progress(self) -> int:
        self._looks += 1
        if self._looks == 6:
            self._enough.set()
        return self._looks if self._gets_on else 0

    async def complete(self, messages: Sequence[Message], max_tokens: int, *, client: str = "") -> Completion:
        await self._enough.wait()
        return await super().complete(messages, max_tokens, client=client)


@pytest.mark.parametrize("gets_on", [True, False])
async def test_a_model_that_gets_on_is_waited_for_and_one_that_does_not_is_given_up(
    tmp_path: Path, knowing_file: Path, gets_on: bool
) -> None:
    place = MeetingPoint(tmp_path / "run", str(knowing_file))
    holder = SharedModel(Stuck(knowing_file, gets_on=gets_on), place)
    await holder.load()
    far = SharedModel(
        LlamaCppChat(knowing_file), MeetingPoint(tmp_path / "run", str(knowing_file)), timeout_seconds=0.8
    )
    if gets_on:
        assert (await far.complete(QUESTION, 50)).text == ANSWER
    else:
        with pytest.raises(UnavailableError, match=r"no sign of life for 0\.8 s"):
            await far.complete(QUESTION, 50)
    await far.close()
    await holder.close()


# Frames from whoever connects


async def _talk(place: MeetingPoint, data: bytes) -> bytes:
    """What comes back for raw bytes, until the other end closes."""
    reader, writer = await asyncio.open_unix_connection(place.address())
    writer.write(data)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff\xff\xff\xff",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 5) + b"{oops",
        struct.pack(">I", 200_000) + b"[" * 200_000,
        encoded({}),
        encoded({"op": "no such"}),
        encoded({"op": "complete"}),
        encoded({"op": "complete", "messages": [["user"]], "max_tokens": 5}),
        encoded({"op": "complete", "messages": [["nobody", "x"]], "max_tokens": 5}),
        encoded({"op": "complete", "messages": [["user", 5]], "max_tokens": "many"}),
        encoded({"op": "judge", "messages": 5, "question": None}),
    ],
)
async def test_what_is_no_request_ends_the_connection_and_nothing_else(
    sharing: Sharing, knowing_file: Path, tmp_path: Path, data: bytes
) -> None:
    model = sharing(knowing_file)
    await model.load()
    place = MeetingPoint(tmp_path / "run", str(knowing_file))
    await until(lambda: place.address().exists())
    assert await _talk(place, data) == b""
    assert (await model.complete(QUESTION, 50)).text == ANSWER
    assert (await model.state()).unfinished == 0


async def test_a_conversation_longer_than_a_frame_is_the_callers_fault(sharing: Sharing, knowing_file: Path) -> None:
    near, far = sharing(knowing_file), sharing(knowing_file)
    await near.load()
    with pytest.raises(UsageError, match="far too long"):
        await far.complete([Message("user", "x" * LONGEST_BYTES)], 5)


async def test_any_text_survives_the_way_over_the_socket(sharing: Sharing, tmp_path: Path) -> None:
    answer = "Zürich 東京 \U0001f5fc naïve done."
    file = write_knowing_gguf(tmp_path / "words.gguf", answer=answer)
    near, far = sharing(file), sharing(file)
    await near.load()
    assert (await far.complete([Message("user", "Größe? \U0001f5fc")], 50)).text == answer


# Where processes meet


def test_the_folder_and_the_socket_are_for_their_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    place = MeetingPoint(folder, "model")
    place.prepare()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert place.lock.try_take()
    with place.listening_socket() as listener:
        assert place.address().parent == folder
        ours = socket.socket(socket.AF_UNIX)
        ours.connect(os.fspath(place.address()))
        assert peer_of(ours) == (os.geteuid(), os.getpid())
        ours.close()
        assert listener.getsockname() == os.fspath(place.address())
    place.forget_socket()
    place.lock.release()
    assert [path.suffix for path in folder.iterdir()] == [".lock"]


def test_a_folder_whose_path_is_too_long_for_a_socket_has_it_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    place = MeetingPoint(tmp_path / ("x" * 100), "model")
    place.prepare()
    assert place.lock.try_take()
    with place.listening_socket():
        assert place.address().is_relative_to(short)
        assert stat.S_IMODE(place.address().parent.stat().st_mode) == 0o700
    place.forget_socket()
    place.lock.release()
    shutil.rmtree(short)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make something of another user")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(DeniedError, match="is not a folder of user id"):
        MeetingPoint(folder, "model").prepare()


async def test_a_model_whose_socket_cannot_be_made_is_held_for_its_own_process(
    tmp_path: Path, knowing_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(meeting_point, "LONGEST_SOCKET_PATH", 5)
    model = SharedModel(LlamaCppChat(knowing_file), MeetingPoint(tmp_path / "run", "model"))
    assert (await model.complete(QUESTION, 50)).text == ANSWER
    await model.close()
    assert "is not shared with other processes" in caplog.text
