"""What only a gated neuron has: another side of zero, and a value at rest that it may hardly ever leave."""

from __future__ import annotations

import numpy as np

from tools.evidence.neurons.neuron import MIN_THETA, NeuronEvidence, threshold
from tools.evidence.neurons.same_layer import explore_activations
from tools.evidence.neurons.scan import LayerScan
from tools.records.gated import AlwaysOn, OtherSide
from tools.records.neuron import NeuronId
from tools.subject.views import ModelView

ALWAYS_ON_SHARE = 0.95
ON_AT = 0.3
"""A neuron counts as always on when so much of explore text is above so much of its median value."""

_N_TOKENS = 6
_MIN_COUNT = 2


def always_on(evidence: NeuronEvidence) -> AlwaysOn | None:
    """Whether a neuron stays near one value on nearly all text, so that only departures from it tell something.

    Not by its theta, which hangs on its very largest values: one that is on everywhere may burst on a few tokens.
    """
    explore = evidence.explore.take(evidence.explore.drawn)
    values = explore.values[explore.excerpts.mask]
    rest = float(np.median(values))
    share = float((values > ON_AT * rest).mean())
    if rest < MIN_THETA or share < ALWAYS_ON_SHARE:
        return None
    return AlwaysOn(share=round(share, 6), above=round(ON_AT * rest, 6), rest=round(rest, 6))


def silences(view: ModelView, neuron: NeuronId, found: AlwaysOn) -> ModelView:
    """The model as it is asked where a neuron that is always on goes silent; `view` asks about its side."""
    return ModelView(view.base, neuron.is_negative, (neuron, found.rest))


def other_side(scan: LayerScan, view: ModelView, neuron: NeuronId, strings: list[str]) -> OtherSide:
    """What the other side of a gated neuron does on explore text.

    Args:
        scan: its layer.
        view: the model as it is asked about this side.
        neuron: this side.
        strings: of the model's tokens.
    """
    other = neuron.other_side()
    asked = scan.viewed_as(ModelView(view.base, other.is_negative))
    explore = explore_activations(asked, neuron.index)
    mask = explore.excerpts.mask
    values, tokens = explore.values[mask], explore.excerpts.tokens[mask]
    theta = threshold(values)
    fires = values > theta
    counts = np.bincount(tokens[fires], minlength=len(strings))
    sums = np.bincount(tokens[fires], weights=values[fires], minlength=len(strings))
    sums[counts < min(_MIN_COUNT, int(counts.max(initial=0)))] = 0
    order = np.argsort(-sums, kind="stable")[:_N_TOKENS]
    return OtherSide(
        neuron=str(other),
        theta=round(theta, 6),
        firing_rate=round(float(fires.mean()), 8),
        peak=round(float(values.max(initial=0)), 6),
        tokens=[strings[token] for token in order if sums[token] > 0],
    )
