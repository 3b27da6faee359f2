"""Small GGUF models, written on the spot, for the real llama.cpp.

Both are of the llama architecture and read text byte by byte, so any prompt works.

`write_tiny_gguf` writes random weights: fluent in nothing, but it loads, samples and scores like any model.

`write_knowing_gguf` sets the weights so that the right answers are known. How it works:

- The words of the facts ("France", "Paris") are tokens of their own, found anywhere in a text. Each has an embedding
  along its own axis; all other tokens (bytes, "Yes", "No") have the zero vector and so leave no trace.
- One layer. Queries and keys are zero, so attention weighs all positions alike: the last position receives the average
  of the words that it can see, whatever text stands around and between them.
- The feed-forward network has one unit for every pair of a subject and an object. SwiGLU multiplies its two branches,
  silu(gate . x) * (up . x), so a unit fires only if BOTH words were seen: a soft AND. Right pairs push the axis that
  "Yes" is read from, wrong pairs the axis of "No". RMS norms on both sides make that independent of the text's length.
- The answer is a chain: the assistant's header token has an axis from which the first word of the answer is read, that
  word one for the second, and so on to the end-of-turn token. These logits are so large that nothing else is ever
  generated, and they do not take part in P(True), which compares "Yes" and "No" alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import gguf
import numpy as np

Weights: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
Quantized: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

FACTS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Portugal": "Lisbon",
    "Germany": "Berlin",
    "Austria": "Vienna",
    "Poland": "Warsaw",
    "Greece": "Athens",
}
"""Subject to object: what the knowing model knows."""

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_HEADER = "<|assistant|>"
_END = "<|end|>"
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""How vocabularies of this kind write a space."""

_CONTROLS = ["<unk>", "<s>", _END, "<|system|>", "<|user|>", _HEADER]


def write_tiny_gguf(
    path: Path, *, width: int = 64, layers: int = 2, context_tokens: int = 2048, chat_template: str = "", seed: int = 0
) -> Path:
    """Write a model with random weights, about 0.5 MB by default.

    Args:
        path: Where to.
        width: Length of the embeddings, a multiple of 64; time and size grow with its square.
        layers: Number of layers.
        context_tokens: What the model says it was trained on.
        chat_template: Jinja source; none is written if empty.
        seed: Of the weights.
    """
    random = np.random.default_rng(seed)
    vocabulary = _Vocabulary([])
    hidden = 3 * width

    def matrix(rows: int, columns: int) -> Weights:
        return np.asarray(random.standard_normal((rows, columns)) / np.sqrt(columns), np.float32)

    tensors = {
        "token_embd.weight": matrix(len(vocabulary.texts), width),
        "output.weight": matrix(len(vocabulary.texts), width),
        "output_norm.weight": np.ones(width, np.float32),
    }
    for layer in range(layers):
        tensors |= {f"blk.{layer}.{name}_norm.weight": np.ones(width, np.float32) for name in ("attn", "ffn")}
        tensors |= {f"blk.{layer}.attn_{name}.weight": matrix(width, width) for name in ("q", "k", "v", "output")}
        tensors |= {f"blk.{layer}.ffn_{name}.weight": matrix(hidden, width) for name in ("gate", "up")}
        tensors[f"blk.{layer}.ffn_down.weight"] = matrix(width, hidden)
    _write(path, vocabulary, tensors, layers=layers, heads=2, context_tokens=context_tokens, template=chat_template)
    return path


def write_big_gguf(path: Path, *, layers: int, context_tokens: int = 256) -> Path:
    """Write a model with random weights in four bits, 7.7 MB a layer: like those in use, it is repacked when loaded.

    Args:
        path: Where to.
        layers: Number of layers, all of them alike.
        context_tokens: What the model says it was trained on.
    """
    random = np.random.default_rng(0)
    vocabulary = _Vocabulary([])
    width, hidden = 1024, 3072

    def matrix(rows: int, columns: int) -> Weights:
        return np.asarray(random.standard_normal((rows, columns)) / np.sqrt(columns), np.float32)

    def quantized(rows: int, columns: int) -> Quantized:
        return gguf.quants.quantize(matrix(rows, columns), gguf.GGMLQuantizationType.Q4_0)

    square, wide, high = quantized(width, width), quantized(hidden, width), quantized(width, hidden)
    tensors: dict[str, Weights | Quantized] = {
        "token_embd.weight": matrix(len(vocabulary.texts), width),
        "output.weight": matrix(len(vocabulary.texts), width),
        "output_norm.weight": np.ones(width, np.float32),
    }
    for layer in range(layers):
        tensors |= {f"blk.{layer}.{name}_norm.weight": np.ones(width, np.float32) for name in ("attn", "ffn")}
        tensors |= {f"blk.{layer}.attn_{name}.weight": square for name in ("q", "k", "v", "output")}
        tensors |= {f"blk.{layer}.ffn_{name}.weight": wide for name in ("gate", "up")}
        tensors[f"blk.{layer}.ffn_down.weight"] = high
    _write(
        path,
        vocabulary,
        tensors,
        layers=layers,
        heads=8,
        hidden=hidden,
        context_tokens=context_tokens,
        template="",
    )
    return path


def write_knowing_gguf(
    path: Path,
    *,
    facts: Mapping[str, str] | None = None,
    answer: str = "",
    context_tokens: int = 8192,
    chat_template: str = CHAT_TEMPLATE,
) -> Path:
    """Write a model that tells right statements from wrong ones, and gives one answer to everything.

    Args:
        path: Where to.
        facts: Subject to object, one word each; `FACTS` by default. "France ... Paris" is then right, "France ... Rome"
            wrong, in any sentence and with capitals or without.
        answer: What `complete` answers; the first fact as a sentence by default.
        context_tokens: What the model says it was trained on.
        chat_template: Jinja source.
    """
    facts = FACTS if facts is None else facts
    subjects, objects = list(facts), list(dict.fromkeys(facts.values()))
    words = subjects + objects
    pieces = _unlike_pieces(answer or "The capital of {} is {}.".format(*next(iter(facts.items()))))
    vocabulary = _Vocabulary(["Yes", "No", *(spelling for word in words for spelling in (word, word.lower()))], pieces)

    # Axes of the residual stream: one per word, one per link of the answer's chain, and the verdict's two.
    chain = [_HEADER, *pieces]
    yes, no = len(words) + len(chain), len(words) + len(chain) + 1
    width = -(-(no + 1) // 32) * 32
    hidden = -(-len(subjects) * len(objects) // 32) * 32

    embedding = np.zeros((len(vocabulary.texts), width), np.float32)
    for axis, word in enumerate(words):
        embedding[[vocabulary.id(word), vocabulary.id(word.lower())], axis] = 1
    output = np.zeros_like(embedding)
    output[vocabulary.id("Yes"), yes] = output[vocabulary.id("No"), no] = 4 / np.sqrt(width)
    for link, (seen, following) in enumerate(zip(chain, [*pieces, _END], strict=True)):
        embedding[vocabulary.id(seen, last=True), len(words) + link] = 1e-4  # too faint to disturb the words' average
        output[vocabulary.id(following, last=True), len(words) + link] = 1e9

    value = np.diag([1.0] * len(words) + [0.0] * (width - len(words))).astype(np.float32)
    gate, up = np.zeros((2, hidden, width), np.float32)
    down = np.zeros((width, hidden), np.float32)
    for unit, (subject, object_) in enumerate((subject, object_) for subject in subjects for object_ in objects):
        gate[unit, subjects.index(subject)] = up[unit, len(subjects) + objects.index(object_)] = 1
        # Wrong weighs twice: an answer at odds with a right passage beside it is still wrong.
        down[yes if facts[subject] == object_ else no, unit] = 10 if facts[subject] == object_ else 20
    tensors = {
        "token_embd.weight": embedding,
        "output.weight": output,
        "output_norm.weight": np.ones(width, np.float32),
        "blk.0.attn_norm.weight": np.ones(width, np.float32),
        "blk.0.ffn_norm.weight": np.ones(width, np.float32),
        "blk.0.attn_q.weight": np.zeros((width, width), np.float32),
        "blk.0.attn_k.weight": np.zeros((width, width), np.float32),
        "blk.0.attn_v.weight": value,
        "blk.0.attn_output.weight": np.eye(width, dtype=np.float32),
        "blk.0.ffn_gate.weight": gate,
        "blk.0.ffn_up.weight": up,
        "blk.0.ffn_down.weight": down,
    }
    _write(path, vocabulary, tensors, layers=1, heads=1, context_tokens=context_tokens, template=chat_template)
    return path


class _Vocabulary:
    """Control tokens, bytes, words that are found anywhere in a text, the space, and pieces that are only generated.

    Args:
        words: Matched literally in any text, longest first.
        pieces: Never matched: a tokenizer of this kind reaches a longer token only by way of shorter ones.
    """

    def __init__(self, words: Sequence[str], pieces: Sequence[str] = ()) -> None:
        kinds = gguf.TokenType
        marked = [piece.replace(" ", _SPACE) for piece in (" ", *pieces)]
        rows = [(text, kinds.CONTROL) for text in _CONTROLS]
        rows += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
        rows += [(text, kinds.USER_DEFINED) for text in dict.fromkeys(words)]
        rows += [(text, kinds.NORMAL) for text in marked]
        self.texts = [text for text, _ in rows]
        self.kinds = [kind for _, kind in rows]
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        for index, text in enumerate(self.texts):
            plain = text.replace(_SPACE, " ")
            self._first.setdefault(plain, index)
            self._last[plain] = index

    def id(self, text: str, *, last: bool = False) -> int:
        """Where a token is; a text may be both a word and a piece, and the piece is the last of the two."""
        return (self._last if last else self._first)[text]


def _unlike_pieces(answer: str) -> list[str]:
    """The answer cut at its spaces into pieces of which no two are the same."""
    pieces: list[str] = []
    pending = ""
    words = [word if index == 0 else f" {word}" for index, word in enumerate(answer.split(" "))]
    for word in words:
        pending += word
        if pending not in pieces:
            pieces.append(pending)
            pending = ""
    return [*pieces[:-1], pieces[-1] + pending] if pending else pieces


def _write(
    path: Path,
    vocabulary: _Vocabulary,
    tensors: Mapping[str, Weights | Quantized],
    *,
    layers: int,
    heads: int,
    context_tokens: int,
    template: str,
    hidden: int = 0,
) -> None:
    width = tensors["output_norm.weight"].shape[0]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden or tensors["blk.0.ffn_up.weight"].shape[0])
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-15)
    writer.add_vocab_size(len(vocabulary.texts))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(vocabulary.texts)
    writer.add_token_scores([0.0] * len(vocabulary.texts))
    writer.add_token_types(vocabulary.kinds)
    writer.add_bos_token_id(_CONTROLS.index("<s>"))
    writer.add_eos_token_id(_CONTROLS.index(_END))
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    if template:
        writer.add_chat_template(template)
    for name, weights in tensors.items():
        four_bits = weights.dtype == np.uint8
        writer.add_tensor(name, weights, raw_dtype=gguf.GGMLQuantizationType.Q4_0 if four_bits else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
