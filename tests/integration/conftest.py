"""What several of these share: models of answers, the box of the sandbox, the gate of the agents' models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from mcp_stack.ports.model_gate import MeteredAccess
from mcp_stack.ralph.gate.gate import LoopbackGate
from tests.support.box import box, tier
from tests.support.gate import Pauses, gate_to, model_of
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


@pytest.fixture
def pauses() -> Pauses:
    """What the gate of a test waits with."""
    return Pauses()


@pytest.fixture
async def gate(claude: ScriptedClaude, pauses: Pauses) -> AsyncIterator[LoopbackGate]:
    """In front of the scripted Claude."""
    async with gate_to(model_of(claude), wait_seconds=100, sleep=pauses) as opened:
        yield opened


@pytest.fixture
async def access(gate: LoopbackGate) -> AsyncIterator[MeteredAccess]:
    """One agent's, without a limit of its cost."""
    async with gate.open("task", max_cost_usd=0) as opened:
        yield opened
