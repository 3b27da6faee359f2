"""Secrets taken out of what people and tracebacks say, before it is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "********"

# In an address `key=` and `sig=` are what opens it, where a key of a mapping is most often just a name.
_SIGNED_WITH: Final = re.compile(r"(?:^|[^a-z])(?:key|sig|signature)$", re.IGNORECASE)
_SECRET_KEY: Final = re.compile(
    r"passw|passphrase|secret|credential|private.?key|api.?key|access.?key|authori[sz]ation"
    r"|(?:^|[^a-z])(?:pwd|auth|dsn)$|(?:token|cookie)s?\d*$",
    re.IGNORECASE,
)
# Every repetition is bounded or possessive: no text takes more than linear time.
_SECRETS: Final = (
    # The user and the password of an address.
    (re.compile(r"(?<=://)[^\s'\"<>/?#]{1,300}@"), f"{MASK}@"),
    (re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*+(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"), MASK),
    # Headers: everything up to the end of the line, or of the quoted text.
    (
        re.compile(
            r"((?:authorization|cookie)[\"']?[ \t]{0,5}[:=][ \t]{0,5})(?:\"[^\"\n]*+|'[^'\n]*+|[^\s\"'][^\n\"']*+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(bearer[ \t]{1,5})[\w.~+/=-]{8,}+", re.IGNORECASE), rf"\1{MASK}"),
    # password=..., "api_key": "...", --token ...
    (
        re.compile(
            r"((?:(?:passw(?:or)?d|secret)[\w-]{0,20}|passphrase|pwd|token|credentials?|(?:api|private|access)[_-]?key)"
            r"[\"']?(?:[ \t]{0,5}(?:=|:(?!//))[ \t]{0,5}|(?<=--password)[ \t]|(?<=--token)[ \t]))"
            r"(?:\"[^\"\n]*+\"?|'[^'\n]*+'?|[^\s,;&\"')\]}]++)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # What is a key by its looks alone.
    (
        re.compile(
            r"\b(?:sk-[\w-]{16,}+|gh[pousr]_\w{20,}+|github_pat_\w{20,}+|glpat-[\w-]{16,}+|xox[abeprs]-[\w-]{10,}+"
            r"|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}+|hf_\w{20,}+|npm_\w{20,}+|eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+)"
        ),
        MASK,
    ),
)


def without_secrets(text: str) -> str:
    """The text with passwords, keys and tokens masked, as far as they can be told by their looks or their names.

    Args:
        text: A message, a traceback, a log.
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def masked(value: Any) -> Any:
    """A JSON value with the secrets in it masked: in its texts, and whatever a key such as `api_key` holds.

    Args:
        value: What JSON can hold, not nested deeper than a context may be.
    """
    match value:
        case str():
            return without_secrets(value)
        case Mapping():
            return {without_secrets(key): _of_key(key, held) for key, held in value.items()}
        case list():
            return [masked(each) for each in value]
        case _:
            return value


def is_secret_key(key: str) -> bool:
    """Whether what goes by this name is a secret: `api_key`, `dbPassword`, `Authorization`.

    Args:
        key: Of a mapping or a header.
    """
    return _SECRET_KEY.search(key) is not None


def is_secret_parameter(name: str) -> bool:
    """Whether a parameter of an address opens what it leads to: `token`, `key`, `sig`, `X-Amz-Signature`.

    Args:
        name: As it stands in the query or the fragment, decoded.
    """
    return is_secret_key(name) or _SIGNED_WITH.search(name) is not None


def _of_key(key: str, held: Any) -> Any:
    is_nothing = held is None or isinstance(held, bool) or held == ""
    return MASK if is_secret_key(key) and not is_nothing else masked(held)
