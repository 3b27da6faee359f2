"""What makes two error messages the same: their words, without what differs from one occurrence to the next."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import Final

# What spans more than one word, and the words between; the first alternative that fits wins. Repetitions are
# possessive (`++`) and start where a run starts, so that no text takes more than linear time.
_PIECE: Final = re.compile(
    r"(?<![0-9A-Za-z+.-])(?P<url>[A-Za-z][0-9A-Za-z+.-]*+://[^\s'\"`<>]++)"
    r"|(?<!\w)(?P<value>'[^'\n]*+'|\"[^\"\n]*+\"|`[^`\n]*+`|\u201c[^\u201d\n]*+\u201d|\u2018[^\u2019\n]*+\u2019)(?!\w)"
    r"|(?P<word>[^\s'\"`<>()\[\]{};=|\u201c\u201d\u2018\u2019]++)"
)
_CLOCK: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?"
_TIME: Final = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:T{_CLOCK})?|{_CLOCK}|\d{{1,4}}[/.]\d{{1,2}}[/.]\d{{2,4}}")
_EMAIL: Final = re.compile(r"[\w.+-]++@[\w-]++(?:\.[\w-]++)++")
_IPV4: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LINE: Final = re.compile(r"(?::\d{1,9}){1,2}$")
_RUN: Final = re.compile(r"(?<![^\W_])\d++(?:[.,]\d++)++(?![^\W_])|[^\W_]++")
_NUMBER: Final = re.compile(r"\d++(?:[.,]\d++)*+")
# A number in hexadecimal, a hash, or random letters and digits: a long word with two groups of digits.
_ID: Final = re.compile(
    r"0[xX][0-9A-Fa-f]++|(?=[A-Fa-f]*+\d)(?=\d*+[A-Fa-f])[0-9A-Fa-f]{7,}+|(?=[A-Za-z]*+\d++[A-Za-z]++\d)[0-9A-Za-z]{10,}+"
)
_AGAIN: Final = re.compile(r"(<(?:time|number)>)(?: \1)++")
# How the names of errors end, in Python and elsewhere.
_ERRORS: Final = ("Error", "Exception", "Timeout", "Interrupt", "Fault", "Refused")
_ERROR_LINE: Final = re.compile(r"(?:[A-Za-z_]\w*+\.)*+[A-Z]\w*+$")


def normalised(text: str) -> str:
    """The text with numbers, hexadecimal, ids, paths, addresses, times and quoted values each replaced by its kind.

    No digit is left. Takes time in proportion to the text.

    Args:
        text: An error message.
    """
    replaced = _PIECE.sub(_replaced, " ".join(text.split()))
    return _AGAIN.sub(r"\1", replaced)


def signature(category: str, title: str, description: str) -> bytes:
    """What two reports of the same error have in common.

    Of a description that holds the line of an error, as the end of a traceback does, only that line counts: what
    people write around it differs each time.

    Args:
        category: Letters of either case are the same, as in the other two.
        title: Of the report.
        description: Of the report.

    Returns:
        SHA-256 of the normalised message.
    """
    parts = (category, normalised(title), normalised(_error_line(description) or description))
    return hashlib.sha256("\0".join(part.casefold() for part in parts).encode()).digest()


def _error_line(text: str) -> str:
    """The last line such as `KeyError: 'x'`; empty if there is none."""
    for line in reversed(text.splitlines()):
        name = line.partition(":")[0].strip(" \t|")
        if name.endswith(_ERRORS) and _ERROR_LINE.match(name):
            return line
    return ""


def _replaced(match: re.Match[str]) -> str:
    match match.lastgroup:
        case "word":
            return _word(match[0])
        case kind:
            return f"<{kind}>"


def _word(word: str) -> str:
    core = word.rstrip(".,:!?")
    if word.startswith("::", len(core)):  # the end of an address rather than of a sentence
        core += "::"
    end = word[len(core) :]
    if kind := _kind(core):
        return f"<{kind}>{end}"
    if ":" in core:
        return ":".join(_word(part) for part in core.split(":")) + end
    return _RUN.sub(_run, core) + end


def _kind(word: str) -> str:
    """What a whole word is; empty if it is just a word."""
    if _UUID.fullmatch(word):
        return "id"
    if _TIME.fullmatch(word):
        return "time"
    if _EMAIL.fullmatch(word) or _is_ip(word):
        return "address"
    return "path" if _is_path(_LINE.sub("", word)) else ""


def _is_ip(word: str) -> bool:
    if _IPV4.fullmatch(word):
        return True
    if word.count(":") < 2 or len(word) > 60:
        return False
    try:
        ipaddress.IPv6Address(word)
    except ValueError:
        return False
    return True


def _is_path(word: str) -> bool:
    """Whether it is the path of a file, rather than `and/or`, `1/2` or the route `/query`."""
    if "\\" in word:
        return word[1:3] == ":\\" or word.startswith("\\\\") or word.count("\\") > 1
    first, *others = word.split("/")
    if not others:
        return False
    suffix = others[-1].rpartition(".")[2] if "." in others[-1] else ""
    if first == "":
        return len([part for part in others if part]) > 1 or bool(suffix)
    return first in {".", ".."} or first[0] == "~" or first[1:] == ":" or suffix[:1].isalpha()


def _run(match: re.Match[str]) -> str:
    run = match[0]
    return "<id>" if _ID.fullmatch(run) else _NUMBER.sub("<number>", run)
