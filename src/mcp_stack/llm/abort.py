"""Stopping llama.cpp in the middle of a prompt."""

from __future__ import annotations

import ctypes
from typing import Any


class AbortFlag:
    """Stops llama.cpp in the middle of a batch, from any thread.

    llama.cpp asks an abort callback some hundred times per token. A Python function there would fight for the GIL each
    time, so the callback is the C library's `strlen` on a buffer of two bytes: it returns 0 until the first byte is
    set, and needs no Python at all.
    """

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(2)
        self._callback: Any = None

    def watch(self, api: Any, context: Any) -> None:
        """Let a llama context obey this flag; `llama_decode` then returns 2 while it is set."""
        self._callback = ctypes.cast(ctypes.CDLL(None).strlen, api.ggml_abort_callback)
        api.llama_set_abort_callback(context, self._callback, ctypes.addressof(self._buffer))

    def set(self) -> None:
        """Stop what runs."""
        self._buffer[0] = b"\1"

    def clear(self) -> None:
        """Let the next call run."""
        self._buffer[0] = b"\0"
