"""OpenAI's neuron-explainer records: what is written, what is read, and what is said of a damaged file."""

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import BadInput
from tools.formats.files import from_json, read_neuron_record, read_simulation_results, to_line
from tools.formats.neuron_explainer import (
    ActivationRecord,
    NeuronId,
    NeuronRecord,
    NeuronSimulationResults,
    Record,
    ScoredExplanation,
    ScoredSequenceSimulation,
    ScoredSimulation,
    SequenceSimulation,
)
from tools.formats.published import PublishedNeuron, read_published

HOSTILE = ["=cmd|' /C calc'!A0", "\u202eabc", "\x00\x1b[2J", "</script>", '"\\', "\n\r\u2028", "🧠", ""]
FIELDS = {
    "ActivationRecord": {"tokens", "activations"},
    "NeuronId": {"layer_index", "neuron_index"},
    "NeuronRecord": {
        "neuron_id", "random_sample", "random_sample_by_quantile", "quantile_boundaries", "mean", "variance",
        "skewness", "kurtosis", "most_positive_activation_records",
    },
    "SequenceSimulation": {
        "tokens", "expected_activations", "activation_scale", "distribution_values", "distribution_probabilities",
        "uncalibrated_simulation",
    },
    "ScoredSequenceSimulation": {
        "simulation", "true_activations", "ev_correlation_score", "rsquared_score", "absolute_dev_explained_score",
    },
    "ScoredSimulation": {
        "scored_sequence_simulations", "ev_correlation_score", "rsquared_score", "absolute_dev_explained_score",
    },
    "ScoredExplanation": {"explanation", "scored_simulation"},
    "NeuronSimulationResults": {"neuron_id", "scored_explanations"},
}  # fmt: skip
"""interop.md, section 1."""


def simulation(tokens: list[str], **changes: Any) -> dict[str, Any]:
    n = len(tokens)
    return {
        "tokens": tokens,
        "expected_activations": [1.5] * n,
        "activation_scale": "simulated_normalized_activations",
        "distribution_values": [[0.0, 3.0]] * n,
        "distribution_probabilities": [[0.5, 0.5]] * n,
        **changes,
    }


def results(layer: int, index: int, *explained: tuple[str, float | None], **changes: Any) -> dict[str, Any]:
    tokens = ["a", " b"]
    sequence = {"simulation": simulation(tokens), "true_activations": [0.1, -0.1], "ev_correlation_score": None}
    return {
        "dataclass_name": "NeuronSimulationResults",
        "neuron_id": {"layer_index": layer, "neuron_index": index},
        "scored_explanations": [
            {
                "explanation": text,
                "scored_simulation": {"scored_sequence_simulations": [sequence], "ev_correlation_score": score},
            }
            for text, score in explained
        ],
        **changes,
    }


def put(folder: Path, layer: int, index: int, content: str | dict[str, Any]) -> Path:
    path = folder / "explanations" / str(layer) / f"{index}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def objects(value: Any) -> list[dict[str, Any]]:
    """All objects in a JSON value."""
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in objects(item))]
    return [found for item in value for found in objects(item)] if isinstance(value, list) else []


def one_of_each() -> tuple[NeuronRecord, NeuronSimulationResults]:
    record = ActivationRecord(tokens=("a", "b"), activations=(0.5, None))
    neuron = NeuronId(layer_index=1, neuron_index=2)
    raw = SequenceSimulation.model_validate(simulation(["a", "b"]))
    calibrated = raw.model_copy(
        update={
            "activation_scale": "neuron_activations",
            "uncalibrated_simulation": raw,
            "distribution_values": ((), ()),
            "distribution_probabilities": ((), ()),
        }
    )
    scored = ScoredSequenceSimulation(simulation=calibrated, true_activations=(0.5, 0.25))
    explanation = ScoredExplanation(
        explanation="words",
        scored_simulation=ScoredSimulation(scored_sequence_simulations=(scored,), ev_correlation_score=0.5),
    )
    return (
        NeuronRecord(neuron_id=neuron, random_sample=(record,), random_sample_by_quantile=((record,), ())),
        NeuronSimulationResults(neuron_id=neuron, scored_explanations=(explanation,)),
    )


def test_every_object_carries_its_name_and_the_fields_of_the_format_alone() -> None:
    seen = set()
    for record in one_of_each():
        for found in objects(json.loads(to_line(record))):
            name = found.pop("dataclass_name")
            assert set(found) == FIELDS[name]
            seen.add(name)
    assert seen == set(FIELDS)


def test_what_is_not_of_the_format_is_read_over_and_never_written() -> None:
    plain = results(1, 2, ("words", 0.5), run_id="mine", scored_at={"dataclass_name": "Clock", "x": 1})
    read = from_json(NeuronSimulationResults, json.dumps(plain).encode(), Path("f"))
    assert "run_id" not in to_line(read).decode()
    assert "Clock" not in to_line(read).decode()
    made = NeuronId(layer_index=1, neuron_index=2, run_id="mine")  # type: ignore[call-arg]
    assert json.loads(to_line(made)) == {"dataclass_name": "NeuronId", "layer_index": 1, "neuron_index": 2}


texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"])))
values = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(st.tuples(texts, values)), texts, values)
def test_what_is_written_is_what_is_read(
    tokens: list[tuple[str, float | None]], words: str, score: float | None
) -> None:
    strings, numbers = tuple(t for t, _ in tokens), tuple(v for _, v in tokens)
    known = SequenceSimulation(
        tokens=strings,
        expected_activations=numbers,
        activation_scale="neuron_activations",
        distribution_values=(),
        distribution_probabilities=(),
    )
    sequence = ScoredSequenceSimulation(simulation=known, true_activations=numbers, rsquared_score=score)
    explained = ScoredExplanation(
        explanation=words, scored_simulation=ScoredSimulation(scored_sequence_simulations=(sequence,))
    )
    record = NeuronSimulationResults(
        neuron_id=NeuronId(layer_index=0, neuron_index=0), scored_explanations=(explained,)
    )
    line = to_line(record)
    assert b"\n" not in line
    json.loads(line, parse_constant=pytest.fail)
    assert from_json(NeuronSimulationResults, line, Path("f")) == record


def test_a_number_that_is_missing_is_none_both_ways() -> None:
    data = b'{"neuron_id": {"layer_index": 0, "neuron_index": 1}, "mean": NaN, "variance": null, "kurtosis": 3}'
    record = from_json(NeuronRecord, data, Path("f"))
    assert (record.mean, record.variance, record.kurtosis) == (None, None, 3.0)
    written = json.loads(to_line(record), parse_constant=pytest.fail)
    assert (written["mean"], written["variance"], written["kurtosis"]) == (None, None, 3.0)
    with pytest.raises(ValueError, match="finite"):
        NeuronRecord(neuron_id=NeuronId(layer_index=0, neuron_index=1), mean=float("nan"))
    with pytest.raises(ValueError, match="finite"):
        ActivationRecord(tokens=("a",), activations=(float("inf"),))


def test_an_old_file_without_names_and_optional_fields_is_read() -> None:
    record = from_json(NeuronRecord, b'{"neuron_id": {"layer_index": 0, "neuron_index": 1}}', Path("f"))
    assert record.random_sample == record.most_positive_activation_records == ()
    assert record.random_sample_by_quantile is None
    old = results(0, 1, ("words", None))
    del old["dataclass_name"]
    del old["scored_explanations"][0]["scored_simulation"]["ev_correlation_score"]
    read = from_json(NeuronSimulationResults, json.dumps(old).encode(), Path("f"))
    assert read.scored_explanations[0].scored_simulation.ev_correlation_score is None


def test_the_later_spelling_is_read_and_the_earlier_one_written() -> None:
    later = json.dumps(results(0, 1, ("words", 0.5))).replace('"simulation"', '"sequence_simulation"').encode()
    read = from_json(NeuronSimulationResults, later, Path("f"))
    assert read == from_json(NeuronSimulationResults, json.dumps(results(0, 1, ("words", 0.5))).encode(), Path("f"))
    assert b'"simulation"' in to_line(read)
    assert b'sequence_simulation"' not in to_line(read)
    both = {"simulation": simulation([]), "sequence_simulation": simulation([]), "true_activations": []}
    with pytest.raises(BadInput, match="only one belongs here"):
        from_json(ScoredSequenceSimulation, json.dumps(both).encode(), Path("f"))


RECORD = {"tokens": ["a", "b"], "activations": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (ActivationRecord, b"", "line 1, character 1"),
        (ActivationRecord, b'{"tokens": ["a"],\n "activations": [1.0', "line 2, character"),
        (ActivationRecord, b"\xff\xfe\xfa", "UTF-8|utf-16"),
        (ActivationRecord, b"[" * 100_000, "nested too deeply"),
        (ActivationRecord, b"[]", "ActivationRecord: "),
        (ActivationRecord, RECORD | {"tokens": ["a"]}, "there are 1 tokens and 2 activations"),
        (ActivationRecord, RECORD | {"tokens": ["a", 3]}, r"tokens\.1: .*string"),
        (ActivationRecord, RECORD | {"tokens": "ab"}, "tokens: "),
        (ActivationRecord, RECORD | {"activations": [1.0, "2"]}, r"activations\.1: .*number"),
        (ActivationRecord, RECORD | {"activations": [1.0, True]}, r"activations\.1: .*number"),
        (ActivationRecord, b'{"tokens": ["a"], "activations": [Infinity]}', "Infinity is no number"),
        (ActivationRecord, b'{"tokens": ["a"], "activations": [-1e999]}', "-1e999 is no number"),
        (ActivationRecord, b'{"tokens": ["a"], "activations": [' + b"9" * 400 + b"]}", r"activations\.0"),
        (ActivationRecord, b'{"tokens": ["a"], "activations": [' + b"9" * 5000 + b"]}", "4300 digits"),
        (ActivationRecord, b'{"tokens": ["\\ud83d"], "activations": [1.0]}', r"tokens\.0: .*half of a pair"),
        (ActivationRecord, RECORD | {"dataclass_name": "NeuronId"}, "'NeuronId', and ActivationRecord belongs here"),
        (NeuronId, {"layer_index": -1, "neuron_index": 0}, "layer_index: .*greater than or equal to 0"),
        (NeuronId, {"layer_index": 1.5, "neuron_index": 0}, "layer_index: .*integer"),
        (NeuronId, {"layer_index": 1}, "neuron_index: Field required"),
        (SequenceSimulation, simulation(["a"], activation_scale="volts"), "activation_scale: "),
        (SequenceSimulation, simulation(["a"], distribution_values=[]), "1 tokens and 0 distribution_values"),
        (SequenceSimulation, simulation(["a"], distribution_values=[[1.0]]), "1 values and 2 probabilities"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_said_to_be_one_with_the_place(kind: type[Record], data: Any, said: str) -> None:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(BadInput, match=rf"the/file\.json is damaged \(.*({said}).*\): fetch it again") as caught:
        from_json(kind, raw, Path("the/file.json"))
    assert len(str(caught.value)) < 250


def test_a_file_of_explanations_has_exactly_one_line(tmp_path: Path) -> None:
    line = json.dumps(results(0, 1, ("words", 0.5)))
    path = put(tmp_path, 0, 1, line + "\n\n")
    assert read_simulation_results(path).neuron_id.neuron_index == 1
    for content, n in ((line + "\n" + line, 2), ("\n", 0)):
        with pytest.raises(BadInput, match=rf"1\.jsonl has {n} lines"):
            read_simulation_results(put(tmp_path, 0, 1, content))
    with pytest.raises(BadInput, match=r"cannot read .*none.json: No such file"):
        read_neuron_record(tmp_path / "none.json")


@pytest.mark.parametrize("root", [".", "data", "gpt2_small_data"])
def test_a_folder_is_read_in_the_order_of_numbers_and_past_bad_files(tmp_path: Path, root: str) -> None:
    folder = tmp_path / root
    put(folder, 10, 2, results(10, 2, ("ten", 0.1)))
    put(folder, 9, 30, results(9, 30, ("low", -0.5), ("none", None), ("best", 0.4), ("as good", 0.4)))
    put(folder, 9, 4, "{")
    put(folder, 9, 5, results(9, 6, ("of another", 0.1)))
    put(folder, 9, 7, results(9, 7))
    put(folder, 9, 8, results(9, 8, ("   ", 0.9), ("unscored", None)))
    (folder / "explanations" / "9" / "notes.jsonl").write_text("not a number")
    (folder / "explanations" / "9" / "007.jsonl").write_text("not how a number is written")
    (folder / "explanations" / "9" / "3.json").write_text("another ending")
    (folder / "explanations" / "8").write_text("a file where a layer should be")
    (folder / "explanations" / "index").mkdir()
    found = list(read_published(tmp_path))
    neurons = [one for one in found if isinstance(one, PublishedNeuron)]
    assert [(one.layer, one.index, one.explanation, one.score) for one in neurons] == [
        (9, 8, "unscored", None),
        (9, 30, "best", 0.4),
        (10, 2, "ten", 0.1),
    ]
    errors = [str(one) for one in found if isinstance(one, BadInput)]
    assert len(errors) == len(found) - len(neurons) == 4
    for error, said in zip(
        errors, ("cannot read .*8", "4.jsonl is damaged", "L9N6", "holds no explanation"), strict=True
    ):
        assert re.search(said, error), error
    assert list(map(str, read_published(tmp_path))) == list(map(str, found))


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """A pipe without a writer would be waited for, and some devices never end."""
    put(tmp_path, 3, 4, results(3, 4, ("words", 0.5)))
    os.mkfifo(tmp_path / "explanations" / "3" / "5.jsonl")
    (tmp_path / "explanations" / "3" / "6.jsonl").symlink_to("/dev/zero")
    one, pipe, device = read_published(tmp_path)
    assert isinstance(one, PublishedNeuron)
    assert re.search(r"cannot read .*5\.jsonl: it is no file", str(pipe))
    assert re.search(r"cannot read .*6\.jsonl: it is no file", str(device))


def test_activations_lie_beside_the_explanations_or_nowhere(tmp_path: Path) -> None:
    put(tmp_path / "data", 3, 4, results(3, 4, ("words", 0.5)))
    (one,) = read_published(tmp_path)
    assert isinstance(one, PublishedNeuron)
    assert one.record() is None
    path = tmp_path / "data" / "collated-activations" / "3" / "4.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(to_line(one_of_each()[0]))
    assert one.record() == one_of_each()[0]
    path.write_text("{}")
    with pytest.raises(BadInput, match=r"4\.json is damaged \(neuron_id: Field required\)"):
        one.record()


def test_files_are_opened_one_by_one(tmp_path: Path) -> None:
    for index in range(3):
        put(tmp_path, 0, index, results(0, index, ("words", 0.5)))
    reading = iter(read_published(tmp_path))
    first = next(reading)
    put(tmp_path, 0, 1, results(0, 1, ("changed meanwhile", 0.5)))
    second = next(reading)
    assert isinstance(first, PublishedNeuron)
    assert isinstance(second, PublishedNeuron)
    assert (first.explanation, second.explanation) == ("words", "changed meanwhile")
    assert dataclasses.is_dataclass(first)


def test_a_folder_without_explanations_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder"):
        read_published(tmp_path / "none")
    with pytest.raises(BadInput, match="holds no published explanations: name the folder with explanations/"):
        read_published(tmp_path)
    (tmp_path / "explanations").mkdir()
    assert list(read_published(tmp_path)) == []
