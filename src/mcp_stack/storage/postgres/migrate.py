"""Schema migrations, applied once under an advisory lock."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, LiteralString

from ...errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

logger = logging.getLogger(__name__)

# Any constant: the same in every version of mcp-stack, other than the worker's lease (jobs/liveness.py).
LOCK_KEY = 4_711_001
JOBS_MIGRATION = "0002_jobs"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; never changed once it was released."""

    name: str
    sql: LiteralString

    @property
    def checksum(self) -> str:
        """SHA-256 of its text, to notice that an applied migration was edited."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Every migration in order: the files of `sql/migrations`, and the schema of the job queue."""
    found = [
        Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in resources.files(__package__).joinpath("sql", "migrations").iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted([*found, Migration(JOBS_MIGRATION, _jobs_schema())], key=lambda migration: migration.name)


def migration_names() -> list[str]:
    """Names of every migration, without reading them."""
    folder = resources.files(__package__).joinpath("sql", "migrations")
    files = [file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted([*files, JOBS_MIGRATION])


async def migrate(conninfo: str) -> list[str]:
    """Bring the schema up to date; safe from any number of processes at once.

    Args:
        conninfo: Connection string of a role that may create schemas and the extension `vector`.

    Returns:
        Names of the migrations that this call applied.

    Raises:
        UnavailableError: The server is down, or has no pgvector.
        ConflictError: The database was made by a newer version, or a migration was edited after it ran.
    """
    import psycopg  # noqa: PLC0415 - heavy: imported on first use

    try:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
            if set(await _applied(connection)) == set(migration_names()):
                return []
            await connection.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
            try:
                return await _apply_missing(connection)
            finally:
                await connection.execute("select pg_advisory_unlock(%s)", [LOCK_KEY])
    except psycopg.errors.FeatureNotSupported as error:
        raise UnavailableError(
            "the PostgreSQL server has no extension `vector`", "install pgvector >= 0.8 on it, or unset DATABASE_URL"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise UnavailableError(
            f"the PostgreSQL role may not create the schema ({error})",
            "grant CREATE on the database and let a superuser run `create extension vector`",
        ) from error
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise UnavailableError(f"PostgreSQL does not answer ({reason})", "start it, or correct DATABASE_URL") from error


async def _applied(connection: AsyncConnection[Any]) -> dict[str, str]:
    """Applied migrations by name, with their checksums; empty on a new database."""
    cursor = await connection.execute("select to_regclass('app.schema_migrations') is not null")
    if (row := await cursor.fetchone()) is None or not row[0]:
        return {}
    cursor = await connection.execute("select name, checksum from app.schema_migrations")
    return dict(await cursor.fetchall())


async def _apply_missing(connection: AsyncConnection[Any]) -> list[str]:
    async with connection.transaction():
        await connection.execute(_BOOTSTRAP)
    applied = await _applied(connection)
    known = migrations()
    if unknown := set(applied) - {migration.name for migration in known}:
        raise ConflictError(
            f"the database was made by a newer mcp-stack (it has {', '.join(sorted(unknown))})", "upgrade mcp-stack"
        )
    done = []
    for migration in known:
        if migration.name in applied:
            if applied[migration.name] != migration.checksum and migration.name != JOBS_MIGRATION:
                raise ConflictError(
                    f"migration {migration.name} was changed after it was applied", "restore its file, add a new one"
                )
            continue
        async with connection.transaction():
            path = "jobs, public" if migration.name == JOBS_MIGRATION else "app, public"
            await connection.execute("select set_config('search_path', %s, true)", [path])
            await connection.execute(migration.sql)
            await connection.execute(
                "insert into app.schema_migrations (name, checksum) values (%s, %s)",
                [migration.name, migration.checksum],
            )
        logger.info("applied migration %s", migration.name)
        done.append(migration.name)
    return done


def _jobs_schema() -> LiteralString:
    from procrastinate.schema import SchemaManager  # noqa: PLC0415 - heavy: imported on first use

    return SchemaManager.get_schema()


_BOOTSTRAP = """
create schema if not exists app;
create schema if not exists jobs;
create extension if not exists vector schema public;
create table if not exists app.schema_migrations (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default now()
);
"""
