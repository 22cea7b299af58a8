"""Activations of any neuron of a scanned layer on the same texts, and neurons with similar firing rates.

A matched null is made of the explanations of those, and a reader must tell a neuron from them. `peers.py` has texts on
which they fire.
"""

from __future__ import annotations

import numpy as np

from tools.evidence.neurons.neuron import MIN_THETA, THETA_SHARE, threshold
from tools.evidence.neurons.scan import LayerScan, _part_values
from tools.records.excerpts import DevelopmentActivations, ExploreActivations

N_DRAWN = 64
_SAMPLE_TOKENS = 16_384
_PERCENTILE = 99.9  # of a sample, where the 99.99th would hang on two tokens


def explore_activations(scan: LayerScan, index: int) -> ExploreActivations:
    """What any neuron of the scanned layer does on explore text: two of them can be compared token by token.

    `index` is its number in the layer; of another layer `Resources.scan` of `agent/setup/resources.py` has the scan.
    """
    return ExploreActivations(scan.corpus.explore, _part_values(scan, "explore", index))


def development_activations(scan: LayerScan, index: int) -> tuple[DevelopmentActivations, float]:
    """What any neuron of the scanned layer does on development text, and its theta, which comes from explore text."""
    explore = explore_activations(scan, index)
    theta = threshold(explore.values[explore.excerpts.mask])
    return DevelopmentActivations(scan.corpus.development, _part_values(scan, "development", index)), theta


def similar_firing_rate(scan: LayerScan, index: int, rng: np.random.Generator) -> list[int]:
    """64 neurons drawn at random, less this one; the one whose firing rate on explore text is closest to its is first.

    A rate is the share of sampled tokens above 0.3 times the neuron's own 99.9th percentile (at least 0.1). Neurons
    that never fire on the sample are left out, so fewer may come back.
    """
    inputs = scan._inputs["explore"]
    rows = np.sort(rng.choice(len(inputs), size=min(_SAMPLE_TOKENS, len(inputs)), replace=False))
    sample = np.asarray(inputs[rows])

    def rate(neuron: int) -> float:
        values = scan.subject.neuron_values(sample, scan.layer, neuron)
        theta = max(MIN_THETA, THETA_SHARE * float(np.percentile(values, _PERCENTILE)))
        return float((values > theta).mean())

    # This one is left out after the drawing, so that all neurons of the layer draw from the same.
    layer = np.asarray(scan.subject.null_neurons())
    drawn = rng.choice(layer, size=min(N_DRAWN, len(layer)), replace=False)
    drawn = drawn[drawn != index]
    own = np.log(max(rate(index), 1 / len(rows)))
    rates = {int(neuron): rate(int(neuron)) for neuron in drawn}
    firing = [neuron for neuron, value in rates.items() if value > 0]
    return sorted(firing, key=lambda neuron: (abs(np.log(rates[neuron]) - own), neuron))
