"""A gated neuron's two sides, and a neuron that is always on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tools.errors import BadInput
from tools.evidence.neurons import gated
from tools.evidence.neurons.gated import always_on, silences
from tools.records.gated import AlwaysOn, full_explanation, side_lines
from tools.records.neuron import NeuronId, parse_target
from tools.subject.views import ModelView, side_of


class Gated:
    """Neuron i is dimension i of its input; its output weights are its index."""

    name, fingerprint, n_layers, d_mlp, d_model, n_ctx, is_gated = "gated", "g" * 64, 1, 4, 4, 63, True

    def mlp_input(self, tokens, lengths, layer):
        return INPUTS

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
    np.testing.assert_array_equal(view.neuron_values(INPUTS, 0, 2), [[0, 0]])  # that is above zero
    np.testing.assert_array_equal(view.signed_values(INPUTS, 0, 2), [[-3, 0]])
    np.testing.assert_array_equal(view.ablate(None, None, 0, 1, np.array([[5.0, 0]])), [[-5, 0]])
    # of a value on the other side nothing is replaced
    np.testing.assert_array_equal(view.ablate(None, None, 0, 2, np.array([[5.0, 0]])), [[-2, 0]])
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
    np.testing.assert_array_equal(view.neuron_values(sign * 3 * INPUTS, 0, 2), [[0, 0]])  # more than at rest
    np.testing.assert_array_equal(view.output_weights(0, 2), -sign * np.array([1, -2, 3]))
    # what is told goes back to the raw value that it was
    np.testing.assert_array_equal(view.ablate_last(None, None, 0, np.array([2]), told[0, :1], None), [sign * 3])
    # every other neuron of the layer is told as before
    np.testing.assert_array_equal(view.neuron_values(INPUTS, 0, 1), np.maximum(sign * INPUTS[..., 1], 0))


class Scan:
    """One excerpt of tokens and raw values of neuron 0."""

    def __init__(self, values, tokens):
        self.values = np.array([values], dtype=np.float32)
        self.excerpts = SimpleNamespace(tokens=np.array([tokens], dtype=np.int32))
        self.excerpts.mask = self.excerpts.tokens >= 0

    def viewed_as(self, view):
        told = np.maximum(-self.values if view.is_negative else self.values, 0)
        return SimpleNamespace(values=told, excerpts=self.excerpts)


def turned(values, tokens, strings, monkeypatch, is_negative=False):
    neuron = NeuronId(0, 0, is_negative)
    monkeypatch.setattr(gated, "explore_activations", lambda asked, index: asked)
    return gated.other_side(Scan(values, tokens), side_of(Gated(), neuron), neuron, strings)


def test_the_other_side_is_told_with_its_tokens(monkeypatch):
    found = turned([1, -2, -2, 0.2, -1, -1, 9], [0, 1, 1, 2, 0, 0, -1], ["a", " b\n", "c"], monkeypatch)
    assert found.neuron == "L0N0-"
    assert found.peak == 2
    assert found.firing_rate == pytest.approx(4 / 6)
    assert found.tokens == [" b\n", "a"]
    assert "L0N0-, goes beyond 0.6 on 66.67% of tokens, up to 2, most on `␣b\\n`, `a`" in found.line()
    assert "never fires" in turned([1, 2], [0, 1], ["a", "b"], monkeypatch).line()


def test_the_other_side_of_the_negative_is_the_positive(monkeypatch):
    found = turned([3, -9, 0, 0], [0, 1, 1, 1], ["a", "b"], monkeypatch, is_negative=True)
    assert (found.neuron, found.peak, found.tokens) == ("L0N0", 3, ["a"])


def test_what_is_always_on():
    def evidence(values):
        scan = Scan(values, range(len(values)))
        explore = SimpleNamespace(values=scan.values, excerpts=scan.excerpts, drawn=[0])
        explore.take = lambda rows: explore
        return SimpleNamespace(explore=explore, theta=0.5)

    on = always_on(evidence([*[3] * 38, 200, 0]))  # a burst changes nothing
    assert (on.share, on.rest, on.above) == (0.975, 3, pytest.approx(0.9))
    assert always_on(evidence([3, 0, 4, 0, 3])) is None
    assert always_on(evidence([0.05] * 40)) is None


def test_a_gated_model_is_asked_about_one_side():
    view = side_of(Gated(), NeuronId(0, 1))
    assert isinstance(view, ModelView)
    np.testing.assert_array_equal(view.neuron_values(INPUTS, 0, 1), [[0, 0]])
    np.testing.assert_array_equal(view.neuron_values(INPUTS, 0, 2), [[3, 0]])


def test_an_explanation_of_silences_is_told_as_that():
    assert full_explanation("Fires on `a` (10).", True) == "Always on, except that it goes silent on `a` (10)."
    assert full_explanation("It fires on names.", True) == "Always on, except that it goes silent: It fires on names."
    assert full_explanation("Fires on `a` (10).", False) == "Fires on `a` (10)."
    (line,) = side_lines("L0N1", AlwaysOn(share=0.99, above=1, rest=3), None)
    assert line.startswith("L0N1 is always on: above 1 on 99.0% of tokens, 3 at rest.")
