"""A gated neuron's two sides, and a neuron that is always on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tools.errors import BadInput
from tools.evidence.gated import always_on, other_side, silences
from tools.records.neuron import NeuronId, parse_target
from tools.subject.sides import ModelView, side_of


class Gated:
    """Neuron i is dimension i of its input; its output weights are its index."""

    name, fingerprint, n_layers, d_mlp, d_model, n_ctx, is_gated = "gated", "g" * 64, 1, 4, 4, 63, True

    def neuron_values(self, mlp_input, layer, index):
        return mlp_input[..., index]

    def interventions(self):
        return self

    def ablate(self, tokens, lengths, layer, index, replacement):
        return replacement

    def ablate_last(self, tokens, lengths, layer, indices, values, watched):
        return values

    def output_weights(self, layer, index):
        return np.array([1.0, -2.0, 3.0], dtype=np.float32)

    def logit_effects(self, layer, index, k):
        return [("c", 3.0), ("a", 1.0)], [("b", -2.0)]


INPUTS = np.array([[[1.0, -2, 3, 0], [0, 0, 0, 0]]], dtype=np.float32)


def test_targets_name_a_side():
    assert parse_target("smollm2/L8N321-") == ("smollm2", NeuronId(8, 321, is_negative=True))
    assert parse_target("8/321-")[1] == NeuronId(8, 321, is_negative=True)
    assert str(NeuronId(8, 321, is_negative=True)) == "L8N321-"
    assert NeuronId(8, 321).other_side().other_side() == NeuronId(8, 321)
    with pytest.raises(BadInput):
        parse_target("L8N321--")


def test_the_negative_side_is_the_same_model_with_its_values_turned():
    view = side_of(Gated(), NeuronId(0, 1, is_negative=True))
    assert view.fingerprint == "g" * 64
    np.testing.assert_array_equal(view.neuron_values(INPUTS, 0, 1), [[2, 0]])
    np.testing.assert_array_equal(view.ablate(None, None, 0, 1, np.array([5.0])), [-5])
    np.testing.assert_array_equal(view.ablate_last(None, None, 0, np.array([1]), np.array([5.0]), None), [-5])
    np.testing.assert_array_equal(view.output_weights(0, 1), [-1, 2, -3])
    assert view.logit_effects(0, 1, 2) == ([("b", 2.0)], [("c", -3.0), ("a", -1.0)])


def test_a_model_without_gates_has_no_negative_side():
    plain = Gated()
    plain.is_gated = False
    assert side_of(plain, NeuronId(0, 1)) is plain
    with pytest.raises(BadInput, match=r"have no negative side.*ask for L0N1"):
        side_of(plain, NeuronId(0, 1, is_negative=True))


@pytest.mark.parametrize("negative", [False, True])
def test_of_a_neuron_that_is_always_on_silence_is_what_fires(negative):
    neuron = NeuronId(0, 2, is_negative=negative)
    sign = -1 if negative else 1
    found = SimpleNamespace(rest=5.0)
    view = silences(side_of(Gated(), neuron), neuron, found)
    told = view.neuron_values(sign * INPUTS, 0, 2)
    np.testing.assert_array_equal(told, [[2, 0]])  # rest 5, value 3; padding stays 0
    # what is told goes back to the raw value that it was
    np.testing.assert_array_equal(view.ablate(None, None, 0, 2, told[0, :1]), [sign * 3])
    np.testing.assert_array_equal(view.output_weights(0, 2), -sign * np.array([1, -2, 3]))
    # every other neuron of the layer is told as before
    np.testing.assert_array_equal(view.neuron_values(INPUTS, 0, 1), sign * INPUTS[..., 1])


def evidence(values, tokens, on=None, theta=0.5):
    values, tokens = np.array([values], dtype=np.float32), np.array([tokens], dtype=np.int32)
    explore = SimpleNamespace(values=values, excerpts=SimpleNamespace(tokens=tokens, mask=tokens >= 0), drawn=[0])
    explore.take = lambda rows: explore
    return SimpleNamespace(explore=explore, theta=theta, neuron=NeuronId(0, 0), always_on=on)


def test_the_other_side_is_told_with_its_tokens():
    found = other_side(evidence([1, -2, -2, 0.2, -1, -1, 9], [0, 1, 1, 2, 0, 0, -1]), ["a", " b\n", "c"])
    assert found.neuron == "L0N0-"
    assert found.peak == 2
    assert found.firing_rate == pytest.approx(4 / 6)
    assert found.tokens == [" b\n", "a"]
    assert "L0N0-, goes beyond 0.6 on 66.67% of tokens, up to 2, most on `␣b\\n`, `a`" in found.line()
    assert "never fires" in other_side(evidence([1, 2], [0, 1]), ["a", "b"]).line()


def test_what_is_always_on():
    on = always_on(evidence([3, 3, 4, 3, 3, 3, 3, 3, 0, 3], range(10)))
    assert (on.share, on.rest) == (0.9, 3)
    assert always_on(evidence([3, 0, 4, 0, 3], range(5))) is None
    # of the raw value the other side is told, not of how far it fell below its rest
    turned = other_side(evidence([0, 0, 5, 0], [0, 0, 1, 1], on=on), ["a", "b"])
    assert turned.peak == 2


def test_a_view_of_a_view_is_of_the_model():
    base = Gated()
    neuron = NeuronId(0, 1, is_negative=True)
    assert silences(side_of(base, neuron), neuron, SimpleNamespace(rest=1.0)).base is base
    assert isinstance(side_of(base, neuron), ModelView)
