"""Which questions the remote model should answer, and how well the local one's chances are known.

    python -m benchmarks.routing --outcomes F --train N --seeds K [--online --budget 0.2] [--cascade] [--json]

F holds JSON lines, compressed or not: prompt, weak and strong (how good each model's answer was, in [0, 1]). The
product's own features, fit, calibration and budget controller are used, as they serve. `ece` is the calibration error
of P(local answer is good) on the rows not learned from, over ten bins of equal width; `ece_15` over fifteen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[3] / "shared" / "data" / "routing"
DEFAULT_TRAIN = 1500
DEFAULT_BUDGET = 0.2


def main() -> None:
    """Measure and print."""
    chosen = _parser().parse_args()
    result = asyncio.run(_measured(chosen))
    if chosen.json:
        print(json.dumps(result))
        return
    _print(result)


async def _measured(chosen: argparse.Namespace) -> dict[str, Any]:
    from mcp_stack.hybrid.confidence.fitting import FEWEST_LABELS  # noqa: PLC0415 - --help needs none of it

    from .rows import read_queries, read_rows  # noqa: PLC0415 - --help needs none of it

    rows = read_rows(chosen.outcomes)
    train = (0 if chosen.cascade else DEFAULT_TRAIN) if chosen.train is None else chosen.train
    if not (0 if chosen.cascade else FEWEST_LABELS) <= train < len(rows):
        raise SystemExit(f"--train {train}: at least {FEWEST_LABELS}, and fewer than the {len(rows)} rows of the file")
    if chosen.cascade:
        from .cascade import measure_cascade  # noqa: PLC0415 - only with --cascade

        queries = await read_queries(rows, chosen.vectors) if train else None
        result = measure_cascade(rows, train, chosen.seeds, queries)
    else:
        from . import offline, online  # noqa: PLC0415 - --help needs none of it

        queries = await read_queries(rows, chosen.vectors)
        result = offline.measure(rows, queries, train, chosen.seeds)
        if chosen.online:
            result |= online.measure(rows, queries, chosen.budget, chosen.seeds)
        result["baselines"] |= offline.published(chosen.outcomes.name)
    return {**result, "outcomes": chosen.outcomes.name}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Quality of routing between two models.")
    parser.add_argument("--outcomes", type=Path, default=DATA / "routellm_mmlu_dev.jsonl.gz")
    parser.add_argument("--train", type=int, help=f"outcomes learned from ({DEFAULT_TRAIN}; 0 with --cascade)")
    parser.add_argument("--seeds", type=int, default=5, help="random splits")
    parser.add_argument("--cascade", action="store_true", help="the local answer is given first, and judged")
    parser.add_argument("--online", action="store_true", help="also a stream from a cold start, within a budget")
    parser.add_argument("--budget", type=float, default=DEFAULT_BUDGET, help="share of remote calls of --online")
    parser.add_argument("--vectors", type=Path, help="file that keeps embeddings for the next run")
    parser.add_argument("--json", action="store_true")
    return parser


def _print(result: dict[str, Any]) -> None:
    print(f"{result['outcomes']}: {result.get('train', 0)} outcomes learned from")
    print(f"{'':<52} {'APGR':>6} {'CPT50':>7} {'CPT80':>7}")
    for name, row in {"mcp-stack": result, **result["baselines"]}.items():
        print(f"{name:<52} {row['apgr']:>6.3f} {row['cpt50']:>7.2f} {row['cpt80']:>7.2f}")
    if "ece" in result:
        print(
            f"P(local answer is good): calibration error {result['ece']:.4f}, Brier {result['brier']:.4f} "
            f"(base rate {result['brier_base']:.4f})"
        )
    if "strong_share" in result:
        print(
            f"online: {100 * result['strong_share']:.2f} % remote calls recover {100 * result['gap_recovered']:.1f} % "
            f"of the gap, {result['ratio_to_random']:.2f} times as much as random ones "
            f"({result['ratio_to_random_second_half']:.2f} times in the second half)"
        )


if __name__ == "__main__":
    main()
