"""all-MiniLM-L6-v2 as a GGUF file for llama.cpp: written once per machine, checked at every load.

`<models>/all-MiniLM-L6-v2/` holds `model.gguf`, `tokenizer.json` and, written last, `SHA256SUMS` (the format of
sha256sum). A folder without the last one is unfinished and is written again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import UnavailableError
from ..file_locks import exclusive
from .minilm_weights import find_weights, likely_weights, read_safetensors, sha256_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from gguf import GGUFWriter

NAME: Final = "all-MiniLM-L6-v2"
DIMENSIONS: Final = 384
MAX_TOKENS: Final = 256
"""max_seq_length of the published model, [CLS] and [SEP] included."""

# Another process may be writing the file: it takes a second, or a minute on a slow disk.
SECONDS_TO_WRITE: Final = 120.0
_LAYERS: Final = 6
_SUMS: Final = "SHA256SUMS"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The two files that the embedder needs."""

    gguf: Path
    tokenizer: Path


def ensure_minilm(models: Path, environment: Mapping[str, str]) -> ModelFiles:
    """The model's files, checked; converted from the official weights if they are not there yet.

    Safe to call from any number of processes at once: one writes, the others wait for it.

    Args:
        models: The folder `models` of the data folder; created if missing.
        environment: The process's environment; says where the hub's cache is.

    Raises:
        UnavailableError: The weights are nowhere on this machine, the files are damaged, the folder cannot be
            written, or the package `gguf` is missing.
    """
    folder = models / NAME
    files = ModelFiles(folder / "model.gguf", folder / "tokenizer.json")
    try:
        if not (folder / _SUMS).exists():
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(folder / ".lock", SECONDS_TO_WRITE):
                if not (folder / _SUMS).exists():
                    _write(files, find_weights(environment))
        _check(files)
    except OSError as error:
        raise UnavailableError(
            f"the embedding model in {folder} cannot be read or written ({error.strerror or error})",
            "free disk space there, or make the data folder yours and writable; until then search works lexically",
        ) from error
    return files


def weights_at_hand(models: Path, environment: Mapping[str, str]) -> Path:
    """The folder that `ensure_minilm` would take the model from, found without reading what is in it.

    Args:
        models: As for `ensure_minilm`; not created.
        environment: As for `ensure_minilm`.

    Raises:
        UnavailableError: The weights are nowhere on this machine.
    """
    folder = models / NAME
    return folder if (folder / _SUMS).exists() else likely_weights(environment)


def _check(files: ModelFiles) -> None:
    """Raises UnavailableError unless both files have the bytes that were written.

    The whole file is read, 30 to 150 ms for its 46 MB: llama.cpp aborts the process on some damaged headers, and
    damaged weights would give plausible but wrong vectors.
    """
    sums = (files.gguf.parent / _SUMS).read_text(errors="replace")
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in sums.splitlines())}
    for path in (files.gguf, files.tokenizer):
        if not path.is_file() or recorded.get(path.name) != sha256_of(path):
            raise UnavailableError(
                f"the embedding model's file {path} is missing or damaged",
                f"delete the folder {path.parent} and start again: it is made anew from the original weights",
            )


def _write(files: ModelFiles, source: Path) -> None:
    _log.info("writing %s from %s", files.gguf, source)
    with _replacing(files.tokenizer) as part:
        shutil.copyfile(source / "tokenizer.json", part)
    vocabulary = json.loads(files.tokenizer.read_bytes())["model"]["vocab"]
    with _replacing(files.gguf) as part:
        _convert(part, read_safetensors(source / "model.safetensors"), sorted(vocabulary, key=vocabulary.__getitem__))
    with _replacing(files.gguf.parent / _SUMS) as part:
        part.write_text("".join(f"{sha256_of(path)}  {path.name}\n" for path in (files.gguf, files.tokenizer)))


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes the target at the end, or vanishes on an error.

    One fixed name per target, so that a killed process leaves at most one, which the next one overwrites.
    """
    part = target.with_name(target.name + ".part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _convert(path: Path, weights: Mapping[str, npt.NDArray[np.float32]], vocabulary: list[str]) -> None:
    """Write the GGUF in the layout of llama.cpp's convert_hf_to_gguf.py, class BertModel, file type F16."""
    try:
        from gguf import GGUFWriter  # noqa: PLC0415 - heavy: imported on first use
    except ImportError as error:
        raise UnavailableError(
            "the package gguf, which writes the embedding model's file, is not installed",
            'pip install "mcp-stack[local]"; until then search works lexically',
        ) from error
    writer = GGUFWriter(path, "bert")
    try:
        _add_metadata(writer, vocabulary)
        for ours, theirs in _tensor_names():
            tensor = weights[theirs]
            # Matrices in half precision (cosine to the original >= .99999), all that is added or scaled in full.
            half = tensor.ndim == 2 and ours not in {"position_embd.weight", "token_types.weight"}
            writer.add_tensor(ours, tensor.astype("float16") if half else tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_metadata(writer: GGUFWriter, vocabulary: list[str]) -> None:
    """Numbers from config.json of sentence-transformers/all-MiniLM-L6-v2."""
    from gguf import LlamaFileType, PoolingType, TokenType  # noqa: PLC0415 - heavy: imported on first use

    special = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    writer.add_name(NAME)
    writer.add_license("apache-2.0")
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_context_length(512)
    writer.add_embedding_length(DIMENSIONS)
    writer.add_feed_forward_length(1536)
    writer.add_block_count(_LAYERS)
    writer.add_head_count(12)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_token_type_count(2)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token if token in special else _phantom_space(token) for token in vocabulary])
    writer.add_token_types([TokenType.CONTROL if token in special else TokenType.NORMAL for token in vocabulary])
    writer.add_pad_token_id(vocabulary.index("[PAD]"))
    writer.add_unk_token_id(vocabulary.index("[UNK]"))
    writer.add_bos_token_id(vocabulary.index("[CLS]"))
    writer.add_eos_token_id(vocabulary.index("[SEP]"))
    writer.add_sep_token_id(vocabulary.index("[SEP]"))
    writer.add_mask_token_id(vocabulary.index("[MASK]"))


def _phantom_space(token: str) -> str:
    """llama.cpp marks the start of a word (U+2581) where WordPiece marks its continuation (##)."""
    return token[2:] if token.startswith("##") else "\u2581" + token


def _tensor_names() -> Iterator[tuple[str, str]]:
    """Pairs of (name in the GGUF, name in the safetensors)."""
    yield "token_embd.weight", "embeddings.word_embeddings.weight"
    yield "position_embd.weight", "embeddings.position_embeddings.weight"
    yield "token_types.weight", "embeddings.token_type_embeddings.weight"
    parts = [("token_embd_norm", "embeddings.LayerNorm")]
    for n in range(_LAYERS):
        block, layer = f"blk.{n}", f"encoder.layer.{n}"
        parts += [
            (f"{block}.attn_q", f"{layer}.attention.self.query"),
            (f"{block}.attn_k", f"{layer}.attention.self.key"),
            (f"{block}.attn_v", f"{layer}.attention.self.value"),
            (f"{block}.attn_output", f"{layer}.attention.output.dense"),
            (f"{block}.attn_output_norm", f"{layer}.attention.output.LayerNorm"),
            (f"{block}.ffn_up", f"{layer}.intermediate.dense"),
            (f"{block}.ffn_down", f"{layer}.output.dense"),
            (f"{block}.layer_output_norm", f"{layer}.output.LayerNorm"),
        ]
    for ours, theirs in parts:
        yield f"{ours}.bias", f"{theirs}.bias"
    # The matrices come last: where llama.cpp rearranges them for the processor, it then unmaps this end of the file.
    for ours, theirs in sorted(parts, key=lambda part: not part[0].endswith("_norm")):
        yield f"{ours}.weight", f"{theirs}.weight"
