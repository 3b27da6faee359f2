"""What decides whether an answer is near enough, and the copy of the vectors that it is looked up in."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.hybrid.cache.agreement import answers_agree
from mcp_stack.hybrid.cache.error_budget import ErrorBudget
from mcp_stack.hybrid.cache.learning import packed
from mcp_stack.hybrid.cache.neighbours import Neighbours
from mcp_stack.hybrid.cache.policy import Candidate, Decision, FixedThreshold
from mcp_stack.hybrid.cache.verifier import Comparison, compare
from mcp_stack.ports.answer_index import Changes, Indexed, Label

SAME = compare("How do I install numpy?", "How can I install numpy?")
OTHER = compare("How do I install numpy?", "How do I install scipy?")
FLIP = compare("How do I upgrade to 3.11?", "How do I upgrade to 3.12?")
LONG = compare(
    "Datasets keeps a large table on disk and maps the file into memory, so that little memory suffices.",
    "Datasets stores a big table on disk and maps its file into memory, so that only little memory is required.",
)
FIXED = FixedThreshold(0.95)


def candidate(similarity: float, group: int, said: Comparison) -> Candidate:
    return Candidate(similarity, group, lambda: said)


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([candidate(0.97, 1, SAME)], 0),
        ([candidate(0.85, 1, SAME)], 0),  # word for word, and so a little below the threshold
        ([candidate(0.75, 1, SAME)], None),
        ([candidate(0.99, 1, OTHER)], None),
        ([candidate(0.99, 1, OTHER), candidate(0.97, 2, SAME)], 1),
        ([candidate(0.96, 1, LONG)], 0),
        ([candidate(0.94, 1, LONG)], None),
        ([candidate(0.96, 1, LONG), candidate(0.95, 2, OTHER)], None),  # cannot be told from one with another answer
        ([candidate(0.96, 1, LONG), candidate(0.95, 1, OTHER)], 0),
        ([], None),
    ],
)
def test_the_fixed_threshold_wants_nearness_and_no_difference(candidates: list[Candidate], chosen: int | None) -> None:
    assert FIXED.decide(candidates) == Decision(chosen, serve=chosen is not None)


@dataclass
class Outcome:
    """What came of a stream of requests."""

    hits: int = 0
    wrong: int = 0
    requests: int = 0


class Stream:
    """Requests whose nearest neighbour is right the more likely, the nearer it is.

    Args:
        policy: Decides.
        seed: Of the requests.
        lie: Share of the near neighbours that are wrong all the same.
    """

    def __init__(self, policy: ErrorBudget, seed: int, lie: float = 0.0) -> None:
        self.policy = policy
        self._chance = random.Random(seed)
        self.lie = lie
        self.labels: list[Label] = []

    def run(self, requests: int) -> Outcome:
        outcome = Outcome(requests=requests)
        for _ in range(requests):
            similarity = self._chance.uniform(0.6, 0.99)
            certain = 1 / (1 + np.exp(-(similarity - 0.75) * 40))
            right = self._chance.random() < certain * (1 - self.lie)
            rival = candidate(similarity - 0.05 * self._chance.random(), 2, OTHER)
            decision = self.policy.decide([candidate(similarity, 1, OTHER), rival])
            if decision.serve:
                outcome.hits += 1
                outcome.wrong += not right
                continue
            features = struct.pack(f"<{len(decision.features)}f", *decision.features)
            label = Label(features, right, decision.wrong if decision.shadow else None)
            self.labels.append(label)
            self.policy.learn([label])
        return outcome


def budget_of(share: float, seed: int, shadow_share: float = 0.05) -> ErrorBudget:
    return ErrorBudget(share, shadow_share, FIXED, random.Random(seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.005, 0.02])
def test_the_errors_stay_within_the_budget_while_there_are_hits(seed: int, share: float) -> None:
    outcome = Stream(budget_of(share, seed), seed).run(3_000)
    assert outcome.wrong <= share * outcome.requests
    assert outcome.hits >= 0.2 * outcome.requests


def test_a_smaller_budget_gives_fewer_answers_again() -> None:
    hits = [Stream(budget_of(share, 1), 1).run(2_000).hits for share in (0.002, 0.01, 0.05)]
    assert hits == sorted(hits)
    assert hits[0] < hits[-1]


def test_until_enough_is_known_the_fixed_threshold_decides() -> None:
    policy = budget_of(0.01, 0)
    assert policy.decide([candidate(0.97, 1, SAME)]).serve
    missed = policy.decide([candidate(0.99, 1, OTHER)])
    assert not missed.serve
    assert missed.features  # to be learned from
    features = struct.pack(f"<{len(missed.features)}f", *missed.features)
    policy.learn([Label(features, right=True, expected=None)] * 500)
    assert not policy.decide([candidate(0.99, 1, OTHER)]).serve, "nobody has seen a wrong one yet"


def test_a_flip_is_never_given_whatever_was_learned() -> None:
    stream = Stream(budget_of(0.2, 2), 2)
    stream.run(1_000)
    assert stream.policy.decide([candidate(0.999, 1, SAME)]).chosen == 0
    assert not any(stream.policy.decide([candidate(0.999, 1, FLIP)]).serve for _ in range(50))


def test_answers_that_turn_out_wrong_in_the_shadow_end_the_trust() -> None:
    stream = Stream(budget_of(0.01, 3, shadow_share=0.2), 3)
    before = stream.run(2_000)
    stream.lie = 0.5
    stream.run(2_000)
    after = stream.run(1_000)
    assert before.hits > 0.2 * before.requests
    assert after.hits < 0.05 * after.requests


def test_what_was_learned_survives_a_restart() -> None:
    stream = Stream(budget_of(0.02, 4), 4)
    stream.run(2_000)
    restarted = Stream(budget_of(0.02, 4), 5)
    restarted.policy.learn(stream.labels)
    outcome = restarted.run(300)
    assert outcome.hits > 0.2 * outcome.requests


@pytest.mark.parametrize(
    ("one", "other", "similarity", "agree"),
    [
        ("Paris.", "  paris. ", -1.0, True),
        ("The capital is Paris.", "It is Paris, the capital.", 0.9, True),
        ("The capital is Paris.", "It is Paris, the capital.", 0.7, False),
        ("It costs 5 euros.", "It costs 7 euros.", 0.99, False),
        ("Yes, you can.", "No, you can not.", 0.95, False),
        ("It is in Paris.", "It is in Rome.", 0.95, False),
    ],
)
def test_answers_agree_where_they_say_the_same(one: str, other: str, similarity: float, agree: bool) -> None:
    assert answers_agree(one, other, similarity) is agree


DIMENSIONS = 8
MOST = 20


@dataclass(frozen=True)
class Step:
    """Something that happens to the copy."""

    vector: tuple[float, ...]
    scope: bytes
    lasts: float
    wait: float
    drops: bool


STEPS = st.lists(
    st.builds(
        Step,
        vector=st.tuples(*[st.sampled_from([-1.0, -0.5, 0.25, 1.0])] * DIMENSIONS),
        scope=st.sampled_from([b"one", b"two", b"three"]),
        lasts=st.sampled_from([1.0, 10.0, 100.0]),
        wait=st.sampled_from([0.0, 0.5, 5.0]),
        drops=st.booleans(),
    ),
    max_size=60,
)


def unit(vector: tuple[float, ...]) -> list[float]:
    array = np.array(vector)
    return [float(value) for value in array / np.linalg.norm(array)]


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_copy_finds_what_looking_at_every_entry_would(steps: list[Step]) -> None:
    now = 0.0
    copy = Neighbours(MOST, clock=lambda: now)
    kept: list[tuple[Indexed, float]] = []
    for sequence, step in enumerate(steps, start=1):
        entry = Indexed(sequence, step.scope, packed(unit(step.vector)), sequence % 3, step.lasts)
        copy.add(Changes(1, [entry], entry.sequence, more=False, newest_label=0), DIMENSIONS)
        kept = [*kept, (entry, now + step.lasts)][-MOST:]
        now += step.wait
        if step.drops and len(kept) > 1:
            copy.drop([kept[0][0].sequence])
            kept[0] = (replace(kept[0][0], scope=b"nowhere"), 0.0)
        asked = unit(tuple(reversed(step.vector)))
        for scope in (b"one", b"two", b"three", b"four"):
            found = copy.nearest(asked, scope, 5)
            wanted = list(_looked_at(kept, asked, scope, now))
            assert [each.sequence for each in found] == [number for _, number in wanted][: len(found)] or np.allclose(
                [each.similarity for each in found], [value for value, _ in wanted[:5]], atol=1e-5
            )
            assert len(found) == min(5, len(wanted))
            assert {each.sequence for each in found} <= {number for _, number in wanted}


def _looked_at(
    kept: list[tuple[Indexed, float]], asked: list[float], scope: bytes, now: float
) -> Iterator[tuple[float, int]]:
    alive = [entry for entry, expires in kept if entry.scope == scope and expires > now]
    yield from sorted(
        (
            (float(np.frombuffer(each.vector, "<f2").astype(np.float32) @ np.array(asked, np.float32)), each.sequence)
            for each in alive
        ),
        key=lambda pair: (-pair[0], -pair[1]),
    )


def test_an_index_that_was_emptied_empties_the_copy() -> None:
    copy = Neighbours(MOST)
    entry = Indexed(7, b"one", packed(unit((1.0,) * DIMENSIONS)), 1, 60)
    copy.add(Changes(1, [entry], entry.sequence, more=False, newest_label=0), DIMENSIONS)
    assert [each.sequence for each in copy.nearest(unit((1.0,) * DIMENSIONS), b"one", 3)] == [7]
    copy.add(Changes(2, [], 0, more=False, newest_label=0), DIMENSIONS)
    assert copy.nearest(unit((1.0,) * DIMENSIONS), b"one", 3) == []
    assert copy.newest == 0


def test_vectors_of_another_model_are_left_out() -> None:
    copy = Neighbours(MOST)
    entries = [Indexed(1, b"one", packed([1.0, 0.0]), 1, 60), Indexed(2, b"one", b"", 1, 60)]
    copy.add(Changes(1, entries, 2, more=False, newest_label=0), DIMENSIONS)
    assert copy.nearest(unit((1.0,) * DIMENSIONS), b"one", 3) == []
    assert copy.newest == 2
