"""Models that the tests of answers share, and the box that those of the sandbox do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.box import box, tier
from tests.support.scripted_claude import ScriptedClaude
from tests.support.tiny_gguf import write_knowing_gguf

__all__ = ["box", "tier"]


@pytest.fixture
def claude() -> Iterator[ScriptedClaude]:
    """Claude, as a test scripts it."""
    with ScriptedClaude() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def knowing_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a local model that knows which capital is whose."""
    return str(write_knowing_gguf(tmp_path_factory.mktemp("model") / "knowing.gguf"))
