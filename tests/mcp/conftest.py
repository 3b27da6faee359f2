"""One installation for all tests that do not need one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
from tests.support.stdio import StdioServer, environment, served, wait_until_database_is_gone


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a user whose database keeps running, so that servers start quickly."""
    folder = tmp_path_factory.mktemp("home")
    environment(folder)
    attachment = EmbeddedPostgres(folder / "data").attach()
    yield folder
    attachment.release()
    wait_until_database_is_gone(folder)


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[Path]:
    """A home whose database nobody else uses, and that nobody uses at the end."""
    yield tmp_path / "home"
    wait_until_database_is_gone(tmp_path / "home")


@pytest.fixture(scope="session")
def task_id(home: Path) -> str:
    """A task that was submitted."""
    with served("ralph-wiggum", environment(home)) as server:
        return submitted(server)


def submitted(server: StdioServer) -> str:
    """Submit a small task; its id."""
    arguments = {"task": "Nothing.", "verify": ["true"], "max_iterations": 1, "require_changes": False}
    return str(server.must("submit_task", arguments)["task_id"])
