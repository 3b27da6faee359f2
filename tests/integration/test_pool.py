"""Connections are pinged before they are used, unless they were used a moment ago."""

from __future__ import annotations

import psycopg
import pytest

from mcp_stack.storage.postgres import pool
from mcp_stack.storage.postgres.pool import Database


async def backend(database: Database) -> int:
    """The server's process behind the connection that a read gets."""
    async with database.read() as connection:
        row = await (await connection.execute("select pg_backend_pid() as pid")).fetchone()
        assert row is not None
        return int(row["pid"])


async def last_query(database: Database) -> str:
    """What a connection said last when it is next taken out of the pool."""
    taken = await (await database.pool()).getconn()
    try:
        with psycopg.connect(taken.info.dsn) as observer:
            row = observer.execute(
                "select query from pg_stat_activity where pid = %s", [taken.info.backend_pid]
            ).fetchone()
        assert row is not None
        return str(row[0])
    finally:
        await (await database.pool()).putconn(taken)


async def test_a_connection_that_was_just_used_is_not_pinged(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backend(database)
    async with database.read():
        pass
    assert "pg_backend_pid" in await last_query(database)
    monkeypatch.setattr(pool, "SECONDS_WITHOUT_A_PING", 0.0)
    async with database.read():
        pass
    assert "pg_backend_pid" not in await last_query(database)


async def test_a_connection_that_the_server_has_ended_is_replaced_even_if_it_was_just_used(
    database: Database, conninfo: str
) -> None:
    for _ in range(5):
        pid = await backend(database)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            ended = connection.execute("select pg_terminate_backend(%s, 5000)", [pid]).fetchone()
        assert ended == (True,)
        assert await backend(database) != pid
