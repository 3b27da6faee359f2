"""Thousands of documents that feeders brought, written straight into the database: importing them takes minutes."""

from __future__ import annotations

from mcp_stack.storage.postgres.pool import Database

# Each has a whole and a passage with the same vector of its own direction. Of each three the third repeats the second,
# a little askew.
_DOCUMENTS = """
create temporary table made on commit drop as
select n, gen_random_uuid() as id, md5(n::text) as word from generate_series(1, %(count)s) as n
"""
_ROWS = (
    """
    insert into imported_documents (
        id, collection, title, source, content, content_hash, length, origin, embedding_model, created_at, updated_at
    )
    select
        id, 'error-solutions', 'Fix ' || n, 'issue:' || n, 'Fix ' || word, sha256(word::bytea), 2, 'fed', %(model)s,
        now() - make_interval(days => %(days)s), now() - make_interval(days => %(days)s)
    from made
    order by n
    """,
    "insert into document_chunks (document_id, ordinal, heading, content) select id, 1, '', 'Fix ' || word from made",
    """
    insert into document_postings (document, term, impact, collection, frequency)
    select number, hashtextextended(source, part), 1, 1, 1
    from imported_documents cross join generate_series(1, 20) as part
    """,
    "create temporary table directions (n bigint, embedding vector(384)) on commit drop",
    """
    insert into directions
    select n, (select array_agg(random() - 0.5) from generate_series(1, 384) where n > 0)::vector from made
    """,
    """
    insert into document_embeddings (id, collection, model, document_id, ordinal, embedding)
    select gen_random_uuid(), 'error-solutions', %(model)s, made.id, ordinal, case
        when made.n %% 3 = 0 then near.embedding + own.embedding * array_fill(0.1, array[384])::vector
        else own.embedding end
    from made
    join directions as own on own.n = made.n
    left join directions as near on near.n = made.n - 1
    cross join generate_series(0, 1) as ordinal
    """,
)


async def feed_many(database: Database, count: int, *, days_old: int = 0, model: str = "words") -> None:
    """Write documents; of each three the third says what the second says.

    Args:
        database: Where.
        count: How many.
        days_old: Their age.
        model: Of their vectors.
    """
    parameters = {"count": count, "days": days_old, "model": model}
    async with database.write() as connection:
        for statement in (_DOCUMENTS, *_ROWS):
            await connection.execute(statement.encode(), parameters)
