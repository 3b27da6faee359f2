"""A threshold that is learned, so that no more than a set share of all answers is wrong."""

from __future__ import annotations

import math
import random
import struct
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ports.answer_index import Label
from .policy import Candidate, Decision, FixedThreshold
from .regression import fit, sigmoid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

MOST_LABELS = 5_000
# Until so many look-ups were seen to be right, and so many to be wrong, there is nothing to learn from.
LEAST_OF_EACH = 10
# Look-ups that tell what the requests of now are like.
RECENT = 1_000
FEW = 100
RECENT_SHADOWS = 100
# The bound on the expected errors holds with a probability of 90 %.
CONFIDENCE = 1.28
# How many wrong answers' worth of trust the model has beyond what the shadow checks find.
TRUST = 10.0
# Similarities of neighbours count less by a factor of e for each step.
STEP = 0.1


class ErrorBudget:
    """Gives answers again where a logistic regression makes it likely enough that they are right.

    The labels come for free: a miss is answered anew, which tells whether the candidate's answer would have been right.
    A share of the hits is answered anew, too. From the probabilities of the recent look-ups follows how many answers
    would be wrong at each threshold; the lowest one is taken whose upper bound is within the budget. Where the shadow
    checks find more errors than expected, the budget is cut by as much.

    Until enough is known, a fixed threshold decides.

    Args:
        budget: Wrong answers of all requests, at most.
        shadow_share: Of what would be given again.
        meanwhile: Decides until there are labels.
        chance: Chooses the shadow checks.
    """

    name = "v1"
    least_similarity = -1.0

    def __init__(
        self, budget: float, shadow_share: float, meanwhile: FixedThreshold, chance: random.Random | None = None
    ) -> None:
        self._budget = budget
        self._shadow_share = shadow_share
        self._meanwhile = meanwhile
        self._chance = chance or random.Random()  # noqa: S311 - a sample, no secret
        self._labels: deque[tuple[tuple[float, ...], bool, float | None]] = deque(maxlen=MOST_LABELS)
        self._recent: deque[tuple[float, ...]] = deque(maxlen=RECENT)
        self._fitted_at = 0
        self._learned = 0
        self._coefficients: Floats | None = None
        self._threshold = math.inf

    def decide(self, candidates: Sequence[Candidate]) -> Decision:
        """See `Policy.decide`."""
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        if not candidates:
            return Decision(None)
        place, features = described(candidates)
        self._recent.append(features)
        if self._coefficients is None:
            meanwhile = self._meanwhile.decide(candidates)
            return meanwhile if meanwhile.serve else Decision(place, features=features)
        right = float(sigmoid(np.array([np.dot(self._coefficients, features)]))[0])
        serve = right >= self._threshold and not candidates[place].compared().is_a_flip
        shadow = serve and self._chance.random() < self._shadow_share
        return Decision(place, serve=serve and not shadow, shadow=shadow, features=features, wrong=1 - right)

    def learn(self, labels: Sequence[Label]) -> None:
        """Take labels in, the oldest first."""
        for label in labels:
            features = struct.unpack(f"<{len(label.features) // 4}f", label.features)
            self._labels.append((features, label.right, label.expected))
            self._learned += 1
        news = any(label.expected is not None for label in labels)
        if news or self._learned > 1.02 * self._fitted_at + 5:
            self._fit()

    def _fit(self) -> None:
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        right = np.array([right for _, right, _ in self._labels], dtype=np.float64)
        if min(right.sum(), len(right) - right.sum()) < LEAST_OF_EACH:
            return
        self._fitted_at = self._learned
        seen = np.array([features for features, _, _ in self._labels])
        self._coefficients, covariance = fit(seen, right)
        requests, weights = self._requests()
        probability = sigmoid(requests @ self._coefficients)
        order = np.argsort(-probability)
        requests, weights, probability = requests[order], weights[order] / weights.sum(), probability[order]
        wrong = np.cumsum(weights * (1 - probability))
        # By the delta method: how the expected share of errors moves with the coefficients.
        slope = np.cumsum((weights * probability * (1 - probability))[:, None] * requests, axis=0)
        bound = wrong + CONFIDENCE * np.sqrt(np.einsum("ij,jk,ik->i", slope, covariance, slope))
        within = np.flatnonzero(bound <= self._budget * self._trust())
        self._threshold = float(probability[within[-1]]) if len(within) else math.inf

    def _requests(self) -> tuple[Floats, Floats]:
        """Features of the recent look-ups, each with its weight; after a start, those of labels fill in."""
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        rows = [(features, 1.0) for features in self._recent]
        if len(rows) < FEW:
            rows += [
                (features, 1.0 if expected is None else 1 / self._shadow_share)
                for features, _, expected in list(self._labels)[-RECENT:]
            ]
        return np.array([features for features, _ in rows]), np.array([weight for _, weight in rows])

    def _trust(self) -> float:
        """Expected errors over found ones, among the latest shadow checks; 1 at most."""
        checks = [(expected, right) for _, right, expected in self._labels if expected is not None][-RECENT_SHADOWS:]
        expected = sum(wrong for wrong, _ in checks)
        found = sum(not right for _, right in checks)
        return min(1.0, (expected + TRUST) / (found + TRUST))


def described(candidates: Sequence[Candidate]) -> tuple[int, tuple[float, ...]]:
    """The candidate to decide on, and what speaks for it.

    The answers of the nearest are weighed by similarity; the nearest with the answer that weighs most is the candidate.

    Args:
        candidates: The nearest first, one at least.

    Returns:
        Its place, and as features, each scaled to about 1: closeness, agreement of the neighbours, distance to the
        nearest with another answer, common words, differences, whether it was wrong before, how often it was right, 1.
    """
    nearest = candidates[0].similarity
    weights = [math.exp((each.similarity - nearest) / STEP) for each in candidates]
    by_group: dict[int, float] = {}
    for each, weight in zip(candidates, weights, strict=True):
        by_group[each.group] = by_group.get(each.group, 0.0) + weight
    group = max(by_group, key=by_group.__getitem__)
    place = next(place for place, each in enumerate(candidates) if each.group == group)
    chosen = candidates[place]
    rival = next((each.similarity for each in candidates if each.group != group), candidates[-1].similarity)
    said = chosen.compared()
    differences = sum((said.numbers, said.negation, said.opposites, said.names, said.kind))
    return place, (
        (-math.log(max(1 - chosen.similarity, 0) + 0.03) - 1.5) / 0.5,
        -math.log(1 - by_group[group] / sum(weights) + 0.03) - 1.3,
        (math.log(max(chosen.similarity - rival, 0) + 0.02) + 2.5) / 0.7,
        (said.overlap - 0.5) / 0.25,
        min(differences, 2) - 0.5,
        float(chosen.wrongs > 0),
        min(chosen.rights, 3) / 2,
        1.0,
    )
