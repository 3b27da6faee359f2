"""A real PostgreSQL for the tests: one embedded server a session, a fresh database a test."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
from mcp_stack.storage.postgres.migrate import migrate
from mcp_stack.storage.postgres.pool import Database, PoolSize

TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Connection string of a server that has the database `migrated`, with the schema and no rows."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    attachment = server.attach()
    try:
        with psycopg.connect(attachment.conninfo, autocommit=True) as connection:
            # Nobody misses these databases after a power cut.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(f"alter system set {setting} = off")
            connection.execute("select pg_reload_conf()")
            connection.execute(f"create database {TEMPLATE}")
        asyncio.run(migrate(make_conninfo(attachment.conninfo, dbname=TEMPLATE)))
        yield attachment.conninfo
    finally:
        attachment.release()


@pytest.fixture
def conninfo(postgres_server: str) -> Iterator[str]:
    """Connection string of a database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"create database {name} template {TEMPLATE}")
        yield make_conninfo(postgres_server, dbname=name)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
async def database(conninfo: str) -> AsyncIterator[Database]:
    """The product's pool on a database of the test's own."""
    opened = open_database(conninfo)
    yield opened
    await opened.close()


def open_database(conninfo: str) -> Database:
    """The product's pool on a migrated database."""

    async def known() -> str:
        return conninfo

    async def nothing(conninfo: str) -> None:
        """The template was migrated."""

    return Database(known, nothing, PoolSize(0, 5), lambda: None)
