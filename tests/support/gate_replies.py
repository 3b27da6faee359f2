"""Replies of models, for properties that hold for each of them."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
INPUTS = st.dictionaries(st.text(max_size=8), JSON, max_size=3)
REPLIES = st.builds(
    lambda text, calls, reason, numbers: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            *([{"type": "text", "text": text}] if text else []),
            *(
                {"type": "tool_use", "id": f"call_{index}", "name": name, "input": arguments}
                for index, (name, arguments) in enumerate(calls)
            ),
        ],
        "stop_reason": "tool_use" if calls else reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": numbers[0],
            "output_tokens": numbers[1],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": numbers[2],
        },
    },
    st.text(max_size=30),
    st.lists(st.tuples(NAMES, INPUTS), max_size=3),
    st.sampled_from(["end_turn", "max_tokens", "refusal"]),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)),
)
