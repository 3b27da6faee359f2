"""A stream from a cold start, with feedback as the product gets it."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mcp_stack.hybrid.budget import BudgetController
from mcp_stack.hybrid.confidence.features import Query
from mcp_stack.hybrid.confidence.fitting import fit_outcomes
from mcp_stack.hybrid.confidence.outcome_model import Labelled, OutcomeModel
from mcp_stack.hybrid.confidence.prior import prior
from mcp_stack.hybrid.confidence.training import MOST_OUTCOMES, next_fit
from mcp_stack.settings.hybrid import Budget


def measure(rows: Sequence[dict[str, Any]], queries: Sequence[Query], share: float, seeds: int) -> dict[str, Any]:
    """Route every row once, in an order of each seed's, and learn on the way.

    The local answer is free: its label is known for every question. The remote one is known where it was asked. The
    model is fitted anew as often as the product's job does it.

    Args:
        rows: With weak and strong in [0, 1].
        queries: The rows as the product reads them.
        share: Allowed share of remote calls.
        seeds: How many times.
    """
    runs = [_run(rows, queries, share, seed) for seed in range(seeds)]
    return {
        "strong_share": round(statistics.fmean(run["strong_share"] for run in runs), 4),
        "gap_recovered": round(statistics.fmean(run["gap_recovered"] for run in runs), 4),
        "gap_of_random": share,
        "ratio_to_random": round(statistics.fmean(run["ratio"] for run in runs), 3),
        "ratio_to_random_second_half": round(statistics.fmean(run["ratio_second_half"] for run in runs), 3),
        "worst_share_error": round(max(abs(run["strong_share"] - share) for run in runs), 4),
        "runs": [{name: round(value, 4) for name, value in run.items()} for run in runs],
    }


def _run(rows: Sequence[dict[str, Any]], queries: Sequence[Query], share: float, seed: int) -> dict[str, float]:
    chance = random.Random(seed)  # noqa: S311 - an order, no secret
    controller = BudgetController(share, explore=Budget().explore_share, chance=chance)
    model: OutcomeModel | None = None
    seen: list[Labelled] = []
    labels, fit_at = 0, next_fit(0)
    gains = np.zeros(len(rows))
    calls = np.zeros(len(rows))
    for number, row in enumerate(np.random.default_rng(seed).permutation(len(rows))):
        gain = model.predict(queries[row]).gain if model else prior(rows[row]["prompt"], 0.0).gain
        propensity = controller.propensity(gain)
        asked = controller.decide(gain)
        weak, strong = float(rows[row]["weak"]), float(rows[row]["strong"])
        gains[number], calls[number] = strong - weak, asked
        seen.append(Labelled(queries[row], weak, strong if asked else None, propensity if asked else 1.0))
        labels += 1 + asked
        if labels >= fit_at:
            model = fit_outcomes(seen[-MOST_OUTCOMES:])
            fit_at = next_fit(labels)
    late = slice(len(rows) // 2, None)
    return {
        "strong_share": float(calls.mean()),
        "gap_recovered": float(gains @ calls / gains.sum()),
        "ratio": _ratio(gains, calls),
        "ratio_second_half": _ratio(gains[late], calls[late]),
    }


def _ratio(gains: npt.NDArray[np.float64], calls: npt.NDArray[np.float64]) -> float:
    """The share of the gap that is recovered, over what as many random calls would recover."""
    return float(gains @ calls / gains.sum() / calls.mean())
