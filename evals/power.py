"""`agent eval power`: the power of a comparison, from simulated repeats of an evaluation with the observed spread."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from agent.cli.output import say, say_json
from evals.compare import checked_metric, load
from evals.differences import compare
from evals.metrics import METRICS
from evals.statistics import ALPHA, FEWEST_NEURONS, Floats, permutation_ps
from tools.errors import BadInput
from traces.text.formatting import one_line


@dataclass(frozen=True)
class Power:
    """How often the test of `evals.compare` rejects (p < 0.05, before any correction), as shares of the repeats.

    Attributes:
        spread: standard deviation over neurons of the paired differences.
        skew: their skewness; far from 0 the test is only approximate for differences of mean zero.
        n_neurons: in each repeat; noise levels of one function are one.
        repeats: how many.
        difference: the true mean difference of `with_difference`.
        exchangeable: rejected when the labels of the two variants are random (the test's null hypothesis).
        no_difference: rejected when the mean difference is zero and the distribution as skewed as observed.
        with_difference: rejected when the true mean difference is `difference`.
        detectable: the smallest true difference found in 80 % of repeats, for normal differences.
    """

    spread: float
    skew: float
    n_neurons: int
    repeats: int
    difference: float
    exchangeable: float
    no_difference: float
    with_difference: float
    detectable: float


def power(
    differences: Iterable[float], difference: float, n_neurons: int, repeats: int, rng: np.random.Generator
) -> Power:
    """Simulate `repeats` evaluations of `n_neurons`, with paired differences drawn from the centred observed ones.

    Args:
        differences: seen, one per neuron; at least two, not all equal.
        difference: the true mean difference to find.
        n_neurons: of each simulated evaluation.
        repeats: how many evaluations.
        rng: draws everything.
    """
    seen = np.fromiter(differences, dtype=np.float64)
    n = len(seen)
    # Draws from a sample have a slightly smaller spread than the population.
    centred = (seen - seen.mean()) * (n / (n - 1)) ** 0.5
    spread = float(seen.std(ddof=1))
    drawn = centred[rng.integers(n, size=(repeats, n_neurons))]
    return Power(
        spread=spread,
        skew=float(np.mean((seen - seen.mean()) ** 3) / seen.std() ** 3),
        n_neurons=n_neurons,
        repeats=repeats,
        difference=difference,
        exchangeable=rejected(drawn * rng.choice([-1.0, 1.0], size=drawn.shape), rng),
        no_difference=rejected(drawn, rng),
        with_difference=rejected(drawn + difference, rng),
        detectable=(1.96 + 0.84) * spread / n_neurons**0.5,
    )


def rejected(differences: Floats, rng: np.random.Generator) -> float:
    """The share of evaluations, [n_repeats, n_neurons], in which the paired differences have p < 0.05."""
    return float(np.mean(permutation_ps(differences, rng) < ALPHA))


def power_command(arguments: argparse.Namespace) -> None:
    """Print how often a comparison of each pair of variants would find a difference.

    Args:
        arguments: `folders` (list of paths, may be empty), `metric` (a key of `METRICS`), `difference` (float),
            `repeats`, `neurons` (None: as many as were compared), `json`.

    Raises:
        BadInput: no pair of variants has enough neurons to estimate the spread.
    """
    metric = checked_metric(arguments.metric)
    if not -1 <= arguments.difference <= 1:
        raise BadInput(f"--difference must be a difference of scores between -1 and 1, not {arguments.difference:g}.")
    rng = np.random.default_rng(0)
    found = load(arguments.folders, rng)
    results = {}
    for pair in compare(found.cells, metric, rng, neurons=found.neurons):
        seen = list(pair.by_cluster.values())
        if len(seen) >= FEWEST_NEURONS and len(set(seen)) > 1:
            results[pair.group, pair.a, pair.b] = power(
                seen, arguments.difference, arguments.neurons or len(seen), arguments.repeats, rng
            )
    if not results:
        raise BadInput(
            f"no two variants in {', '.join(map(str, found.folders))} differ in their {METRICS[metric]} on at least "
            f"{FEWEST_NEURONS} common neurons, so there is no spread to simulate from."
        )
    if arguments.json:
        say_json(
            [{"group": group, "a": a, "b": b, "metric": metric} | asdict(one) for (group, a, b), one in results.items()]
        )
        return
    for (group, a, b), one in results.items():
        say(f"{one_line(a)} minus {one_line(b)}, {METRICS[metric]}, {group} neurons: {_told(one)}\n")


def _told(one: Power) -> str:
    return (
        f"spread over neurons {one.spread:.3f}, skewness {one.skew:+.1f}\n"
        f"of {one.repeats:,} simulated evaluations with {one.n_neurons} neurons, p < {ALPHA:g} in\n"
        f"  {one.exchangeable:6.1%}  when the variants' labels are random (5 % by design)\n"
        f"  {one.no_difference:6.1%}  when the true mean difference is 0, with the observed skew\n"
        f"  {one.with_difference:6.1%}  when the true mean difference is {one.difference:g}\n"
        f"the smallest difference found in 80 %: about {one.detectable:.3f}"
    )
