"""How far from the score on all development excerpts the score on a few of them is, drawn evenly or by spread.

    python benchmarks/drawn_excerpts.py
    python benchmarks/drawn_excerpts.py --model smollm2 --corpus FILE L8N384 L12N460 L16N10 L20N904

What is scored is the table of all tokens, which costs nothing to simulate anywhere. Printed are root mean squared
errors of the correlation over 300 draws, and how many even draws tell as much as one by spread.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from agent.setup.config import RunConfig
from agent.setup.evidence import open_study
from tools.rules.lookup import FULL_LOOKUP
from tools.scoring.chances import pareto_draw
from tools.scoring.metrics import StratifiedSample
from tools.scoring.subsampling import chances_of_excerpts
from traces.text.console import QuietDisplay

DRAWS = 300


def correlation(sample: StratifiedSample, levels: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Over the tokens of excerpts that count as often as `weights` says; those of weight 0 are left out."""
    some = weights > 0
    mask = sample.activations.excerpts.mask[some]
    each = np.repeat(weights[some], mask.sum(axis=1))
    cov = np.cov(levels[some][mask], sample.activations.values[some][mask], aweights=each)
    return float(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])) if cov[0, 0] > 0 and cov[1, 1] > 0 else 0.0


def errors(sample: StratifiedSample, levels: NDArray[np.float32], chances: NDArray[np.float64]) -> float:
    """Root mean squared error over draws with these chances within each stratum."""
    rng, labels = np.random.default_rng(0), np.array(sample.strata)
    whole, found = correlation(sample, levels, np.ones(len(sample))), []
    for _ in range(DRAWS):
        weights = np.zeros(len(sample))
        for name in dict.fromkeys(sample.strata):
            own = np.flatnonzero(labels == name)
            rows = own[pareto_draw(chances[own], rng.random(len(own)))]
            weights[rows] = 1 / chances[rows]
        found.append(correlation(sample, levels, weights) - whole)
    return float(np.sqrt(np.mean(np.square(found))))


def main() -> None:
    """Print a line for each neuron and number of excerpts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=["L5N131", "L2N10", "L3N100", "L4N7"])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--corpus")
    given = parser.parse_args()
    ratios = []
    for target in given.targets:
        study = open_study(RunConfig(target=target, model=given.model, corpus=given.corpus), QuietDisplay())
        part = study.simulations.on(FULL_LOOKUP, study.development)
        for n in (15, 30):
            by_spread = chances_of_excerpts(study.development, n)
            labels = np.array(study.development.strata)
            even = np.array([by_spread[labels == name].mean() for name in study.development.strata])
            both = [errors(study.development, part.levels, chances) for chances in (even, by_spread)]  # type: ignore[union-attr]
            ratios.append((both[0] / both[1]) ** 2)
            print(
                f"{target:10}{n:4} excerpts   evenly {both[0]:.3f}   by spread {both[1]:.3f}   {ratios[-1]:.2f} times"
            )
    print(f"{'all':27}{'':35}{np.exp(np.mean(np.log(ratios))):.2f} times")


if __name__ == "__main__":
    main()
