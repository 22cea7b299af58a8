"""Summaries and comparisons of results, and what `agent eval compare` and `agent eval power` print."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eval_samples import cell, make, rng, score

from evals.compare import compare_command, default_folder, load
from evals.power import power_command
from evals.records import CellResult, NeuronRecord
from evals.stability import save_simulation
from evals.summaries import compare, summarise, value_of
from evals.tables import screen
from tools.errors import BadInput
from tools.records.result import Interval, Unscored


def typed(*folders: Path, **more: Any) -> argparse.Namespace:
    given = {"metric": "score", "json": False, "difference": 0.05, "repeats": 100, "neurons": None}
    return argparse.Namespace(folders=[str(folder) for folder in folders], **(given | more))


def two_variants(n: int = 12, better: float = 0.2) -> list[CellResult]:
    spread = np.random.default_rng(5).normal(0, 0.05, n)
    new = [cell("new", f"L0N{i}", 0.5 + better + float(spread[i])) for i in range(n)]
    return new + [cell("old", f"L0N{i}", 0.5, calls=2, budget={"limit": 20, "used": 0}) for i in range(n)]


def test_pairs_are_of_the_same_neuron_and_seed() -> None:
    cells = [
        cell("a", "L0N1", 0.5), cell("a", "L0N1", 0.9, seed=1), cell("a", "L0N1", 0.1, half=0),
        cell("b", "L0N1", 0.3), cell("b", "L0N1", None, seed=1), cell("b", "L0N1", 0.7, half=0),
        cell("a", "L0N2", 0.4), cell("b", "L0N2", 0.4), cell("a", "L0N3", 0.4), cell("b", "L0N3", None),
        cell("a", "L0N4", 0.4),
    ]  # fmt: skip
    (pair,) = compare(cells, "score", rng())
    assert pair.by_neuron == {"L0N1": pytest.approx(0.2), "L0N2": 0.0}
    assert (pair.wins, pair.losses, pair.ties) == (1, 0, 1)
    assert (pair.n_neurons, pair.n_left_out, pair.n_runs_left_out, pair.n_unmatched) == (2, 1, 2, 1)
    assert isinstance(pair.difference, Interval)
    assert pair.difference.value == pytest.approx(0.1)


def test_swapping_the_variants_negates() -> None:
    cells = two_variants()
    (one,) = compare(cells, "score", rng())
    (other,) = compare(cells[12:] + cells[:12], "score", rng())
    assert (one.a, one.b, other.a, other.b) == ("new", "old", "old", "new")
    assert isinstance(one.difference, Interval)
    assert isinstance(other.difference, Interval)
    assert other.difference.value == -one.difference.value
    assert other.difference.low == pytest.approx(-one.difference.high, abs=2e-6)
    assert (one.p, one.wins, one.losses) == (other.p, other.losses, other.wins)
    assert one.cost.calls == 10
    assert other.cost.units == -10


def test_p_values_are_adjusted_over_all_pairs() -> None:
    cells = two_variants(5) + [cell("third", f"L0N{i}", 0.5) for i in range(5)]
    found = compare(cells, "score", rng())
    assert [(pair.a, pair.b) for pair in found] == [("new", "old"), ("new", "third"), ("old", "third")]
    assert [pair.p for pair in found] == [2 / 32, 2 / 32, 1.0]
    assert [pair.p_adjusted for pair in found] == [pytest.approx(3 / 32), pytest.approx(3 / 32), 1.0]


def test_nothing_to_compare_is_not_a_number() -> None:
    (pair,) = compare([cell("a", "L0N1", None), cell("b", "L0N1", 0.5)], "score", rng())
    assert (pair.p, pair.p_adjusted, pair.n_neurons, pair.n_left_out) == (None, None, 0, 1)
    assert isinstance(pair.difference, Unscored)


def test_a_summary_counts_everything_once() -> None:
    failed: dict[str, Any] = {"error": {"kind": "StorageError", "message": "disk"}, "verdict": None, "calls": 0}
    cells = [
        cell("a", "L0N1", 0.6), cell("a", "L0N2", 0.8), cell("a", "L0N3", None),
        cell("a", "L0N4", None, **failed),
        cell("a", "planted", 0.7, kind="truth", recovery=score(0.95), cost={"tokens": 0, "usd": None}),
        cell("a", "other", 0.7, kind="truth", recovery=score(0.2)),
        cell("a", "noise-1", 0.9, kind="nothing"), cell("a", "noise-2", None, kind="nothing", verdict="noise"),
        cell("a", "noise-2", None, seed=1, kind="nothing", verdict="noise"),
        cell("a", "puzzle-1", 0.1, kind="puzzle"), cell("a", "puzzle-2", 0.3, kind="puzzle"),
    ]  # fmt: skip
    main, puzzles = summarise(cells, rng())
    assert (main.n_cells, main.n_to_find, main.n_scored, main.n_errors) == (9, 6, 4, 1)
    assert main.unscored == {"the simulation is constant": 1}
    assert main.errors == {"StorageError": 1}
    assert isinstance(main.score, Interval)
    assert main.score.value == pytest.approx(0.7)
    assert main.n_recovered == (1, 2, 2)
    assert isinstance(main.recovered, Interval)
    assert main.recovered.value == 0.5
    assert main.n_confident == (1, 3)
    assert isinstance(main.false_confidence, Interval)
    assert main.false_confidence.value == 0.5  # over neurons: always on one of two
    assert main.cost.usd is None
    assert main.cost.calls == 12  # of those that ran
    assert main.n_excerpts == (201, 201)
    assert puzzles.group == "puzzles"
    assert isinstance(puzzles.score, Interval)
    assert puzzles.score.value == pytest.approx(0.2)
    assert puzzles.recovery is None


def test_a_metric_says_why_it_has_no_value() -> None:
    assert value_of(cell("a", "L0N1", 0.5), "score") == 0.5
    assert value_of(cell("a", "L0N1", None), "score") == "the simulation is constant"
    assert value_of(cell("a", "L0N1", 0.5), "recovery") is None
    assert value_of(cell("a", "L0N1", 0.5, kind="nothing"), "score") is None
    assert value_of(cell("a", "p", 0.5, kind="truth"), "recovery") == "the run has no recovery of the truth"
    assert value_of(cell("a", "L0N1", 0.5), "gain") == pytest.approx(0.4)
    error: dict[str, Any] = {"error": {"kind": "BadInput", "message": "m"}}
    assert value_of(cell("a", "L0N1", None, **error), "score") == "the run failed (BadInput)"


def test_share_of_the_ceiling_is_a_ratio_of_means_at_the_fold_that_was_opened() -> None:
    neurons = [
        NeuronRecord(name="L0N1", kind="real", target="L0N1", ceiling=[score(0.1), score(0.5)]),
        NeuronRecord(name="L0N2", kind="real", target="L0N2", ceiling=[score(1.0)]),
    ]
    cells = [cell("a", "L0N1", 0.4, fold=1), cell("a", "L0N2", 0.5)]
    (found,) = summarise(cells, rng(), neurons=neurons)
    assert isinstance(found.ceiling_share, Interval)
    assert found.ceiling_share.value == pytest.approx(0.9 / 1.5)


def test_not_beating_the_null_is_said_in_red(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gains = {"null": {"value": 0.01, "low": -0.1, "high": 0.2}}
    cells = [cell("new", f"L0N{i}", 0.5 + i / 50) for i in range(8)]
    cells += [cell("old", f"L0N{i}", 0.5, gains={"null": gains["null"] | {"value": (-1) ** i / 10}}) for i in range(8)]
    summaries = summarise(cells, rng())
    assert [summary.beats_null for summary in summaries] == [True, False]
    coloured = screen(summaries, compare(cells, "score", rng()), [], width=100, tty=True)
    assert "\x1b[1;31mold does not beat its matched null" in coloured
    compare_command(typed(make(tmp_path / "e", cells)))
    plain = capsys.readouterr().out
    assert plain.count("old does not beat its matched null") == 1
    assert "\x1b" not in plain


def test_the_tables_fit_100_columns_and_name_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    cells = two_variants()
    cells += [c.model_copy(update={"variant": f"{c.variant}-with-a-rather-long-name"}) for c in cells]
    compare_command(typed(make(tmp_path / "e", cells)))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 100
    assert "sealed, 201 excerpts" in said
    assert "share of the ceiling" in said
    assert "recovery" not in said
    assert "12/0/0" in said


def test_json_is_one_document_with_the_same_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = two_variants()
    compare_command(typed(make(tmp_path / "e", cells), json=True))
    document = json.loads(capsys.readouterr().out)
    (pair,) = compare(cells, "score", rng())
    assert document["comparisons"][0]["difference"]["value"] == pair.difference.value
    assert document["comparisons"][0]["p"] == pytest.approx(pair.p)
    assert [one["variant"] for one in document["variants"]] == ["new", "old"]
    assert document["metric"] == "score"


def test_an_old_agent_against_a_new_one(tmp_path: Path) -> None:
    old = make(tmp_path / "before", [cell("new", "L0N1", 0.5)], variants={"new": {}}, code="b" * 64)
    new = make(tmp_path / "after", [cell("new", "L0N1", 0.7)], variants={"new": {}})
    found = load([old, new, new], rng())
    assert [c.variant for c in found.cells] == ["new@before", "new@after"]
    assert "code differs" in found.notes[0]
    (pair,) = compare(found.cells, "score", rng())
    assert pair.by_neuron == {"L0N1": pytest.approx(-0.2)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"suite": "t"}, "suite (t and s)"),
        ({"model": "gpt2", "model_fingerprint": "x"}, "model (gpt2 and mini)"),
        ({"corpus_fingerprint": "x"}, "corpus, though both are called stdlib"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, change: dict[str, str], said: str) -> None:
    one = make(tmp_path / "one", [cell("new", "L0N1", 0.5)])
    two = make(tmp_path / "two", [cell("new", "L0N1", 0.5)], **change)
    with pytest.raises(BadInput) as refused:
        load([one, two], rng())
    assert said in str(refused.value)


def test_bad_folders_and_metrics_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no evaluation"):
        load([tmp_path], rng())
    with pytest.raises(BadInput, match="holds no results yet"):
        load([make(tmp_path / "empty", [])], rng())
    with pytest.raises(BadInput, match="'scoer' is not a metric: use one of score"):
        compare_command(typed(metric="scoer"))


def test_an_unfinished_evaluation_says_so(tmp_path: Path) -> None:
    found = load([make(tmp_path / "e", [cell("new", "L0N1", 0.5)])], rng())
    assert "has 1 of 2 results" in found.notes[0]


def test_the_default_is_what_changed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="no evaluation under evaluations"):
        default_folder()
    for i, name in enumerate(("b", "a", "c")):
        path = make(Path("evaluations") / name, [cell("new", "L0N1", 0.5)])
        for file in path.iterdir():
            os.utime(file, (1000 - i, 1000 - i))
    os.utime("evaluations/a/results.jsonl", (2000, 2000))
    assert default_folder() == Path("evaluations/a")


def test_stability_stands_beside_the_variants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [cell("new", f"L0N{i}", 0.5, seed=seed) for i in range(3) for seed in (0, 1)]
    path = make(tmp_path / "e", cells)
    for one in cells:
        save_simulation(path, one.key, np.arange(8.0))
    compare_command(typed(path))
    said = capsys.readouterr().out
    assert "alike over seeds" in said
    assert "1.000 [1.000, 1.000]" in said


def test_power_of_a_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path / "e", two_variants())
    power_command(typed(path, neurons=40))
    said = capsys.readouterr().out
    assert "new minus old, sealed score" in said
    assert "100 simulated evaluations with 40 neurons" in said
    power_command(typed(path, json=True))
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["a"], one["b"], one["n_neurons"]) == ("new", "old", 12)
    with pytest.raises(BadInput, match="no two variants"):
        power_command(typed(make(tmp_path / "small", two_variants(3))))
    with pytest.raises(BadInput, match="--difference"):
        power_command(typed(path, difference=float("nan")))
