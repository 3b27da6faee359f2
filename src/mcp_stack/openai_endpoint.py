"""The OpenAI SDK, pointed at an endpoint that speaks its protocol: chat models and embedders share it."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openai


def openai_sdk() -> Any:
    """The module `openai`, imported on first use: it is heavy."""
    return importlib.import_module("openai")


def openai_client(base_url: str, api_key: str, timeout_seconds: float, max_retries: int) -> openai.AsyncOpenAI:
    """A client of an endpoint.

    Args:
        base_url: Of the API, usually ending in `/v1`.
        api_key: Empty if the endpoint wants none. The SDK would then send OPENAI_API_KEY, whoever the endpoint belongs
            to, so a word that is no key goes instead.
        timeout_seconds: For each request.
        max_retries: Repetitions of a failed request.
    """
    client: openai.AsyncOpenAI = openai_sdk().AsyncOpenAI(
        base_url=base_url, api_key=api_key or "none", timeout=timeout_seconds, max_retries=max_retries
    )
    return client


def address_of(url: str) -> str:
    """An address without user name and password, for messages.

    Args:
        url: As configured.
    """
    return re.sub(r"//[^/@]*@", "//", url)
