"""A look at a model file before native code reads it.

llama.cpp reports most damage by itself, missing tensors for example, but ends the whole process over a damaged
vocabulary: over a word listed twice, and over a byte without a token. So both are looked for here.
"""

from __future__ import annotations

import errno
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from ..errors import UnavailableError
from .machine import short_of_memory

_HEADER = struct.Struct("<4sIQQ")
"""Magic, version, number of tensors, number of metadata pairs; this and the rest after the GGUF specification."""

_LEAST_PAIR = 8 + 4 + 1
"""Bytes of the shortest metadata pair: length of the key, type of the value, a value of one byte."""

_LEAST_TENSOR = 8 + 4 + 8 + 4 + 8
"""Bytes of the shortest tensor description: length of the name, dimensions, one extent, type, offset."""

_BYTES_OF_TYPE = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Size of each scalar type; 8 is a string, 9 an array."""

_STRING, _ARRAY = 8, 9


def check_gguf(path: Path) -> None:
    """Refuse what cannot be a complete GGUF file, or would bring llama.cpp down.

    Reads the metadata up to the vocabulary: about a tenth of a second for 150,000 words.

    Args:
        path: The model file.

    Raises:
        UnavailableError: The file is missing, unreadable, not GGUF, of an unknown version, or damaged.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < _HEADER.size:
                raise unusable_gguf(path, f"it is only {size} bytes long")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _check(path, data)
    except FileNotFoundError:
        raise UnavailableError(
            f"the model file {path} is missing", "mcp-stack models pull, or set llm.local.path to a GGUF file"
        ) from None
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise short_of_memory(path, "not even its file can be looked at") from error
        raise UnavailableError(
            f"the model file {path} cannot be read: {error.strerror}", "set llm.local.path to a readable GGUF file"
        ) from error


def chat_template(path: Path) -> str:
    """The Jinja source of a model's chat template, read without loading the model; empty if it has none.

    Args:
        path: The model file.

    Raises:
        UnavailableError: The file is missing, unreadable or no usable GGUF.
    """
    check_gguf(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _, _, _, pairs = _HEADER.unpack_from(data)
            for key, values in _pairs(_Cursor(data), pairs):
                if key == b"tokenizer.chat_template":
                    return b"".join(values).decode("utf-8", "replace")
    except (EOFError, struct.error, KeyError, OSError) as error:
        raise unusable_gguf(path, "its metadata is damaged or cut off") from error
    return ""


def unusable_gguf(path: Path, reason: str) -> UnavailableError:
    """The error for a model file that is there but cannot be used."""
    return UnavailableError(
        f"the model file {path} is not a usable GGUF: {reason}", "download it again or set llm.local.path to another"
    )


def _check(path: Path, data: mmap.mmap) -> None:
    magic, version, tensors, pairs = _HEADER.unpack_from(data)
    if magic != b"GGUF":
        raise unusable_gguf(path, "it does not start with the letters GGUF")
    if version not in (2, 3):
        raise unusable_gguf(path, f"its version {version} is neither 2 nor 3 (or its byte order is another machine's)")
    if tensors == 0 or len(data) < _HEADER.size + pairs * _LEAST_PAIR + tensors * _LEAST_TENSOR:
        raise unusable_gguf(path, f"{len(data)} bytes cannot hold its {pairs} metadata pairs and {tensors} tensors")
    try:
        kind, words = _vocabulary(_Cursor(data), pairs)
    except (EOFError, struct.error, KeyError) as error:
        raise unusable_gguf(path, "its metadata is damaged or cut off") from error
    cut = [word.partition(b"\0")[0] for word in words]  # llama.cpp reads them as C strings
    named = [word for word in cut if word]  # it gives the nameless ones names of its own
    known = set(named)
    if not known:
        raise unusable_gguf(path, "it has no vocabulary")
    if len(known) != len(named):
        raise unusable_gguf(path, "its vocabulary lists a word twice")
    if kind == b"llama" and not all(b"<0x%02X>" % byte in known or bytes([byte]) in known for byte in range(256)):
        raise unusable_gguf(path, "its vocabulary has no token for some bytes")


class _Cursor:
    """Reads forward through the metadata."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = _HEADER.size

    def number(self, form: struct.Struct) -> int:
        (value,) = form.unpack_from(self._data, self._at)
        self._at += form.size
        return int(value)

    def text(self) -> bytes:
        return self.skip(self.number(_U64))

    def skip(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise EOFError
        return self._data[start : self._at]


_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


def _vocabulary(cursor: _Cursor, pairs: int) -> tuple[bytes, list[bytes]]:
    """Kind of tokenizer, and its words; the rest of the metadata is read over."""
    kind, words = b"", list[bytes]()
    for key, values in _pairs(cursor, pairs):
        if key == b"tokenizer.ggml.model":
            kind = b"".join(values)
        elif key == b"tokenizer.ggml.tokens":
            words = values
        if kind and words:
            break
    return kind, words


def _pairs(cursor: _Cursor, count: int) -> Iterator[tuple[bytes, list[bytes]]]:
    """Each key with its strings."""
    for _ in range(count):
        key = cursor.text()
        yield key, list(_values(cursor, cursor.number(_U32)))


def _values(cursor: _Cursor, kind: int) -> Iterator[bytes]:
    """A string, the strings of an array, or nothing for numbers."""
    if kind == _STRING:
        yield cursor.text()
    elif kind == _ARRAY:
        item, length = cursor.number(_U32), cursor.number(_U64)
        if item == _STRING:
            for _ in range(length):
                yield cursor.text()
        else:
            cursor.skip(_BYTES_OF_TYPE[item] * length)
    else:
        cursor.skip(_BYTES_OF_TYPE[kind])
