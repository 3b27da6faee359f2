"""What a person does not see of a text and a model reads: invisible characters, comments, encoded words."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import unquote

# Zero-width and bidirectional controls, the tag characters, and runs of variation selectors, which can carry bytes. The
# joiner U+200D, the marks U+200C, U+200E and U+200F and single selectors belong to emoji and to scripts.
_INVISIBLE = re.compile(
    # Nothing joins letters of this script, and no font shows private characters.
    "(?<=[!-~])[\u200c-\u200f]|[\u200c\u200d](?=[!-~])|[\ue000-\uf8fe\U000f0000-\U0010fffd]|"
    "[\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\u180e\U000e0001-\U000e007f]|(?<=.)\ufeff"
    "|[\u200c\u200d\u200e\u200f]{2,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3,}",
    re.DOTALL,
)
_TERMINAL = re.compile("\x1b[\\[\\]()#][0-?]*[ -/]*[@-~]?|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_FLAGS = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")  # England, Scotland, Wales
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_COMMENT = re.compile(r"<!--(.{0,4000}?)-->", re.DOTALL)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,4000}={0,2}(?![A-Za-z0-9+/_-])")
_HEX = re.compile(r"(?:\\x[0-9A-Fa-f]{2}){8,1000}|(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){16,1000}(?![0-9A-Za-z])")
_ESCAPES = re.compile(r"(?:\\u[0-9A-Fa-f]{4}){6,1000}|(?:&#x?[0-9A-Fa-f]{2,6};){6,1000}|(?:%[0-9A-Fa-f]{2}){8,1000}")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_COMMAND = re.compile(
    r"\b(?:curl|wget|bash|zsh|nc|ncat|netcat|chmod|powershell|eval|exec|rm|sh|python3?|perl|ruby|node|base64|ssh|scp|cat|echo|export"
    r"|import|subprocess|os\.system|invoke-\w+)\b[^\n]*[ -/|&>]|https?://|/tmp/|/bin/|/dev/tcp|\|\s*sh\b",
    re.IGNORECASE,
)
# A page of nothing, so that what follows is not seen where a description is shown.
_GAP = re.compile(r"(?<!\s)(?=\s)(?:(?:[ \t]*+\n){12,}+[ \t]*+|[ \t]{120,}+)\S")
# Letters that look like Latin ones, with what they look like.
_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u04bb\u0501\u051b\u0455\u0410\u0412\u0415\u041a\u041c\u041d"
    "\u041e\u0420\u0421\u0422\u0425\u03bf\u03b1\u03b5\u03b9\u03ba\u03bd\u03c1\u03c4\u0391\u0392\u0395\u0399\u039a\u039c"
    "\u039d\u039f\u03a1\u03a4\u03a7\u0131\u0261",
    "aeopcyxijhdwsABEKMHOPCTXoaeikvptABEIKMNOPTXig",
)
_FOREIGN_LETTER = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_LATIN_LETTER = re.compile("[A-Za-z]")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something hidden.

    Attributes:
        kind: The name of the rule that found it.
        shown: What it looks like, spelled out.
        text: What it says, if that can be read.
        suspicious: Nothing honest looks like this.
    """

    kind: str
    shown: str
    text: str
    suspicious: bool


def hidden(text: str) -> Iterator[Hidden]:
    """All that is hidden in a text.

    Args:
        text: Any; bounded by the caller.
    """
    visible = _FLAGS.sub("", text)
    if found := _INVISIBLE.search(visible):
        said = "".join(chr(ord(each) - 0xE0000) for run in _TAGS.findall(visible) for each in run)
        yield Hidden("hidden-text", spelled(found[0]), said, suspicious=True)
    if found := _TERMINAL.search(visible):
        yield Hidden("hidden-text", spelled(found[0]), "", suspicious=True)
    for comment in _COMMENT.findall(text):
        yield Hidden("hidden-text", f"<!--{spelled(comment)}-->", comment, suspicious=False)
    if found := _GAP.search(text):
        yield Hidden("hidden-text", "a page of white space before the rest", text[found.end() - 1 :], suspicious=False)
    for word in _WORD.findall(text):
        if _FOREIGN_LETTER.search(word) and _LATIN_LETTER.search(word) and word.translate(_ALIKE).isascii():
            yield Hidden("confusable-letters", spelled(word), "", suspicious=True)
            break
    for decoded in _decoded(text):
        yield Hidden("encoded-text", spelled(decoded), decoded, suspicious=_COMMAND.search(decoded) is not None)


def plain(text: str) -> str:
    """A text as a model reads it: invisible characters gone, look-alikes as what they look like."""
    cleaned = _TERMINAL.sub(" ", _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFKC", cleaned).translate(_ALIKE)


def spelled(text: str) -> str:
    """A text to be shown: everything that is not printable as its number, at most 200 characters."""
    return "".join(
        each if each.isprintable() else (" " if each.isspace() else f"<U+{ord(each):04X}>") for each in text[:200]
    )[:200]


def _decoded(text: str) -> Iterator[str]:
    """Encoded words that turn out to be words."""
    for blob in _BASE64.findall(text):
        for alphabet in (b"+/", b"-_"):
            try:
                raw = base64.b64decode(blob.rstrip("=") + "=" * (-len(blob.rstrip("=")) % 4), alphabet, validate=True)
            except (binascii.Error, ValueError):
                continue
            if said := _readable(raw):
                yield said
                break
    for blob in _HEX.findall(text):
        if said := _readable(bytes.fromhex(blob.replace("\\x", ""))):
            yield said
    for blob in _ESCAPES.findall(text):
        if "\\u" in blob:
            said = "".join(chr(int(code, 16)) for code in blob.split("\\u")[1:])
        else:
            said = unquote(unescape(blob))
        if _WORDS.search(said):
            yield said


def _readable(raw: bytes) -> str:
    """Bytes as text, if they are words; empty otherwise."""
    try:
        said = raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    printable = sum(each.isprintable() or each.isspace() for each in said)
    return said if printable == len(said) and len(_WORDS.findall(said)) >= 3 and " " in said.strip() else ""
