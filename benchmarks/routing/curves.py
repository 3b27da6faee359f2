"""How good a ranking of questions is, for every share of calls of the strong model.

Measured as RouteLLM's evaluator does (Ong et al. 2024, arXiv:2406.18665, section 3; lm-sys/RouteLLM
`routellm/evals/evaluate.py`): the quality at eleven shares of strong calls, at the deciles of the score, joined by
lines.

- APGR is the area under that curve, with the weak model alone as 0 and the strong one alone as 1; a random ranking has
  .5.
- CPT50 and CPT80 are the shares of strong calls, in percent, where the curve first recovers half of the gap, and 80 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]

DECILES = 10


@dataclass(frozen=True, slots=True)
class Curve:
    """Quality over cost.

    Attributes:
        calls: Share of strong calls, rising from 0 to 1.
        recovered: Share of the gap between the models that is recovered.
    """

    calls: Array
    recovered: Array

    @property
    def apgr(self) -> float:
        """Average performance gap recovered."""
        return float(np.trapezoid(self.recovered, self.calls))

    def calls_for(self, recovered: float) -> float:
        """Call-performance threshold: the least share of strong calls, in percent, that recovers so much.

        Args:
            recovered: Share of the gap.
        """
        after = int(np.argmax(self.recovered >= recovered))
        if after == 0:
            return 0.0
        low, high = self.recovered[after - 1], self.recovered[after]
        part = (recovered - low) / (high - low)
        return float(100 * (self.calls[after - 1] + part * (self.calls[after] - self.calls[after - 1])))


def curve_of(scores: Array, weak: Array, strong: Array) -> Curve:
    """The curve of a ranking; the greatest scores go to the strong model first.

    Args:
        scores: Of shape (n,); equal ones stay in the order given.
        weak: Quality of the weak model's answers, of shape (n,).
        strong: Quality of the strong model's answers, of shape (n,).
    """
    order = np.argsort(-scores, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum((strong - weak)[order])])
    ends = np.round(np.linspace(0, len(scores), DECILES + 1)).astype(int)
    return Curve(ends / len(scores), gained[ends] / gained[-1])


def figures(curve: Curve) -> dict[str, float]:
    """The three published figures of a curve."""
    return {
        "apgr": round(curve.apgr, 4),
        "cpt50": round(curve.calls_for(0.5), 2),
        "cpt80": round(curve.calls_for(0.8), 2),
    }
