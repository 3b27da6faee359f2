"""Spellings of control tokens in texts that are no control tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..ports.chat import Message

BREAK = "\u200b"
"""Put into such a spelling: a zero-width space cannot be seen, and no control token has one."""

_LOOKS_LIKE_MARKUP = re.compile(r"[<\[|{\uff5c]")


class ControlTokens:
    """What a chat template writes around the turns, kept out of the turns themselves.

    A rendered conversation is tokenized as a whole, with control tokens, for so it was in training. Whatever a document
    or a question holds would be taken for one too: `<|im_end|>` in a passage ends the user's turn, and what follows it
    speaks as anybody. So their spellings are broken in every message before it is rendered.

    Args:
        spellings: Of the tokens; empty ones count for nothing.
    """

    def __init__(self, spellings: Sequence[str]) -> None:
        known = sorted({spelling for spelling in spellings if spelling}, key=lambda text: (-len(text), text))
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def broken(self, messages: Sequence[Message]) -> list[Message]:
        """The messages without any of the spellings."""
        return [replace(message, content=self._broken(message.content)) for message in messages]

    def _broken(self, text: str) -> str:
        # One spelling may hold another, so once is not enough; each round leaves shorter ones.
        while self._pattern is not None and self._pattern.search(text):
            text = self._pattern.sub(_without, text)
        return text


def control_spellings(api: Any, vocabulary: Any, rendered: str) -> list[str]:
    """How the control tokens of a vocabulary are spelled.

    Args:
        api: The module `llama_cpp`.
        vocabulary: The model's.
        rendered: A conversation as the template writes it. Some files declare the marks of turns as user-defined
            tokens, like words: those that stand there count too.
    """
    controls = api.LLAMA_TOKEN_ATTR_CONTROL | api.LLAMA_TOKEN_ATTR_UNKNOWN
    marked = controls | api.LLAMA_TOKEN_ATTR_USER_DEFINED
    found = []
    for token in range(api.llama_vocab_n_tokens(vocabulary)):
        kind = api.llama_vocab_get_attr(vocabulary, token)
        if not kind & marked:
            continue
        spelling = api.llama_vocab_get_text(vocabulary, token).decode(errors="replace")
        if kind & controls or (spelling in rendered and _LOOKS_LIKE_MARKUP.search(spelling)):
            found.append(spelling)
    return found


def _without(match: re.Match[str]) -> str:
    spelling = match[0]
    return f"{spelling[0]}{BREAK}{spelling[1:]}" if len(spelling) > 1 else "\ufffd"
