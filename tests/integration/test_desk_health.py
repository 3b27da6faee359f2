"""Health: what is up, what is down, how long each took to say so, and what works all the same."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from mcp_stack.aidb.desk import health as health_module
from mcp_stack.aidb.desk.health import Capability, Check, Health, Probe
from mcp_stack.aidb.desk.models import Dependency, HealthResult
from mcp_stack.composition import Stack
from mcp_stack.errors import UnavailableError
from tests.support.redis_server import running_redis
from tests.support.stack import open_stack
from tests.support.tiny_gguf import write_knowing_gguf

CAPABILITIES = (
    Capability("It answers."),
    Capability("It searches.", ("database",)),
    Capability("It is quick.", ("database", "cache")),
    Capability("It thinks.", ("database", "model")),
)


async def up() -> str:
    return "here"


async def down() -> str:
    raise UnavailableError("gone", "bring it back")


async def broken() -> str:
    raise KeyError("x")


class Switch:
    """A dependency that a test switches; while it hangs it counts how often it is asked."""

    def __init__(self) -> None:
        self.check: Check = up
        self.asked = 0
        self.back = asyncio.Event()

    async def __call__(self) -> str:
        self.asked += 1
        return await self.check()

    async def hang(self) -> str:
        await self.back.wait()
        return "back"


def health(database: Check, cache: Check = up) -> Health:
    """Health of a server with a required database, an optional cache, and no model."""
    probes = [
        Probe("database", required=True, check=database),
        Probe("cache", required=False, check=cache),
        Probe("model", required=False, check=None, detail="configure one"),
    ]
    return Health(probes, CAPABILITIES)


def state(report: HealthResult) -> tuple[bool, bool, bool, str]:
    """Live, ready, startup and status."""
    return report.live, report.ready, report.startup, report.status


def by_name(report: HealthResult) -> dict[str, Dependency]:
    """Dependencies of a report."""
    return {each.name: each for each in report.dependencies}


async def test_with_everything_up_it_is_ok_and_what_was_never_configured_is_not_missed() -> None:
    report = await health(up).report()
    assert state(report) == (True, True, True, "ok")
    assert by_name(report)["model"].status == "not_configured"
    assert report.still_works == ["It answers.", "It searches.", "It is quick."]
    assert report.does_not_work == []


async def test_without_something_optional_it_is_degraded_and_says_what_is_lacking() -> None:
    report = await health(up, down).report()
    assert state(report) == (True, True, True, "degraded")
    assert by_name(report)["cache"].detail == "gone; bring it back"
    assert report.still_works == ["It answers.", "It searches."]
    assert report.does_not_work == ["It is quick. (lacks cache)"]


async def test_without_something_required_it_is_live_and_not_ready() -> None:
    report = await health(down).report()
    assert state(report) == (True, False, False, "down")
    assert report.still_works == ["It answers."]
    assert len(report.does_not_work) == 3


async def test_startup_is_over_with_the_first_time_that_it_was_ready() -> None:
    switch = Switch()
    checked = health(switch)
    switch.check = down
    assert not (await checked.report()).startup
    switch.check = up
    assert (await checked.report()).startup
    switch.check = down
    assert state(await checked.report()) == (True, False, True, "down")


async def test_a_bug_in_a_probe_is_a_dependency_that_is_down(caplog: pytest.LogCaptureFixture) -> None:
    report = await health(up, broken).report()
    assert (report.status, by_name(report)["cache"].detail) == ("degraded", "unexpected error KeyError; see the log")
    assert "asking cache failed" in caplog.text


async def test_what_hangs_is_down_in_time_and_asked_once_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "SECONDS_TO_ANSWER", 0.2)
    database, cache = Switch(), Switch()
    checked = health(database, cache)
    await checked.report()
    for switch in (database, cache):
        switch.check, switch.asked = switch.hang, 0
    begin = time.monotonic()
    reports = [await checked.report() for _ in range(3)]
    assert time.monotonic() - begin < 2
    assert {each.status for each in reports} == {"down"}
    assert by_name(reports[0])["database"].detail == "no answer within 0.2 s"
    assert (database.asked, cache.asked) == (1, 1)
    for switch in (database, cache):
        switch.check = up
        switch.back.set()
    await asyncio.sleep(0)
    assert (await checked.report()).status == "ok"


# --- the real stores ------------------------------------------------------------------------------------------------


async def report_of(stack: Stack, *, thorough: bool = False) -> HealthResult:
    """The health of a stack, which must come in time."""
    begin = time.monotonic()
    report = await (await stack.desk()).health(thorough=thorough)
    assert time.monotonic() - begin < 11
    return report


async def test_a_database_that_is_not_there_leaves_it_live_and_says_what_works(tmp_path: Path) -> None:
    async with open_stack("postgresql://ada:hunter2@127.0.0.1:9/none", tmp_path) as stack:
        report = await report_of(stack)
    assert state(report) == (True, False, False, "down")
    assert by_name(report)["postgresql"].status == "down"
    assert any("its tools are listed" in each for each in report.still_works)
    assert any("found by their words. (lacks postgresql)" in each for each in report.does_not_work)
    assert "hunter2" not in report.model_dump_json()


async def test_a_database_that_hangs_is_found_out_within_its_bound_and_seen_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with open_stack("", tmp_path) as stack:
        assert (await report_of(stack)).status == "ok"
        async with suspended(tmp_path / "data" / "postgres"):
            begin = time.monotonic()
            report = await report_of(stack)
            assert state(report) == (True, False, True, "down")
            assert time.monotonic() - begin < health_module.SECONDS_TO_ANSWER + 1
        async with asyncio.timeout(30):
            while (await report_of(stack)).status != "ok":
                await asyncio.sleep(0.1)


async def test_without_its_redis_it_is_degraded_and_answers_all_the_same(conninfo: str, tmp_path: Path) -> None:
    with running_redis() as url:
        async with open_stack(conninfo, tmp_path, REDIS_URL=url) as stack:
            assert by_name(await report_of(stack))["cache"].status == "ok"
    async with open_stack(conninfo, tmp_path, REDIS_URL=url) as stack:
        report = await report_of(stack)
        assert state(report) == (True, True, True, "degraded")
        assert "REDIS_URL" in by_name(report)["cache"].detail
        assert report.does_not_work == ["Answers are remembered, and requests are limited. (lacks cache)"]
        await stack.admit("ada")
        assert (await (await stack.desk()).search_skills(query="anything", limit=3)).skills == []


async def test_without_its_qdrant_it_is_degraded_and_finds_by_words(conninfo: str, tmp_path: Path) -> None:
    environ = {"QDRANT_URL": "http://127.0.0.1:9", "MCP_STACK_EMBEDDINGS__PROVIDER": "llama_cpp"}
    async with open_stack(conninfo, tmp_path, **environ) as stack:
        report = await report_of(stack)
    assert state(report) == (True, True, True, "degraded")
    assert "QDRANT_URL" in by_name(report)["vectors"].detail
    assert "Documents are imported, and found by their words." in report.still_works
    assert report.does_not_work == ["Documents are found by their meaning. (lacks vectors)"]


async def test_the_embedder_is_not_loaded_to_see_whether_it_is_there_unless_asked(
    conninfo: str, tmp_path: Path
) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed (the extra `local`)")
    async with open_stack(conninfo, tmp_path, MCP_STACK_EMBEDDINGS__PROVIDER="llama_cpp") as stack:
        seen = by_name(await report_of(stack))["embedder"]
        assert (seen.status, "not loaded yet; its weights are in" in seen.detail) == ("ok", True), seen
        assert not stack._models.embedder_is_loaded
        assert by_name(await report_of(stack, thorough=True))["embedder"].detail == "all-MiniLM-L6-v2"
        assert stack._models.embedder_is_loaded
        assert by_name(await report_of(stack))["embedder"].detail == "all-MiniLM-L6-v2"


async def test_models_behind_an_address_are_reached_or_down(conninfo: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        environ = {
            "ANTHROPIC_API_KEY": "sk-ant-secret",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
            "MCP_STACK_LLM__LOCAL__URL": "http://ada:hunter2@127.0.0.1:9/v1",
        }
        async with open_stack(conninfo, tmp_path, **environ) as stack:
            found = by_name(report := await report_of(stack))
    assert (found["claude"].status, found["local-model"].status) == ("ok", "down")
    assert "127.0.0.1:9 cannot be reached (Connection refused)" in found["local-model"].detail
    assert "Questions are answered by Claude." in report.still_works
    assert "hunter2" not in report.model_dump_json()
    assert "sk-ant-secret" not in report.model_dump_json()


async def test_a_damaged_model_file_is_down_and_a_good_one_is_not(conninfo: str, tmp_path: Path) -> None:
    model = write_knowing_gguf(tmp_path / "model.gguf")
    async with open_stack(conninfo, tmp_path, MCP_STACK_LLM__LOCAL__PATH=str(model)) as stack:
        assert by_name(await report_of(stack))["local-model"].status == "ok"
        model.write_bytes(b"no model")
        assert by_name(await report_of(stack))["local-model"].status == "down"


@asynccontextmanager
async def suspended(folder: Path) -> AsyncIterator[None]:
    """Every process that works in a folder is stopped for a while."""
    found = [each for each in psutil.process_iter() if _works_in(each, folder)]
    assert found
    _send(found, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(found, signal.SIGCONT)


def _send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) == folder
    except (psutil.Error, OSError):
        return False
