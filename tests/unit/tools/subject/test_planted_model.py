"""Planted functions behind the interface of a subject model, and what becomes of functions that fail."""

from __future__ import annotations

import math
import sys
import types

import numpy as np
import pytest

from tools.errors import BadInput
from tools.subject.folder import ModelFolder
from tools.subject.load import open_subject
from tools.subject.planted import N_REAL, PlantedModel, planted_function


def capitals(tokens):
    return [float(token[:1].isupper()) for token in tokens]


def constant(tokens):
    return [0.5] * len(tokens)


class Entry:
    function = staticmethod(capitals)


FAILING = {
    "raises": (lambda tokens: 1 / 0, "raises ZeroDivisionError: division by zero"),
    "short": (lambda tokens: [0.0] * (len(tokens) - 1), r"gives \d+ values for \d+ tokens"),
    "nan": (lambda tokens: [math.nan] * len(tokens), "gives nan at token 0: give finite numbers"),
    "words": (lambda tokens: ["high"] * len(tokens), "gives list instead of a list of numbers"),
    "nothing": (lambda tokens: None, "give"),
    "huge": (lambda tokens: [-2e15] * len(tokens), r"gives -2e\+15 at token 0: give numbers up to 1e\+15"),
    "leaves": (lambda tokens: sys.exit(2), "raises SystemExit: 2"),
    "nested": (lambda tokens: [[1.0]] * len(tokens), r"gives values of shape \(\d+, 1\)"),
}


@pytest.fixture(scope="module", autouse=True)
def module():
    made = types.ModuleType("planted_for_tests")
    made.capitals, made.constant, made.number = capitals, constant, 3
    made.NEURONS = {"listed-one": Entry}
    for name, (function, _) in FAILING.items():
        setattr(made, name, function)
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


@pytest.fixture(scope="module")
def base(save_gpt2, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    save_gpt2(folder, n_embd=32)
    return open_subject(ModelFolder(folder, "tiny"))


@pytest.fixture(scope="module")
def model(base):
    return PlantedModel(base, ["planted_for_tests:capitals", "planted_for_tests:constant"])


def batch(model, texts):
    encoded = model.tokenizer.encode(texts)
    lengths = np.array([len(ids) for ids in encoded])
    tokens = np.zeros((len(texts), lengths.max()), dtype=np.int32)
    for row, ids in enumerate(encoded):
        tokens[row, : len(ids)] = ids
    return tokens, lengths


def test_values_are_those_of_the_functions(model):
    tokens, lengths = batch(model, ["import Os", "x"])
    inputs = model.mlp_input(tokens, lengths, 0)
    strings = model.tokenizer.token_strings()
    read = model.neuron_values(inputs, 0, 0)
    assert read.dtype == np.float32
    assert read[0].tolist() == capitals([strings[t] for t in tokens[0]])
    assert model.neuron_values(inputs, 0, 1)[1].tolist() == [0.5] + [0.0] * (tokens.shape[1] - 1), "0 where padded"


def test_real_neurons_stand_beside_them(model, base):
    assert model.d_mlp == 2 + min(N_REAL, base.d_mlp)
    assert list(model.null_neurons()) == list(range(2, model.d_mlp)), "a planted neuron is nobody's null"
    tokens, lengths = batch(model, ["import os, sys"])
    below = base.mlp_input(tokens, lengths, 0)
    all_real = np.stack([base.neuron_values(below, 0, i) for i in range(base.d_mlp)], -1)
    own = model.neuron_values(model.mlp_input(tokens, lengths, 0), 0, 2)
    assert any(np.array_equal(own, all_real[..., i]) for i in range(base.d_mlp))


def test_the_fingerprint_knows_functions_and_base(model, base):
    again = PlantedModel(base, ["planted_for_tests:capitals", "planted_for_tests:constant"])
    assert model.fingerprint == again.fingerprint != base.fingerprint
    assert PlantedModel(base, ["planted_for_tests:constant"]).fingerprint != model.fingerprint


def test_the_fingerprint_knows_the_source(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "my_planted_source.py"
    source.write_text("def f(tokens):\n    return [0.0 for t in tokens]\n")
    before = PlantedModel(base, ["my_planted_source:f"]).fingerprint
    source.write_text("def f(tokens):\n    return [1.0 for t in tokens]\n")
    assert PlantedModel(base, ["my_planted_source:f"]).fingerprint != before


SOURCES = {
    "plain_pack/__init__.py": "",
    "plain_pack/neurons.py": "from . import words\nimport aside_lone, json, numpy\n\ndef f(tokens):\n"
    "    from aside_pack.deep import late\n    return words.f(tokens)\n",
    "plain_pack/words.py": "def f(tokens):\n    return [0.0 for t in tokens]\n",
    "aside_lone.py": "import aside_next\n",
    "aside_next.py": "import aside_lone\n",
    "aside_pack/__init__.py": "",
    "aside_pack/deep/__init__.py": "",
    "aside_pack/deep/late.py": "from .. import other\n",
    "aside_pack/other.py": "",
    "plain_pack/unfinished.py": "def f(",
    "unrelated.py": "",
}


def test_the_fingerprint_knows_what_is_imported(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, source in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    fingerprint = PlantedModel(base, ["plain_pack.neurons:f"]).fingerprint
    for name in SOURCES:
        (tmp_path / name).write_text(SOURCES[name] + "# changed\n")
        after = PlantedModel(base, ["plain_pack.neurons:f"]).fingerprint
        assert (after == fingerprint) == (name == "unrelated.py"), name
        fingerprint = after
    for name in [name for name in sys.modules if name.startswith(("plain_pack", "aside_"))]:
        del sys.modules[name]


def test_a_neuron_may_be_an_entry_of_a_list():
    assert planted_function("planted_for_tests:listed-one").values(["A"]).tolist() == [1.0]


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_function_is_named_with_the_text(name):
    with pytest.raises(BadInput, match=FAILING[name][1]) as caught:
        planted_function(f"planted_for_tests:{name}").values(["import", " os"])
    assert f"planted_for_tests:{name} on the text 'import os'" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("nowhere_to_be_found:f", "cannot import the planted neuron 'nowhere_to_be_found:f': ModuleNotFoundError"),
        ("planted_for_tests:missing", "the module planted_for_tests has no missing"),
        ("planted_for_tests:number", "is a int: it must be a function"),
        ("capitals", "write it as package.module:function"),
    ],
)
def test_what_cannot_be_imported(entry, message):
    with pytest.raises(BadInput, match=message):
        planted_function(entry)


def test_weights_are_refused_and_text_comes_from_below(model):
    whole = model.interventions()
    with pytest.raises(BadInput, match="cannot be ablated"):
        whole.ablate(np.zeros((1, 2), np.int32), np.array([2]), 0, 0, np.zeros((1, 2), np.float32))
    with pytest.raises(BadInput, match="no output weights"):
        whole.logit_effects(0, 0, 3)
    made = whole.generate(["import"] * 2, 3, 1.0, np.random.default_rng(0))
    assert len(made) == 2
    assert all(text.startswith("import") for text in made)
