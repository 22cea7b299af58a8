"""Has the comparison of two variants teeth? Rejection rates over 1,000 simulated evaluations of 40 neurons.

    python benchmarks/comparison_teeth.py

For each spread of the differences over neurons, fresh neurons are drawn for every evaluation, with a true mean
difference of 0 and of 0.05. Wanted: 3-7 % of rejections with none, and at least 80 % with 0.05. The latter no test can
reach on 40 neurons from a spread of about 0.115 on, and the table says so. The last number is the share of simulated
evaluations whose interval holds the true mean, for the interval that `agent eval compare` prints.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evals.power import rejected
from evals.statistics import Floats, mean_interval
from tools.records.result import Interval

N_EVALUATIONS, N_NEURONS, DIFFERENCE = 1_000, 40, 0.05
N_INTERVALS = 200

Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]

SPREADS: dict[str, Draw] = {
    "normal, sd 0.08": lambda rng, shape: rng.normal(0, 0.08, shape),
    "normal, sd 0.16": lambda rng, shape: rng.normal(0, 0.16, shape),
    "skewed (gamma), sd 0.10": lambda rng, shape: 0.05 * (rng.gamma(4, size=shape) - 4),
    "half of them ties": lambda rng, shape: rng.normal(0, 0.1, shape) * (rng.random(shape) < 0.5),
}


def coverage(differences: Floats, true: float, rng: np.random.Generator) -> float:
    """The share of rows, [n, n_neurons], whose interval holds the true mean."""
    intervals = [mean_interval(row, rng) for row in differences]
    return float(np.mean([isinstance(i, Interval) and i.low <= true <= i.high for i in intervals]))


def main() -> None:
    """Print one line per spread."""
    rng = np.random.default_rng(0)
    print(f"{N_EVALUATIONS:,} evaluations of {N_NEURONS} neurons; rejected at p < 0.05\n")
    print(f"{'spread of differences':26}{'none':>8}{DIFFERENCE:>8}   {'interval holds the truth':>24}")
    for name, draw in SPREADS.items():
        drawn = draw(rng, (N_EVALUATIONS, N_NEURONS))
        null, shifted = rejected(drawn, rng), rejected(drawn + DIFFERENCE, rng)
        held = coverage(drawn[:N_INTERVALS], 0.0, rng)
        size = "holds its 5 %" if 0.03 <= null <= 0.07 else "DOES NOT HOLD ITS 5 %"
        verdict = size + ("" if shifted >= 0.8 else f", too few neurons to find {DIFFERENCE} at this spread")
        print(f"{name:26}{null:8.1%}{shifted:8.1%}   {held:24.1%}   {verdict}")


if __name__ == "__main__":
    main()
