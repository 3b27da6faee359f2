"""Local models that `mcp-stack models pull` knows by name, and which of them suits a machine.

File names and sizes as third parties quote the repositories; the size and the checksum that count are those that the
hub tells when a file is pulled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SLOW_TOKENS_PER_SECOND = 5.0
"""Below this an answer comes more slowly than it is read, about four words a second."""

MEMORY_SHARE = 0.5
"""Most of the machine's memory that a model may take, for it stays there as long as a server runs."""

DECODING_SHARE = 0.5
"""Of the speed of a plain product with a vector: unpacking four-bit weights leaves 0.4 of it on one core (measured with
a model of 700 million weights), and less is lost where the memory is the limit. What is measured later counts more."""

BESIDE_WEIGHTS_BYTES = 10**9
"""The context of 4,096 tokens, buffers and llama.cpp itself, rounded up."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A GGUF file on the hub.

    Attributes:
        name: Short, for the command line and `llm.local.model`.
        repository: Of the hub.
        file: Its name there, and here.
        bytes: About how long it is.
    """

    name: str
    repository: str
    file: str
    bytes: int


def _coder(size: str, file_bytes: int) -> KnownModel:
    return KnownModel(
        f"qwen2.5-coder-{size}",
        f"Qwen/Qwen2.5-Coder-{size.upper()}-Instruct-GGUF",
        f"qwen2.5-coder-{size}-instruct-q4_k_m.gguf",
        file_bytes,
    )


KNOWN_MODELS = (_coder("7b", 4_680_000_000), _coder("1.5b", 1_117_320_768), _coder("0.5b", 491_400_064))
"""The better, the earlier."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides over the size of a model.

    Attributes:
        cores: That this process may use.
        memory_bytes: That it may use.
        read_bytes_per_second: Speed of a product of a large matrix with a vector, in bytes of the matrix.
    """

    cores: int
    memory_bytes: int
    read_bytes_per_second: float


def expected_tokens_per_second(file_bytes: int, machine: Machine) -> float:
    """About how fast a model writes: each token takes one look at every weight."""
    return DECODING_SHARE * machine.read_bytes_per_second / file_bytes


def suitable(machine: Machine, models: Sequence[KnownModel] = KNOWN_MODELS) -> tuple[KnownModel, str]:
    """The best model that the machine runs fast enough, and why it is that one.

    Args:
        machine: Where it is to run.
        models: The better, the earlier.

    Returns:
        The model, the last one if none fits; and the reason, in words.
    """
    reasons = []
    for model in models:
        needed = model.bytes + BESIDE_WEIGHTS_BYTES
        speed = expected_tokens_per_second(model.bytes, machine)
        if needed > MEMORY_SHARE * machine.memory_bytes:
            reasons.append(
                f"{model.name} needs {needed / 1e9:.1f} GB, more than {MEMORY_SHARE:.0%} of"
                f" {machine.memory_bytes / 1e9:.1f} GB"
            )
        elif speed < SLOW_TOKENS_PER_SECOND:
            reasons.append(f"{model.name} would write about {speed:.1f} tokens/s, less than {SLOW_TOKENS_PER_SECOND:g}")
        else:
            reasons.append(f"{model.name} would write about {speed:.1f} tokens/s on {machine.cores} cores")
            return model, "; ".join(reasons)
    return models[-1], "; ".join([*reasons, f"{models[-1].name} is the smallest"])
