"""Points of interest and the system registry."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack import __version__
from mcp_stack.aidb.desk.points import Points, checked_url
from mcp_stack.aidb.desk.systems import SystemRegistry
from mcp_stack.cli.servers import SERVERS
from mcp_stack.composition.inventory import SERVERS as LISTED_SERVERS
from mcp_stack.composition.presence import announce
from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.ports.systems import System
from mcp_stack.storage.postgres.points import PostgresPoints
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.systems import PostgresSystems
from tests.support.redis_server import running_redis
from tests.support.stack import open_stack

LIST: dict[str, Any] = {"category": "", "query": "", "limit": 50, "offset": 0}


# --- points of interest ---------------------------------------------------------------------------------------------


@pytest.fixture
def points(database: Database) -> Points:
    return Points(PostgresPoints(database))


async def add(points: Points, title: str, url: str, category: str = "docs", description: str = "") -> bool:
    """Add a point; whether it is new."""
    return (await points.add(title=title, url=url, category=category, description=description)).created


async def test_an_address_is_kept_once_however_it_is_spelled(points: Points) -> None:
    assert await add(points, "Manual", "https://Example.org:443")
    assert not await add(points, "The manual", "HTTPS://example.org/", description="All of it")
    (point,) = (await points.listed(**LIST)).points
    assert (point.title, point.url, point.description) == ("The manual", "https://example.org/", "All of it")


async def test_points_are_filtered_by_category_and_by_all_words(points: Points) -> None:
    await add(points, "Grafana", "http://localhost:3000/d", "Dashboard", "100% of the errors")
    await add(points, "Manual", "https://example.org/manual")
    await add(points, "Errors", "https://example.org/errors")
    assert [each.title for each in (await points.listed(**{**LIST, "category": "dashboard"})).points] == ["Grafana"]
    assert [each.title for each in (await points.listed(**{**LIST, "query": "ERRORS example"})).points] == ["Errors"]
    assert [each.title for each in (await points.listed(**{**LIST, "query": "100%"})).points] == ["Grafana"]
    assert (await points.listed(**{**LIST, "query": "%"})).total == 1
    page = await points.listed(**{**LIST, "limit": 1, "offset": 1})
    assert ([each.title for each in page.points], page.total) == (["Errors"], 3)
    assert (await points.listed(**{**LIST, "offset": 10})).total == 3


async def test_the_same_address_from_many_at_once_is_kept_once(points: Points) -> None:
    added = await asyncio.gather(*(add(points, f"Title {n}", "https://example.org/x") for n in range(20)))
    assert sum(added) == 1


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://example.org/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "example.org",
            "//example.org",
            "https://",
        ),
        *(
            "https:///x",
            "https://exa mple.org/",
            "https://example.org/a b",
            "https://example.org:99999/",
            "http://[::1",
        ),
        *("https://ada@example.org/", "https://ada:hunter2@example.org/", "https://:hunter2@example.org/"),
        *("https://example.org/?api_key=hunter2", "https://example.org/?a=b&access_token=hunter2"),
        *(
            "https://example.org/?sig=hunter2",
            "https://example.org/?key=hunter2",
            "https://a.org/?X-Amz-Signature=hunter2",
        ),
        *("https://example.org/?%73ig=hunter2", "https://a.org/?maps.key=hunter2", "https://a.org/?a=1;token=hunter2"),
        *("https://example.org/?x=ghp_hunter2hunter2hunter2", "https://example.org/%67hp_hunter2hunter2hunter2"),
        *("https://example.org/\u202etxt", "https://example.org/a\u200bb"),
        *("https://example.org/#token=hunter2", "https://example.org/a\tb", "https://..", "https://ex\u2100ample.org/"),
    ],
)
async def test_what_is_no_address_of_the_web_or_holds_a_secret_is_refused(points: Points, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        await add(points, "x", url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.remedy


@given(
    st.text(max_size=40), st.sampled_from(["", "http://", "https://example.org/", "https://a@", "https://[", "HTTP:"])
)
def test_any_text_is_an_address_in_one_spelling_or_refused(text: str, begin: str) -> None:
    try:
        url = checked_url(begin + text)
    except UsageError:
        return
    assert checked_url(url) == url
    assert re.match(r"https?://[^\s/@]+/", url)


# --- system registry ------------------------------------------------------------------------------------------------


async def test_what_runs_here_is_listed_with_versions(conninfo: str, tmp_path: Path) -> None:
    environ = {"ANTHROPIC_API_KEY": "sk-secret-key", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    async with open_stack(conninfo, tmp_path, **environ) as stack:
        found = {each.name: each for each in (await (await stack.desk()).list_systems(kind="")).systems}
    assert set(SERVERS) | {"worker", "postgresql", "pgvector", "cache", "vectors", "embedder", "claude"} <= set(found)
    assert {"python", "mcp-stack", "llama.cpp", "operating-system", "cpu", "memory", "disk"} <= set(found)
    assert (found["mcp-stack"].version, found["aidb"].status) == (__version__, "stopped")
    assert re.match(r"1\d\.", found["postgresql"].version)
    assert re.match(r"0\.\d", found["pgvector"].version)
    assert re.search(r"\d GB free of \d", found["memory"].detail)
    assert (found["claude"].status, found["claude"].kind) == ("down", "model")
    assert (found["local-model"].status, found["embedder"].status) == ("not_configured", "not_configured")
    assert "secret" not in repr(found)


def test_every_server_is_listed() -> None:
    assert LISTED_SERVERS == SERVERS


async def test_redis_is_listed_with_its_version(conninfo: str, tmp_path: Path) -> None:
    with running_redis() as url:
        async with open_stack(conninfo, tmp_path, REDIS_URL=url) as stack:
            (cache,) = [
                each for each in (await (await stack.desk()).list_systems(kind="store")).systems if each.name == "cache"
            ]
    assert re.fullmatch(r"(Redis|Valkey) \d+\.\d+\.\d+", cache.version)


async def test_a_server_is_running_as_long_as_one_of_its_processes_lives(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        registry = (await stack.desk()).systems

        async def status() -> str:
            await registry.refresh()
            return {each.name: each.status for each in (await registry.listed(kind="server")).systems}["aidb"]

        one, other = announce(tmp_path / "data", "aidb"), announce(tmp_path / "data", "aidb")
        assert await status() == "ok"
        one.release()
        assert await status() == "ok"
        other.release()
        assert await status() == "stopped"


def registry(database: Database, looks: list[str], version: str = "1") -> SystemRegistry:
    """A registry of one machine with one thing to look at."""

    async def look() -> list[System]:
        looks.append(version)
        return [System("thing", "software", version, "ok", "")]

    return SystemRegistry(PostgresSystems(database), "here", {("software", "thing"): look})


async def age_by(database: Database, age: timedelta, machine: str = "here") -> None:
    """Make what was found older."""
    async with database.write() as connection:
        await connection.execute(
            "update system_registry set refreshed_at = refreshed_at - %s where machine = %s", [age, machine]
        )


async def test_it_is_looked_at_anew_only_when_it_was_too_long_ago(database: Database) -> None:
    looks: list[str] = []
    here = registry(database, looks)
    for _ in range(3):
        assert [each.version for each in (await here.listed(kind="")).systems] == ["1"]
    assert len(looks) == 1
    await age_by(database, timedelta(minutes=11))
    await here.listed(kind="")
    assert len(looks) == 2


async def test_another_machine_that_is_silent_is_unknown_and_in_the_end_forgotten(database: Database) -> None:
    await PostgresSystems(database).replace("there", [System("thing", "software", "1", "ok", "")])
    await age_by(database, timedelta(hours=1), "there")
    here = registry(database, [])
    assert {each.machine: each.status for each in (await here.listed(kind="")).systems} == {
        "here": "ok",
        "there": "unknown",
    }
    await age_by(database, timedelta(days=40), "there")
    await here.refresh()
    assert {each.machine for each in (await here.listed(kind="")).systems} == {"here"}


async def test_what_is_gone_from_a_machine_is_gone_from_the_registry(database: Database) -> None:
    systems = PostgresSystems(database)
    await systems.replace("here", [System(name, "software", "1", "ok", "") for name in ("a", "b")])
    await systems.replace("here", [System("b", "software", "2", "ok", "")])
    assert [(each.system.name, each.system.version) for each in await systems.all()] == [("b", "2")]


async def test_a_part_that_cannot_be_seen_is_down_and_the_others_are_seen(database: Database) -> None:
    async def broken() -> list[System]:
        raise UnavailableError("the thing is off", "switch it on")

    async def works() -> list[System]:
        return [System("other", "software", "1", "ok", "")]

    looks = {("store", "thing"): broken, ("software", "other"): works}
    found = await SystemRegistry(PostgresSystems(database), "here", looks).listed(kind="")  # type: ignore[arg-type]  # literals
    assert {each.name: (each.status, each.detail) for each in found.systems} == {
        "thing": ("down", "the thing is off"),
        "other": ("ok", ""),
    }


async def test_an_unknown_kind_is_refused(database: Database) -> None:
    with pytest.raises(UsageError, match="kind is 'planet'"):
        await registry(database, []).listed(kind="planet")


async def test_the_worker_refreshes_it_by_the_clock(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        (schedule,) = stack._desk.schedules
        assert schedule.every_machine
        await stack._desk.handlers[schedule.job]()
        assert await stack._stores.systems.all()
