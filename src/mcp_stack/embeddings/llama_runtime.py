"""An encoder model in llama.cpp, through its C interface.

Not through the class `Llama`, which points file descriptors 1 and 2 at the null device while it loads: descriptor 1
carries the MCP protocol, and replies written by another thread meanwhile would be lost.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from ..errors import UnavailableError
from ..llama_library import llama_library
from ..ports.embedder import Vector
from .shared import unit


class EncoderModel:
    """The weights, shared by all contexts. Use it from one thread only.

    Args:
        path: A GGUF file whose bytes are known to be good: llama.cpp aborts the process on some damaged ones.

    Raises:
        UnavailableError: llama-cpp-python is missing, or cannot load the file.
    """

    def __init__(self, path: Path) -> None:
        self._llama = llama_library().api
        self._llama.llama_backend_init()
        parameters = self._llama.llama_model_default_params()
        parameters.n_gpu_layers = 0  # so small a model is not worth the trip to a GPU
        self._model = self._llama.llama_model_load_from_file(str(path).encode(), parameters)
        if not self._model:
            raise UnavailableError(
                f"llama.cpp cannot load {path}", "update llama-cpp-python, or delete the file's folder and start again"
            )

    def context(self, *, tokens: int, sequences: int, threads: int, flash_attention: bool) -> EncoderContext:
        """Room to run the model in.

        Args:
            tokens: Most tokens of one batch, over all of its sequences.
            sequences: Most sequences of one batch.
            threads: CPU threads to compute with, the calling one included.
            flash_attention: Faster on full batches, slower on a single short sequence.

        Raises:
            UnavailableError: There is not enough memory.
        """
        llama = self._llama
        parameters = llama.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = tokens
        parameters.n_seq_max = sequences
        parameters.kv_unified = True  # else each sequence gets only tokens / sequences
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.embeddings = True
        parameters.pooling_type = llama.LLAMA_POOLING_TYPE_MEAN
        parameters.flash_attn_type = (
            llama.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash_attention else llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        context = llama.llama_init_from_model(self._model, parameters)
        if not context:
            raise UnavailableError("llama.cpp cannot create an embedding context", "free some memory")
        return EncoderContext(llama, context, tokens, llama.llama_model_n_embd(self._model))

    def close(self) -> None:
        """Free the weights; close the contexts first."""
        self._llama.llama_model_free(self._model)


class EncoderContext:
    """Computes one batch of token sequences at a time; made by `EncoderModel.context`."""

    def __init__(self, llama: ModuleType, context: ctypes.c_void_p, tokens: int, dimensions: int) -> None:
        self._llama = llama
        self._context = context
        self._dimensions = dimensions
        self._tokens = (llama.llama_token * tokens)()
        self._positions = (llama.llama_pos * tokens)()
        self._sequences = (llama.llama_seq_id * tokens)()
        size = ctypes.sizeof(llama.llama_seq_id)
        one_each = (ctypes.POINTER(llama.llama_seq_id) * tokens)(
            *(
                ctypes.cast(ctypes.addressof(self._sequences) + i * size, ctypes.POINTER(llama.llama_seq_id))
                for i in range(tokens)
            )
        )
        self._batch = llama.llama_batch(
            token=self._tokens,
            pos=self._positions,
            n_seq_id=(ctypes.c_int32 * tokens)(*[1] * tokens),
            seq_id=one_each,
            logits=(ctypes.c_int8 * tokens)(*[1] * tokens),
        )

    def encode(self, sequences: Sequence[list[int]]) -> list[Vector]:
        """Mean-pooled unit vectors of token sequences, in order.

        Args:
            sequences: Token ids, not more in number or in total than the context has room for.

        Raises:
            UnavailableError: llama.cpp reports an error, or the model computed no usable vector.
        """
        at = 0
        for number, ids in enumerate(sequences):
            end = at + len(ids)
            self._tokens[at:end] = ids
            self._positions[at:end] = range(len(ids))
            self._sequences[at:end] = [number] * len(ids)
            at = end
        self._batch.n_tokens = at
        status = self._llama.llama_encode(self._context, self._batch)
        if status != 0:
            raise UnavailableError(f"llama.cpp failed to embed (status {status})", "see its messages in the log")
        return [
            unit(self._llama.llama_get_embeddings_seq(self._context, number)[: self._dimensions])
            for number in range(len(sequences))
        ]

    def close(self) -> None:
        """Free the memory."""
        self._llama.llama_free(self._context)
