"""A loaded GGUF model. Everything here runs in the model's own thread."""

from __future__ import annotations

import codecs
import ctypes
import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..errors import UnavailableError, UsageError
from ..llama_library import llama_library
from ..ports.chat import Completion, Message
from .abort import AbortFlag
from .chat_prompt import CHATML, ChatPrompt, with_question
from .control_tokens import ControlTokens, control_spellings
from .gguf_header import check_gguf, unusable_gguf
from .machine import available_cores, check_memory, short_of_memory, threads_by_default
from .model_speed import Speed, as_text, shared_length
from .replies import storable

_YES = ("Yes", " Yes", "yes", " yes")
_NO = ("No", " No", "no", " no")


class LlamaModel:
    """A model in memory, with one context whose prompt prefix is kept from call to call.

    Attributes:
        speed: As measured so far.
        read: The conversation that the context holds, as `as_text` writes it.

    Args:
        path: The GGUF file.
        context_tokens: Longest conversation, answer included, in tokens; never more than the model was trained on.
        threads: Processor threads; 0 for `threads_by_default`.
        temperature: 0 for the most likely token each time.
        abort: Stops the native code; calls then fail with UnavailableError and the model stays usable.

    Raises:
        UnavailableError: llama-cpp-python is missing, or the file is missing or cannot be used.
    """

    def __init__(self, path: Path, context_tokens: int, threads: int, temperature: float, abort: AbortFlag) -> None:
        self.name = path.stem
        self.speed = Speed()
        self.read = ""
        self._temperature = temperature
        library = llama_library()
        self._api = library.api
        check_gguf(path)
        check_memory(path)
        threads = threads or threads_by_default(available_cores())
        library.log.clear()
        try:
            self._llama: Any = self._api.Llama(
                model_path=str(path), n_ctx=context_tokens, n_threads=threads, n_threads_batch=threads, verbose=False
            )
            self._vocab = self._api.llama_model_get_vocab(self._llama.model)
            template = self._llama.metadata.get("tokenizer.chat_template", CHATML)
            self._bos = self._token_text(self._api.llama_vocab_bos(self._vocab))
            self._prompt = ChatPrompt(template, self._bos, self._token_text(self._api.llama_vocab_eos(self._vocab)))
            self._controls = ControlTokens(control_spellings(self._api, self._vocab, self._prompt.marks()))
        except Exception as error:  # the template engine and the bindings share no base class
            if library.log.short_of_memory:
                raise short_of_memory(path, library.log.last_error) from error
            raise unusable_gguf(path, library.log.last_error or str(error)) from error
        abort.watch(self._api, self._llama.ctx)
        self._context_tokens = min(context_tokens, self._api.llama_model_n_ctx_train(self._llama.model))
        self._yes, self._no = self._choices(_YES), self._choices(_NO)

    def answer(self, messages: Sequence[Message], max_tokens: int) -> Generator[str | Completion, None, None]:
        """Yields the answer piece by piece, then the completion.

        Raises:
            UsageError: The conversation leaves no room for an answer.
            UnavailableError: The native code failed or was aborted.
        """
        prompt = self._tokens(messages)
        limit = min(max_tokens, self._context_tokens - len(prompt))
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pieces: list[str] = []
        count, ended = 0, False
        with self._recovering(), closing(self._generate(prompt, messages, self._temperature)) as tokens:
            while count < limit:
                token = next(tokens)
                if self._api.llama_vocab_is_eog(self._vocab, token):
                    ended = True
                    break
                piece = storable(decoder.decode(self._piece(token, first=count == 0)))
                count += 1
                if piece:
                    pieces.append(piece)
                    yield piece
        if rest := decoder.decode(b"", final=True):
            pieces.append(rest)
            yield rest
        self.read = as_text([*messages, Message("assistant", "".join(pieces))])
        yield Completion("".join(pieces), self.name, len(prompt), count, truncated=not ended)

    def probability_true(self, messages: Sequence[Message], question: str) -> float:
        """P(True), from the logits of the token that would come next.

        Only the last position's logits are computed, so this costs the prompt's evaluation (less the prefix shared
        with the call before) and no memory.

        Raises:
            UsageError: The conversation does not fit.
            UnavailableError: The native code failed or was aborted.
        """
        asked = with_question(messages, question)
        prompt = self._tokens(asked)
        with self._recovering(), closing(self._generate(prompt, asked, 0.0)) as tokens:
            next(tokens)
            logits = self._api.llama_get_logits_ith(self._llama.ctx, -1)
            yes, no = [logits[token] for token in self._yes], [logits[token] for token in self._no]
        highest = max(*yes, *no)
        weight_yes = math.fsum(math.exp(logit - highest) for logit in yes)
        weight_no = math.fsum(math.exp(logit - highest) for logit in no)
        return weight_yes / (weight_yes + weight_no)

    def close(self) -> None:
        """Free the weights and the context."""
        self._llama.close()

    def _generate(
        self, prompt: list[int], messages: Sequence[Message], temperature: float
    ) -> Generator[int, None, None]:
        """Generate tokens without end, and measure how fast the prompt is read and the answer written.

        The first token costs the reading of what the context does not hold yet.
        """
        held = shared_length(prompt, self._llama.input_ids[: self._llama.n_tokens].tolist())
        self.read = ""
        count, seconds = 0, 0.0
        with closing(self._llama.generate(prompt, temp=temperature)) as tokens:
            started = time.perf_counter()
            token = next(tokens)
            if held < len(prompt):
                self.speed = self.speed.after_reading(len(prompt) - held, time.perf_counter() - started)
            self.read = as_text(messages)
            yield token
            try:
                while True:
                    started = time.perf_counter()
                    token = next(tokens)
                    count, seconds = count + 1, seconds + time.perf_counter() - started
                    yield token
            finally:
                if count:
                    self.speed = self.speed.after_writing(count, seconds)

    def _tokens(self, messages: Sequence[Message]) -> list[int]:
        text = self._prompt.render(self._controls.broken(messages))
        add_bos = self._api.llama_vocab_get_add_bos(self._vocab) and not (self._bos and text.startswith(self._bos))
        tokens: list[int] = self._llama.tokenize(text.encode(), add_bos=add_bos, special=True)
        self.speed = self.speed.after_prompt(len(tokens), len(text))
        if len(tokens) >= self._context_tokens:
            raise UsageError(
                f"the conversation is {len(tokens)} tokens long, but the context of {self.name} holds"
                f" {self._context_tokens}, answer included",
                "shorten it or raise llm.local.context_tokens",
            )
        return tokens

    def _choices(self, spellings: Sequence[str]) -> list[int]:
        """The spellings that are one token each; else how the first of them begins."""
        spelled = [self._llama.tokenize(text.encode(), add_bos=False, special=False) for text in spellings]
        return sorted({tokens[0] for tokens in spelled if len(tokens) == 1} or {spelled[0][0]})

    @contextmanager
    def _recovering(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, AssertionError) as error:
            self._llama.reset()  # what the context holds after a failed batch is unknown
            raise UnavailableError(f"the model {self.name} failed: {error}", "ask again") from error

    def _piece(self, token: int, *, first: bool) -> bytes:
        """The bytes of a token; the space that some vocabularies put before the first word is dropped."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self._api.llama_token_to_piece(self._vocab, token, buffer, size, int(first), False)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _token_text(self, token: int) -> str:
        return str(self._api.llama_vocab_get_text(self._vocab, token).decode()) if token >= 0 else ""
