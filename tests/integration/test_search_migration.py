"""Databases of older versions are searched as new ones are."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from mcp_stack.storage.postgres import migrate
from mcp_stack.storage.postgres.documents import PostgresDocuments
from tests.support.postgres import open_database

OLD_DOCUMENTS = """
insert into imported_documents (id, collection, title, source, tags, content, content_hash, length)
select gen_random_uuid(), 'c', 'Running', 's' || n, '{old}', 'Call get_userById ' || n, decode(md5(n::text), 'hex'), 6
from generate_series(1, 3) as n;
insert into document_chunks select id, 1, 'Users', content from imported_documents;
insert into document_postings (term, document, frequency)
select hashtextextended(lexeme, 0), number, case lexeme when 'run' then 2 else 1 end
from imported_documents
cross join unnest(to_tsvector('english', title || ' Users ' || content)) as word
"""


@pytest.fixture
def old(postgres_server: str) -> Iterator[str]:
    """Connection string of a database as it was before there were impacts, with three documents."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("drop database if exists old_version with (force)")
        connection.execute("create database old_version")
    yield make_conninfo(postgres_server, dbname="old_version")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("drop database old_version with (force)")


async def test_documents_of_an_older_version_are_found_at_once_and_by_their_parts_after_the_job(
    old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrate.migrations()
    older = [each for each in known if each.name < "0005"]
    with monkeypatch.context() as before:
        before.setattr(migrate, "migrations", lambda: older)
        before.setattr(migrate, "migration_names", lambda: [each.name for each in older])
        assert await migrate.migrate(old)
    with psycopg.connect(old, options="-c search_path=app,public") as connection:
        connection.execute(OLD_DOCUMENTS)
    assert "0005_search" in await migrate.migrate(old)
    database = open_database(old)
    documents = PostgresDocuments(database)
    try:
        hits = (await documents.lexical_search("runs", limit=5)).hits
        assert len(hits) == 3
        assert hits[0].score > 0
        assert (await documents.lexical_search("byid", limit=5)).hits == ()
        await documents.refresh_statistics()
        assert len((await documents.lexical_search("user by id", limit=5)).hits) == 3
        async with database.read() as connection:
            stored = await connection.execute("select distinct origin, pinned from imported_documents")
            assert await stored.fetchall() == [{"origin": "user", "pinned": False}]
    finally:
        await database.close()
