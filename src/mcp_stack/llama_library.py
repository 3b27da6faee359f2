"""The llama.cpp library, for models of every kind, kept away from stdout.

llama-cpp-python silences llama.cpp by pointing file descriptors 1 and 2 of the whole process at the null device while
a model loads. Descriptor 1 is the MCP wire here, so whatever another thread wrote meanwhile would be lost. Instead,
llama.cpp's own lines go through its log callback to `logging`, and the descriptors stay as they are.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import UnavailableError

_LOGGER = logging.getLogger(__name__)
_ERROR_LEVEL = 4
"""GGML_LOG_LEVEL_ERROR of ggml.h; the table in llama_cpp/_logger.py is of an older version."""

_MEMORY = re.compile(r"insufficient memory|cannot allocate memory|(failed|unable) to allocate", re.IGNORECASE)


class NativeLog:
    """Passes llama.cpp's log lines to `logging` at DEBUG.

    Attributes:
        last_error: The newest line that llama.cpp called an error; says why a model did not load.
        short_of_memory: Whether an error line since `clear` was about memory; the newest one seldom is.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what was said so far."""
        self.last_error = ""
        self.short_of_memory = False

    def receive(self, level: int, text: bytes | None, _user_data: object) -> None:
        """The `ggml_log_callback`; may be called by any thread."""
        line = (text or b"").decode("utf-8", "replace").strip(" \r\n.")
        if not line:
            return
        if level == _ERROR_LEVEL:
            self.last_error = line
            self.short_of_memory |= _MEMORY.search(line) is not None
        _LOGGER.debug("%s", line)


class Llama:
    """The `llama_cpp` module together with the log it was given.

    Attributes:
        api: The module.
        log: What llama.cpp says.
    """

    def __init__(self) -> None:
        self.api: Any = importlib.import_module("llama_cpp")
        self.log = NativeLog()
        self._callback = self.api.llama_log_callback(self.log.receive)  # llama.cpp keeps only a bare pointer to it
        self.api.llama_log_set(self._callback, ctypes.c_void_p(0))
        for name in ("llama_cpp.llama", "llama_cpp._internals"):
            vars(importlib.import_module(name))["suppress_stdout_stderr"] = _leave_descriptors_alone


@contextmanager
def _leave_descriptors_alone(disable: bool = True) -> Iterator[None]:  # noqa: ARG001 - the library's own signature
    yield


@functools.cache
def llama_library() -> Llama:
    """The library, imported and quieted once per process.

    Raises:
        UnavailableError: llama-cpp-python is not installed, or was compiled for another processor.
    """
    try:
        return Llama()
    except (ImportError, OSError, RuntimeError) as error:
        raise UnavailableError(
            f"llama.cpp cannot be imported: {error}", 'install it: pip install "mcp-stack[local]"'
        ) from error
