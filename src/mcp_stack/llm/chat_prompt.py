"""From a conversation to the text that a local model was trained to continue."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from ..errors import UsageError
from ..ports.chat import Message

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The template used for a model that brings none, as llama.cpp itself does."""


class ChatPrompt:
    """Renders conversations with a model's own chat template.

    Args:
        template: Jinja source from the model's metadata; `CHATML` if it has none. It runs in Jinja's sandbox.
        bos: Text of the token that begins a sequence.
        eos: Text of the token that ends one.

    Raises:
        jinja2.TemplateError: The template does not compile.
    """

    def __init__(self, template: str, bos: str, eos: str) -> None:
        formats = importlib.import_module("llama_cpp.llama_chat_format")
        self._errors = (importlib.import_module("jinja2").TemplateError, ValueError, TypeError)
        self._formatter: Any = formats.Jinja2ChatFormatter(template=template, bos_token=bos, eos_token=eos)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt, up to and including the header of the assistant's next turn.

        A template that knows no system role gets the system text at the head of the first user message.

        Raises:
            UsageError: The template refuses the conversation.
        """
        try:
            return self._rendered(messages)
        except self._errors:
            try:
                return self._rendered(_without_system_role(messages))
            except self._errors as error:
                raise UsageError(
                    f"the model's chat template refuses this conversation: {error}",
                    "let user and assistant take turns, the user first",
                ) from error

    def marks(self) -> str:
        """What stands around the turns of a conversation; empty if the template refuses any."""
        try:
            return self.render(
                [Message("system", ""), Message("user", ""), Message("assistant", ""), Message("user", "")]
            )
        except UsageError:
            return ""

    def _rendered(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._formatter(messages=turns).prompt)


def with_question(messages: Sequence[Message], question: str) -> list[Message]:
    """The conversation with a yes-or-no question put to the model next.

    The question joins the user's last message if that is still unanswered: many templates want the roles to alternate.
    """
    asked = f"{question}\nAnswer with one word, Yes or No."
    if messages and messages[-1].role == "user":
        return [*messages[:-1], Message("user", f"{messages[-1].content}\n\n{asked}")]
    return [*messages, Message("user", asked)]


def _without_system_role(messages: Sequence[Message]) -> list[Message]:
    system = [message.content for message in messages if message.role == "system"]
    turns = [message for message in messages if message.role != "system"]
    if not system or not turns:
        return turns
    return [Message(turns[0].role, "\n\n".join([*system, turns[0].content])), *turns[1:]]
