"""Which neurons a batch is about, and which of its verdicts survive."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from traces_samples import sample_result

from agent.batch.report import discoveries, lines, p_of, report
from agent.batch.select import Criteria, choose, read_lines
from agent.cli import make_parser
from tools.errors import BadInput
from tools.records.result import Result
from traces.database.batches import Entry, Queue, add_batch
from traces.database.results import ResultsDatabase
from traces.database.rows import ResultRow


@dataclass
class Shape:
    """All that choosing asks of a subject model."""

    name: str = "mini"
    n_layers: int = 4
    d_mlp: int = 10
    is_gated: bool = False


def row(neuron: str, **changes: Any) -> ResultRow:
    return replace(ResultRow.of(Result.model_validate({**sample_result(), "neuron": neuron})), **changes)


def chosen(asked: Criteria, rows: list[ResultRow] | None = None, seed: int = 0) -> tuple[list[str], list[str]]:
    named, bad = read_lines(asked.neurons) if asked.neurons else ([], [])
    found, wrong = choose(asked, Shape(), "mini", named, bad, rows or [], seed)  # type: ignore[arg-type]
    return [str(one.neuron) for one in found], wrong


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text("# mine\n\nL2N3\n  mini/L1N4  # good\n2/3\nL3N9\r\n", encoding="utf-8")
    return path


def published(folder: Path, layer: int, index: int, score: float | None, words: str = "words") -> None:
    path = folder / "explanations" / str(layer) / f"{index}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    scored = {"scored_sequence_simulations": [], "ev_correlation_score": score}
    one = {
        "neuron_id": {"layer_index": layer, "neuron_index": index},
        "scored_explanations": [{"explanation": words, "scored_simulation": scored}],
    }
    path.write_text(json.dumps(one) + "\n")


def test_a_file_names_neurons_by_line(names: Path) -> None:
    assert chosen(Criteria(neurons=names)) == (["L1N4", "L2N3", "L3N9"], [])


def test_bad_lines_are_told_by_number_text_and_reason_and_left_out_only_when_told_to(names: Path) -> None:
    with names.open("a") as file:
        file.write("L2N3x\nL4N0\ngpt2/L1N1\n")
    with pytest.raises(BadInput) as refused:
        chosen(Criteria(neurons=names))
    said = str(refused.value)
    assert "line 7, 'L2N3x': cannot read the target" in said
    assert "line 8, 'L4N0': there is no neuron L4N0: mini has layers 0-3" in said
    assert "line 9, 'gpt2/L1N1': it belongs to the model gpt2, and the batch to mini" in said
    assert said.endswith("correct that, or leave it out with --skip-bad-lines.")
    neurons, wrong = chosen(Criteria(neurons=names, skip_bad_lines=True))
    assert neurons == ["L1N4", "L2N3", "L3N9"]
    assert len(wrong) == 3
    with pytest.raises(BadInput, match="cannot read the neurons in none: No such file"):
        read_lines(Path("none"))


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes("\ufeffL0N1\r\n# form\x0cfeed and \u2028\n\x1b[31mred\n".encode())
    lines, (bad,) = read_lines(path)
    assert [(line.number, str(line.neuron)) for line in lines] == [(1, "L0N1")]
    assert bad.startswith("line 3, '\\x1b[31mred': cannot read the target")


def test_options_combine_by_intersection(names: Path, tmp_path: Path) -> None:
    rows = [row("L2N3", score=0.2), row("L3N9", score=0.29), row("L0N0", score=-0.1), row("L1N4", score=0.3)]
    assert chosen(Criteria(below=0.3), rows)[0] == ["L0N0", "L2N3", "L3N9"]
    assert chosen(Criteria(below=0.3, neurons=names), rows)[0] == ["L2N3", "L3N9"]
    assert chosen(Criteria(below=0.3, neurons=names, layers=frozenset({2, 1})), rows)[0] == ["L2N3"]
    assert chosen(Criteria(layers=frozenset({1, 3})))[0] == [f"L{layer}N{i}" for layer in (1, 3) for i in range(10)]
    for layer, index, score in ((2, 3, 0.1), (3, 9, 0.5), (0, 1, None)):
        published(tmp_path, layer, index, score)
    assert chosen(Criteria(published=tmp_path))[0] == ["L0N1", "L2N3", "L3N9"]
    assert chosen(Criteria(published=tmp_path, below=0.3))[0] == ["L2N3"]
    with pytest.raises(BadInput, match="no neuron of mini is selected: --below, --layers and the others must all"):
        chosen(Criteria(below=0.3, layers=frozenset({1})), rows)
    with pytest.raises(BadInput, match="no neuron of mini is selected: no run of it has such a score"):
        chosen(Criteria(below=-0.5), rows)
    (tmp_path / "empty.txt").write_text("# none\n")
    with pytest.raises(BadInput, match=r"no neuron of mini is selected: .*empty\.txt names none"):
        chosen(Criteria(neurons=tmp_path / "empty.txt"))
    with pytest.raises(BadInput, match="there is no layer 4: mini has layers 0-3"):
        chosen(Criteria(layers=frozenset({4})))


def test_the_worst_are_those_with_the_lowest_score(names: Path, tmp_path: Path) -> None:
    rows = [row("L2N3", score=0.2), row("L3N9", score=-0.1), row("L0N0", score=0.1), row("L0N1", score=None)]
    assert chosen(Criteria(worst=2), rows)[0] == ["L0N0", "L3N9"]
    assert chosen(Criteria(worst=9), rows)[0] == ["L0N0", "L2N3", "L3N9"]
    assert chosen(Criteria(worst=2, below=0.0), rows)[0] == ["L3N9"]
    assert chosen(Criteria(worst=1, neurons=names, layers=frozenset({2})), rows)[0] == ["L2N3"]
    for layer, index, score in ((2, 3, 0.1), (3, 9, 0.05), (0, 1, None)):
        published(tmp_path, layer, index, score)
    assert chosen(Criteria(published=tmp_path, worst=1), rows)[0] == ["L3N9"]


def test_published_files_that_cannot_be_used_are_bad_lines(tmp_path: Path) -> None:
    published(tmp_path, 0, 1, 0.1)
    published(tmp_path, 9, 1, 0.1)
    (tmp_path / "explanations" / "0" / "2.jsonl").write_text("{")
    with pytest.raises(BadInput, match=r"2\.jsonl is damaged.*there is no neuron L9N1.*--skip-bad-lines"):
        chosen(Criteria(published=tmp_path))
    assert chosen(Criteria(published=tmp_path, skip_bad_lines=True))[0] == ["L0N1"]


def test_a_sample_is_drawn_by_the_seed_from_what_is_left() -> None:
    asked = Criteria(layers=frozenset({1}), sample=4)
    samples = [chosen(asked, seed=seed)[0] for seed in range(5)]
    assert all(len(set(sample)) == 4 and sample == sorted(sample) for sample in samples)
    assert len(set(map(tuple, samples))) > 1
    assert chosen(asked, seed=3)[0] == samples[3]
    assert len(chosen(Criteria(sample=100))[0]) == 40


@pytest.mark.parametrize(
    ("text", "layers"), [("3", {3}), ("3-5", {3, 4, 5}), ("3,5", {3, 5}), ("0-1, 7", {0, 1, 7}), ("2-2", {2})]
)
def test_layers_as_they_are_typed(text: str, layers: set[int]) -> None:
    assert make_parser().parse_args(["batch", "--layers", text]).layers == layers


@pytest.mark.parametrize("text", ["", "x", "5-3", "3-", "-1", "1,,2", "1.5", "0-999999999999"])
def test_layers_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["batch", f"--layers={text}"])
    assert "must be layers such as 3, 3-5 or 3,5-7" in capsys.readouterr().err


def test_options_may_stand_before_and_behind_the_word_resume() -> None:
    for words in (["--runs-dir", "r", "--workers", "3", "resume"], ["resume", "--runs-dir", "r", "--workers", "3"]):
        parsed = make_parser().parse_args(["batch", *words])
        assert (parsed.runs_dir, parsed.workers, parsed.engine, parsed.name) == ("r", 3, "local", "last")


GAINS = ("gain_null", "gain_token_lookup_30")


def gains(null: float, lookup: float, half: float = 0.1) -> dict[str, float]:
    """Both gains with intervals of so much to either side."""
    out = {}
    for name, value in zip(GAINS, (null, lookup), strict=True):
        out |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    return out


def test_the_p_value_of_a_verdict_is_the_larger_of_both_gains() -> None:
    strong, weak = p_of(row("L0N0", **gains(0.5, 0.5))), p_of(row("L0N0", **gains(0.5, 0.11)))
    assert strong < 1e-10 < weak < 0.025
    assert p_of(row("L0N0", **gains(0.11, 0.5))) == weak
    # A list of tokens that is the whole truth need not be beaten; without a claim it must.
    assert p_of(row("L0N0", **gains(0.5, 0.0))) == strong
    assert p_of(row("L0N0", verdict="unresolved", **gains(0.5, 0.0))) == 0.5
    nothing = dict.fromkeys((f"{name}{end}" for name in GAINS for end in ("", "_low", "_high")), None)
    assert p_of(row("L0N0", **nothing)) == 1.0


def test_the_family_is_all_that_was_tested() -> None:
    claims = [row(f"L0N{i}", **gains(0.11, 0.11)) for i in range(3)]
    alone = discoveries(claims, 0.05)
    assert (alone["n_tested"], alone["surviving"]) == (3, ["L0N0", "L0N1", "L0N2"])
    failed = [row(f"L1N{i}", verdict="unresolved", **gains(0.0, 0.0)) for i in range(7)]
    apart = [row("L2N0", verdict="dead", score=None), row("L2N1", verdict="unresolved", score=None)]
    among = discoveries([*claims, *failed, *apart], 0.05)
    assert (among["n_tested"], among["n_dead"], among["n_unscored"], among["n_claims"]) == (10, 1, 1, 3)
    assert (among["surviving"], among["not_surviving"]) == ([], ["L0N0", "L0N1", "L0N2"])
    assert discoveries([*claims, *failed], 0.06)["surviving"] == ["L0N0", "L0N1", "L0N2"]
    assert discoveries([], 0.05)["tested"] == []


def test_a_report_sets_old_beside_new_and_warns_where_a_fold_was_used_before(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    earlier = {"run_id": "r0", "score": 0.1, "low": 0.0, "high": 0.2, "explanation": "old", "corpus": "c0ffee"}
    entries = [Entry("L1N1", 1, 1, {}, {"earlier": earlier}), Entry("L1N2", 1, 2), Entry("L1N3", 1, 3)]
    batch = add_batch(database, "mini", "f", {}, {"below": 0.3}, entries)
    queue = Queue(database, batch)
    for entry in iter(queue.claim, None):
        if entry.neuron == "L1N1":
            score = {"value": 0.3, "low": 0.2, "high": 0.4, "protocol": "p", "split": "sealed", "n_excerpts": 9}
            more = {
                "neuron": "L1N1", "run_id": entry.run_id, "sealed_fold": 0, "sealed_reused": True,
                "previous": {"run_id": "r0", "explanation": "old", "score": score},
                "gains": {"previous": {"value": 0.3, "low": 0.2, "high": 0.4}},
            }  # fmt: skip
            database.add_result(Result.model_validate({**sample_result(), **more}))
        if entry.neuron != "L1N3":
            queue.finish(entry.neuron, "it broke" if entry.neuron == "L1N2" else None, 1.0)
    queue.release()
    found = report(database, batch, 0.05)
    assert found["status"] == {"done": 1, "failed": 1, "running": 0, "waiting": 1}
    (again,) = found["measured_again"]
    assert (again["chosen_for"]["score"], again["old"]["value"], again["new"]["value"]) == (0.1, 0.3, 0.612)
    assert found["sealed_reused"] == ["L1N1"]
    text = "\n".join(lines(found, "r d", 100))
    assert "1 of 3 neurons explained, 1 failed, 1 waiting" in text
    assert "chosen for 0.100, old 0.300 [0.200, 0.400], new 0.612 [0.550, 0.660], gain 0.300" in text
    assert "warning: 1 scored on sealed text that an earlier run had been scored on, since no fold was left" in text
    assert "failed    L1N2: it broke" in text
    assert f"agent batch resume {batch.batch_id} --retry-failed --runs-dir 'r d'" in text


def test_a_used_fold_is_told_also_where_no_earlier_explanation_was_left(tmp_path: Path) -> None:
    database = ResultsDatabase(tmp_path)
    batch = add_batch(database, "mini", "f", {}, {}, [Entry("L1N1", 1, 1)])
    queue = Queue(database, batch)
    entry = queue.claim()
    assert entry is not None
    again = {**sample_result(), "neuron": "L1N1", "run_id": entry.run_id, "sealed_reused": True}
    database.add_result(Result.model_validate(again))
    queue.finish("L1N1", None, 1.0)
    found = report(database, batch, 0.05)
    assert found["measured_again"] == []
    assert "  warning: 1 scored on sealed text" in "\n".join(lines(found, "runs", 100))
