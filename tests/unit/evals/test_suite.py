"""Suites: what a file may say, which neurons come of it, and what is said of what cannot be used."""

import hashlib
import json
import pickle
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evals.suite_neurons as neurons_module
from evals.planted.claims import Claim, Planted
from evals.planted.shipped import NEURONS
from evals.suite import load_suite, shipped_suites
from evals.suite_neurons import check_function, expand, hash_order
from tools.errors import BadInput
from tools.records.neuron import NeuronId


def ones(tokens):
    return [1.0] * len(tokens)


def zeros(tokens):
    return [0.0] * len(tokens)


def entry(name, family, noise=0.0, truth=True):
    claim = Claim(f"true of {name}", ones) if truth else None
    false = (Claim(f"false of {name}", zeros),) if truth else ()
    return Planted(name, family, ones, claim, false, "easy", noise)


LIBRARY = {
    made.name: made
    for made in [
        *(entry(f"{family}-{i}", family) for family in ("phrase", "token", "graded") for i in range(3)),
        entry("phrase-noisy", "phrase", 0.5),
        *(entry(f"{shape}-{i}", shape, truth=False) for shape in ("dense", "dead") for i in range(4)),
    ]
}


@pytest.fixture
def library(monkeypatch):
    monkeypatch.setattr(neurons_module, "_library", lambda: LIBRARY)


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text, name="mine.toml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def names(path, *args):
    return [neuron.name for neuron in expand(load_suite(path), *args)]


def refusal(do, *args) -> str:
    with pytest.raises(BadInput) as error:
        do(*args)
    return str(error.value)


def test_what_ships() -> None:
    shipped = {"planted", "planted-noisy", "nothing", "mini-40", "mini-120", "puzzles", "smollm2-60", "smollm2-24"}
    assert set(shipped_suites()) >= shipped
    for name in shipped_suites():
        suite = load_suite(name)
        assert (suite.name, suite.model) == (name, "smollm2" if name.startswith("smollm2") else "mini")
        assert suite.about
        assert suite.ceiling == suite.has_real == name.startswith(("mini", "smollm2"))


def test_defaults_and_paths_from_the_suites_folder(written, tmp_path) -> None:
    suite = load_suite(written("[[sample]]\nneurons = 3\n"))
    assert (suite.model, suite.corpus, suite.corpus_tokens, suite.ceiling, suite.about) == (
        "mini",
        None,
        None,
        True,
        "",
    )
    text = 'model = "gpt2"\ncorpus = "texts"\ncorpus_tokens = 9\nceiling = false\n[[sample]]\nneurons = 3\n'
    suite = load_suite(str(written(text)))
    assert (suite.model, suite.corpus, suite.corpus_tokens) == ("gpt2", str(tmp_path / "texts"), 9)
    assert suite.ceiling is False
    assert load_suite(written('corpus = "hf:a/b"\n[[sample]]\nneurons = 3\n')).corpus == "hf:a/b"


def test_the_hash_is_over_the_file_and_its_puzzles(written) -> None:
    text = '[[puzzles]]\nfile = "p.json"\n'
    puzzles = b'{"a": {"explanation": "x", "sentences": [["a"]], "false_explanations": []}}'
    written(puzzles, "p.json")
    first = load_suite(written(text))
    assert first.sha256 == hashlib.sha256(text.encode() + puzzles).hexdigest()
    written(puzzles.replace(b'"x"', b'"y"'), "p.json")
    assert load_suite(written(text)).sha256 != first.sha256
    assert [neuron.kind for neuron in expand(first)] == ["puzzle"]


@pytest.mark.usefixtures("library")
def test_families_are_dealt_in_turn(written) -> None:
    assert names(written("[[planted]]\nneurons = 5\n")) == ["phrase-0", "token-0", "graded-0", "phrase-1", "token-1"]
    assert names(written("[[planted]]\nfamilies = ['graded', 'phrase']\nnoise = [0.5, 0.0]\n")) == [
        "graded-0", "phrase-0", "graded-1", "phrase-1", "graded-2", "phrase-2", "phrase-noisy",
    ]  # fmt: skip
    assert names(written("[[planted]]\nnoise = [0.5]\n[[nothing]]\nneurons = 3\n")) == [
        "phrase-noisy", "dense-0", "dead-0", "dense-1",
    ]  # fmt: skip
    assert names(written("[[nothing]]\nshapes = ['dead']\nneurons = 2\n")) == ["dead-0", "dead-1"]


@pytest.mark.usefixtures("library")
def test_a_planted_neuron_knows_what_it_means(written) -> None:
    found = expand(load_suite(written("[[planted]]\nneurons = 2\n[[nothing]]\nneurons = 1\n")))
    assert [(n.kind, n.target, n.planted) for n in found] == [
        ("truth", "L0N0", "evals.planted.shipped:phrase-0"),
        ("truth", "L0N1", "evals.planted.shipped:token-0"),
        ("nothing", "L0N2", "evals.planted.shipped:dense-0"),
    ]
    assert (found[0].family, found[0].difficulty, found[0].truth) == ("phrase", "easy", "true of phrase-0")
    assert [claim.sentence for claim in found[0].false] == ["false of phrase-0"]
    assert found[0].claim_functions() == (ones, [zeros])
    assert found[2].claim_functions() == (None, [])
    assert pickle.loads(pickle.dumps(found)) == found


FAMILY = NEURONS["single-the"].family
OWN = """
def found(tokens):
    return [1.0 if t == " cat" else 0.0 for t in tokens]

def clean(tokens):
    return found(tokens)

def other(tokens):
    return [0.5] * len(tokens)
"""


def test_neurons_of_ones_own(written) -> None:
    written(OWN, "own_neurons.py")
    text = """
[[neuron]]
planted = "own_neurons:found"
truth = "cats"
false = ["dogs", {sentence = "always", function = "own_neurons:other"}]
clean = "own_neurons:clean"
family = "animals"
difficulty = "hard"
noise = 0.25
name = "cats"
[[neuron]]
planted = "own_neurons:other"
nothing = true
"""
    cats, other = expand(load_suite(written(text)))
    assert (cats.name, cats.kind, cats.target, cats.family, cats.difficulty, cats.noise) == (
        "cats", "truth", "L0N0", "animals", "hard", 0.25,
    )  # fmt: skip
    clean, false = cats.claim_functions()
    assert clean is not None
    assert clean([" cat", "a"]) == [1.0, 0.0]
    assert false[0] is None
    assert false[1] is not None
    assert (other.name, other.kind, other.target, other.clean) == ("other", "nothing", "L0N1", None)
    assert pickle.loads(pickle.dumps(cats)) == cats


BROKEN = {
    "raises": "return [1 / len(t) for t in tokens] + [1 / 0]",
    "short": "return [1.0] * (len(tokens) - 1)",
    "long": "return [1.0] * 3",
    "nan": "return [float('nan')] * len(tokens)",
    "infinite": "return [float('inf')] * len(tokens)",
    "words": "return ['x' for _ in tokens]",
    "nothing": "return None",
    "scalar": "return 1.0",
    "peeks": "return [float(i + 1 < len(tokens)) for i in range(len(tokens))]",
    "counts": "peeks.calls = getattr(peeks, 'calls', 0) + 1; return [float(peeks.calls)] * len(tokens)",
    "leaves": "raise SystemExit(0)",
    "huge": "return [1e16] * len(tokens)",
    "fickle": "import random; return [random.random() for _ in tokens]",
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "raises ZeroDivisionError: division by zero."),
        ("short", "gives 0 values for 1 tokens"),
        ("long", "gives 3 values for 0 tokens"),
        ("nan", "gives nan at token 0: give finite numbers."),
        ("infinite", "gives inf at token 0: give finite numbers."),
        ("words", "instead of a list of numbers"),
        ("nothing", "on the text ''"),
        ("scalar", "on the text ''"),
        ("fickle", "does not give the same values twice on the text 'a'"),
        ("peeks", "gives another value at token 0 of the text 'The cat sat on the mat.\\n' when the text ends there"),
        ("counts", "does not give the same values twice on the text 'a'"),
        ("leaves", "raises SystemExit: 0."),
        ("huge", "gives 1e+16 at token 0: give numbers up to 1e+15."),
        ("missing", "the module broken_neurons has no missing."),
    ],
)
def test_functions_that_cannot_be_used(written, name, said) -> None:
    written("\n".join(f"def {key}(tokens):\n    {body}\n" for key, body in BROKEN.items()), "broken_neurons.py")
    path = written(f'[[neuron]]\nplanted = "broken_neurons:{name}"\ntruth = "x"\n')
    message = refusal(expand, load_suite(path))
    assert said in message
    assert f"broken_neurons:{name}" in message


@pytest.mark.parametrize("given", ["no_such_module_here:f", "f", "os:sep"])
def test_functions_that_are_none(given) -> None:
    assert given in refusal(check_function, given)


def test_a_module_that_leaves_while_it_is_imported(written) -> None:
    written("import sys\nsys.exit(0)\n", "leaving_neurons.py")
    path = written('[[neuron]]\nplanted = "leaving_neurons:f"\ntruth = "x"\n')
    assert "cannot import the planted neuron 'leaving_neurons:f': SystemExit" in refusal(expand, load_suite(path))


def test_the_librarys_function_with_ones_own_sentences(written) -> None:
    written(OWN, "own_neurons_3.py")
    text = """
[[neuron]]
planted = "evals.planted.shipped:single-the"
truth = "the"
false = [{sentence = "always", function = "own_neurons_3:other"}, "dogs"]
"""
    (found,) = expand(load_suite(written(text)))
    clean, false = found.claim_functions()
    assert clean([" the"])[0] > 0
    assert [function and list(function(["a"])) for function in false] == [[0.5], None]


def test_noise_levels_of_one_truth_are_one_cluster(written) -> None:
    text = "[[planted]]\nfamilies = ['token']\nnoise = [0.0, 0.1, 0.5]\n"
    found = expand(load_suite(written(text.replace("token", FAMILY))))
    records = [neuron.record() for neuron in found]
    assert len({record.cluster for record in records}) == len(records) / 3
    assert all(record.name.split("+")[0] == record.cluster for record in records)
    written(OWN, "own_neurons_4.py")
    (own,) = expand(load_suite(written('[[neuron]]\nplanted = "own_neurons_4:found"\ntruth = "x"\n')))
    assert own.record().cluster == "found"


def test_false_and_clean_functions_are_tried_too(written) -> None:
    written(OWN + "\ndef short(tokens):\n    return []\n", "own_neurons_2.py")
    for extra in ('clean = "own_neurons_2:short"', 'false = [{sentence = "x", function = "own_neurons_2:short"}]'):
        path = written(f'[[neuron]]\nplanted = "own_neurons_2:found"\ntruth = "x"\n{extra}\n')
        assert "own_neurons_2:short" in refusal(expand, load_suite(path))


def test_hash_order_is_by_sha256_of_layer_and_index() -> None:
    order = hash_order(3, 50)
    assert len(set(order)) == 150
    digests = [hashlib.sha256(f"{n.layer}:{n.index}".encode()).hexdigest() for n in order]
    assert digests == sorted(digests)


def test_samples_are_the_first_that_fire(written) -> None:
    def fires(neuron):
        return neuron.index % 2 == 0

    expected = [str(n) for n in hash_order(4, 20) if fires(n)]
    found = expand(load_suite(written("[[sample]]\nneurons = 6\n")), (4, 20), fires)
    assert [n.target for n in found] == expected[:6]
    assert {(n.kind, n.planted) for n in found} == {("real", None)}
    each = names(written("[[sample]]\nneurons = 8\nper_layer = true\n"), (4, 20), fires)
    assert each == [n for layer in range(4) for n in [n for n in expected if n.startswith(f"L{layer}N")][:2]]
    two = names(written("[[sample]]\nneurons = 5\nlayers = [1, 3]\n"), (4, 20), fires)
    assert two == [n for n in expected if n[1] in "13"][:5]


def test_no_more_neurons_are_asked_than_needed(written) -> None:
    asked = []

    def fires(neuron):
        asked.append(neuron)
        return True

    names(written("[[sample]]\nneurons = 3\n"), (6, 100), fires)
    assert asked == hash_order(6, 100)[:3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[sample]]\nneurons = 41\n", "asks for 41 firing neurons, and mini has 40 on this text in layers 0, 1, 2, 3"),
        ("[[sample]]\nneurons = 6\nper_layer = true\n", "cannot deal 6 neurons evenly to 4 layers."),
        ("[[sample]]\nneurons = 6\nlayers = [4]\n", "samples layer 4: those of mini are 0-3."),
        ('[[neuron]]\ntarget = "L4N0"\n', "names L4N0, and mini has 4 layers of 20 neurons."),
        ('[[neuron]]\ntarget = "L0N20"\n', "names L0N20, and mini has 4 layers of 20 neurons."),
        ('[[neuron]]\ntarget = "gpt2/L0N2"\n', "is mini, but its target gpt2/L0N2 names another."),
        ('[[neuron]]\ntarget = "five"\n', "cannot read the target 'five'"),
        ('[[neuron]]\ntarget = "L1N2"\n[[neuron]]\ntarget = "1/2"\n', "has L1N2 2 times: every name must be unique."),
        ('[[planted]]\nfamilies = ["phrases"]\n', "asks for the family 'phrases' (did you mean phrase?): there is phr"),
        ('[[nothing]]\nshapes = ["spiky"]\n', "asks for the shape 'spiky': there is dense, dead."),
        ("[[planted]]\nnoise = [0.1]\n", "asks for noise 0.1: there is 0.0, 0.5."),
        ("[[planted]]\n[[planted]]\n", "has phrase-0 2 times: every name must be unique."),
    ],
)
@pytest.mark.usefixtures("library")
def test_neurons_that_there_are_not(written, text, said) -> None:
    suite = load_suite(written(text))
    assert said in refusal(expand, suite, (4, 20), lambda neuron: neuron.index % 2 == 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", " names no neurons: give it [[planted]], "),
        ("modle = 'mini'\n", " has an unknown key modle (did you mean model?): allowed are about, model, "),
        ("[[plantet]]\n", " has an unknown key plantet (did you mean planted?)"),
        ("[[planted]]\n[[planted]]\nfamilie = ['a']\n",
         ", [[planted]] number 2 has an unknown key familie (did you mean families?): allowed are families, noise, ne"),
        ("[[neuron]]\ntarget = 'L0N0'\ncolour = 1\n", ", [[neuron]] number 1 has an unknown key colour: allowed"),
        ("[[neuron]]\nplanted = 'a:b'\ntruth = 'x'\nfalse = [{sentense = 'x'}]\n", " lacks the key sentence."),
        ("[[neuron]]\nplanted = 'a:b'\ntruth = 'x'\nfalse = [{sentence = 'x', func = 'y'}]\n",
         " has an unknown key func (did you mean function?): allowed are sentence, function."),
        ("[[neuron]]\nplanted = 'a:b'\n", "[[neuron]] number 1: a planted neuron needs its truth, or nothing = true."),
        ("[[neuron]]\nplanted = 'a:b'\ntruth = 'x'\nnoise = 0.3\n",
         "[[neuron]] number 1: a planted neuron with noise needs clean, its function without the noise."),
        ("[[neuron]]\n", "[[neuron]] number 1: give either planted or target."),
        ("[[neuron]]\nplanted = 'a:b'\ntarget = 'L0N0'\n", "[[neuron]] number 1: give either planted or target."),
        ("[[neuron]]\ntarget = 'L0N0'\ntruth = 'x'\n", "a real neuron is known by its target alone: leave out truth."),
        ("[[neuron]]\nplanted = 'a:b'\nnothing = true\ntruth = 'x'\n", "a neuron with nothing to find has no truth"),
        ("[[neuron]]\nplanted = 'a:b'\ntruth = 'x'\nname = 'a/b'\n", "[[neuron]] number 1: name cannot be 'a/b': "),
        ("[[neuron]]\nplanted = 'a:b'\ntruth = 'x'\ndifficulty = 'mean'\n", "difficulty cannot be 'mean': input"),
        ("[[sample]]\n", "[[sample]] number 1 lacks the key neurons."),
        ("[[sample]]\nneurons = 0\n", "[[sample]] number 1: neurons cannot be 0: input should be greater than or eq"),
        ("[[sample]]\nneurons = '3'\n", "[[sample]] number 1: neurons cannot be '3': input should be a valid integer."),
        ("[sample]\nneurons = 3\n", ": sample cannot be {'neurons': 3}: input should be a valid list."),
        ("corpus_tokens = 0\n", ": corpus_tokens cannot be 0: "),
        ("[[planted]]\nnoise = [nan]\n", "cannot be nan: "),
        ("[[puzzles]]\nfile = 'none.json'\n", "none.json: No such file or directory."),
        ("[[puzzles]\n", " is not TOML: "),
        (b"\xff", " is not UTF-8 text: "),
    ],
)  # fmt: skip
def test_refusals_name_file_place_and_key(written, text, said) -> None:
    path = written(text)
    message = refusal(load_suite, path)
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("given", ["plantet", "nowhere/planted.toml", "", "."])
def test_no_such_suite(given) -> None:
    message = refusal(load_suite, given)
    assert message.startswith(f"there is no suite {given!r}")
    assert ("did you mean planted?" in message) == (given == "plantet")


def test_a_suite_whose_name_no_folder_can_have(written) -> None:
    assert "use letters, digits" in refusal(load_suite, written("[[nothing]]\n", "my suite.toml"))


def test_puzzles_that_are_broken_name_their_file(written) -> None:
    written(json.dumps([]), "p.json")
    assert refusal(load_suite, written("[[puzzles]]\nfile = 'p.json'\n")).startswith("p.json contains a list")


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 30), st.sets(st.integers(0, 179), max_size=120))
def test_a_sample_is_a_prefix_of_a_larger_one(n_layers, width, silent) -> None:
    from evals.suite_neurons import _first_firing

    suite, shape = load_suite("mini-40"), (n_layers, width)

    def fires(neuron: NeuronId) -> bool:
        return neuron.layer * width + neuron.index not in silent

    n = sum(fires(neuron) for neuron in hash_order(*shape))
    layers = range(n_layers)
    whole = [neuron.target for neuron in _first_firing(suite, shape, layers, n, fires)]
    assert len(set(whole)) == n
    half = [neuron.target for neuron in _first_firing(suite, shape, layers, n // 2, fires)]
    assert half == whole[: n // 2]
