"""Summaries and comparisons of results, and what `agent eval compare` and `agent eval power` print."""

import argparse
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eval_samples import MISSING, cell, make, rng, score

from evals.compare import compare_command, default_folder, load
from evals.differences import compare
from evals.folder import EvalFolder
from evals.metrics import value_of
from evals.power import power_command
from evals.records import CellResult, NeuronRecord, ScoredClaim, ScorerCheck, TriggerAndLineup
from evals.scorer import ScorerTally, scorer_tally, truth_first
from evals.stability import save_simulation
from evals.statistics import counted_share
from evals.summaries import summarise
from evals.tables import null_alarm, screen
from tools.errors import BadInput
from tools.records.result import Interval, Measured, Unscored


def typed(*folders: Path, **more: Any) -> argparse.Namespace:
    given = {"metric": "score", "json": False, "difference": 0.05, "repeats": 100, "neurons": None}
    return argparse.Namespace(folders=[str(folder) for folder in folders], **(given | more))


def two_variants(n: int = 12, better: float = 0.2) -> list[CellResult]:
    spread = np.random.default_rng(5).normal(0, 0.05, n)
    new = [cell("new", f"L0N{i}", 0.5 + better + float(spread[i])) for i in range(n)]
    return new + [cell("old", f"L0N{i}", 0.5, calls=2, budget={"limit": 20, "used": 0}) for i in range(n)]


def test_pairs_are_of_the_same_neuron_and_seed() -> None:
    more = [cell(variant, f"L1N{i}", 0.5) for variant in "ab" for i in range(3)]
    cells = [
        *more, cell("a", "L0N1", 0.5), cell("a", "L0N1", 0.9, seed=1), cell("a", "L0N1", 0.1, half=0),
        cell("b", "L0N1", 0.3), cell("b", "L0N1", None, seed=1), cell("b", "L0N1", 0.7, half=0),
        cell("a", "L0N2", 0.4), cell("b", "L0N2", 0.4), cell("a", "L0N3", 0.4), cell("b", "L0N3", None),
        cell("a", "L0N4", 0.4),
    ]  # fmt: skip
    (pair,) = compare(cells, "score", rng())
    assert pair.by_cluster == {"L1N0": 0, "L1N1": 0, "L1N2": 0, "L0N1": pytest.approx(0.2), "L0N2": 0.0}
    assert (pair.wins, pair.losses, pair.ties) == (1, 0, 4)
    assert (pair.n_neurons, pair.n_left_out, pair.n_runs_left_out, pair.n_unmatched) == (5, 1, 2, 1)
    assert isinstance(pair.difference, Interval)
    assert pair.difference.value == pytest.approx(0.04)


def test_what_an_explanation_is_worth_alone() -> None:
    none = Unscored(reason="no text can be made")
    told = TriggerAndLineup(
        n_positives=10, fire=0.8, n_near_misses=10, silent=0.9, n_random=10, random=0.2, chosen="right"
    )
    tied = TriggerAndLineup(
        n_positives=0, fire=none, n_near_misses=0, silent=none, n_random=10, random=0.4, chosen="tied"
    )
    cells = [cell("a", f"L0N{i}", 0.5, applied=told if i % 2 else tied) for i in range(12)]
    cells += [cell("b", "L0N0", 0.5)]
    one, other = summarise(cells, rng())
    means = [one.trigger, one.near_misses, one.random_texts, one.discrimination]
    assert [mean.value for mean in means if isinstance(mean, Interval)] == pytest.approx([0.8, 0.9, 0.3, 0.5])
    assert (one.n_with["trigger"], one.n_with["discrimination"]) == (6, 12)
    assert isinstance(other.trigger, Unscored)
    shown = screen([one], [], [], [], width=80, tty=False)
    assert "texts made from it" in shown
    assert "0.800 [0.800, 0.800]" in shown
    assert "6 of 12 cells" in shown
    assert "texts made from it" not in screen([other], [], [], [], width=80, tty=False)


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
        *(cell("a", f"L0N{i}", 0.6) for i in range(5)), cell("a", "L0N6", None), cell("a", "L0N7", None, **failed),
        cell("a", "planted", 0.7, kind="truth", recovery=score(0.95), cost={"tokens": 0, "usd": None}),
        cell("a", "other", 0.7, kind="truth", recovery=score(0.2), verdict="unresolved"),
        cell("a", "noise-1", 0.9, kind="nothing"), cell("a", "noise-2", None, kind="nothing", verdict="noise"),
        cell("a", "noise-2", None, seed=1, kind="nothing", verdict="noise"),
        *(cell("a", f"puzzle-{i}", 0.2, kind="puzzle") for i in range(5)),
    ]  # fmt: skip
    planted, real, puzzles = summarise(cells, rng())
    assert [one.group for one in (planted, real, puzzles)] == ["planted", "real", "puzzles"]
    assert (real.n_cells, real.n_to_find, real.n_scored, real.n_errors) == (7, 7, 5, 1)
    assert real.unscored == {"the simulation is constant": 1}
    assert real.errors == {"StorageError": 1}
    assert isinstance(real.score, Interval)
    assert real.score.value == pytest.approx(0.6)
    assert real.n_with["gain"] == 5
    assert real.cost.calls == 12  # of those that ran
    assert real.n_excerpts == (201, 201)
    assert real.recovery is None
    assert planted.n_recovered == (1, 2, 2)
    assert planted.recovered == counted_share(1, 2)
    assert planted.n_confident == (1, 3)
    assert planted.false_confidence == counted_share(1, 2)  # over neurons: always on one of two
    assert planted.true_confidence == counted_share(1, 2)
    assert planted.cost.usd is None
    assert isinstance(puzzles.score, Interval)
    assert puzzles.score.value == pytest.approx(0.2)


def test_puzzles_are_not_compared_and_each_group_is_corrected_alone() -> None:
    cells = [
        cell(variant, f"{kind}{i}", 0.5 + (variant == "a") * (0.1 + i / 100), kind=kind)
        for kind in ("real", "truth", "puzzle")
        for variant in "ab"
        for i in range(5 if kind == "real" else 10)
    ]
    planted, real = compare(cells, "score", rng())
    assert (planted.group, planted.p, planted.p_adjusted) == ("planted", 2 / 2**10, 2 / 2**10)
    assert (real.group, real.p, real.p_adjusted) == ("real", 2 / 2**5, 2 / 2**5)


def test_words_quoted_pieces_and_the_gap_to_the_predictor() -> None:
    readable, long = 'Fires on verbs, such as "pick" and "take".', " ".join(["word"] * 26)
    cells = [cell("a", f"L0N{i}", 0.5, explanation=readable, predictor=score(0.6)) for i in range(5)]
    cells += [cell("a", "L0N5", 0.5, explanation=long, predictor=MISSING)]
    cells += [cell("a", "L0N6", None, explanation=None, predictor=score(0.6))]
    (one,) = summarise(cells, rng())
    assert one.n_readable == (5, 6)
    assert [value.value for value in (one.words, one.quoted) if isinstance(value, Interval)] == [
        pytest.approx((5 * 8 + 26) / 6), pytest.approx(10 / 6),
    ]  # fmt: skip
    assert isinstance(one.predictor, Interval)
    assert isinstance(one.reader_gap, Interval)
    assert (one.predictor.value, one.reader_gap.value) == (pytest.approx(0.6), pytest.approx(-0.1))
    assert value_of(cells[5], "reader-gap") == MISSING.reason
    said = screen([one], [], [], [], width=100, tty=False)
    assert "of the predictor" in said
    assert "-0.100 [-0.100, -0.100]" in said
    assert "11.0, 1.7" in said
    assert "5 of 6 readable" in said
    (old,) = summarise([cell("a", f"L0N{i}", 0.5, explanation="x") for i in range(5)], rng())
    assert (old.predictor, old.reader_gap) == (None, None)
    assert "predictor" not in screen([old], [], [], [], width=100, tty=False)


def test_intervals_stay_what_they_were_whatever_else_is_told() -> None:
    cells = [cell("a", f"L0N{i}", 0.1 * i) for i in range(8)]
    (without,) = summarise(cells, rng())
    (with_words,) = summarise([one.model_copy(update={"explanation": "Fires."}) for one in cells], rng())
    assert without.probe_skill == with_words.probe_skill
    assert without.optimism_gap == with_words.optimism_gap


def test_results_of_the_version_before_are_read(tmp_path: Path) -> None:
    folder = make(tmp_path / "old", two_variants(5))
    for name in ("eval.json", "results.jsonl"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace('"schema_version": 4', '"schema_version": 1'))
    assert '"schema_version": 1' in (folder / "results.jsonl").read_text()
    assert {one.schema_version for one in EvalFolder(folder).cells()} == {1}
    assert EvalFolder(folder).manifest().schema_version == 1


def test_no_explanation_is_not_recovered_and_counts_as_0_beside_the_mean() -> None:
    none = cell("a", "t0", None, kind="truth", recovery=MISSING, explanation=None)
    found = [cell("a", f"t{i}", 0.8, kind="truth", recovery=score(0.96), explanation="x") for i in range(1, 6)]
    failed = cell("a", "t9", None, kind="truth", error={"kind": "BadInput", "message": "m"})
    (one,) = summarise([none, *found, failed], rng())
    assert one.n_recovered == (5, 6, 7)
    assert one.recovered == counted_share(5, 6)
    assert isinstance(one.recovery, Interval)
    assert isinstance(one.recovery_or_zero, Interval)
    assert isinstance(one.score_or_zero, Interval)
    assert one.recovery.value == pytest.approx(0.96)
    assert one.recovery_or_zero.value == pytest.approx(0.8)
    assert one.score_or_zero.value == pytest.approx(0.8 * 5 / 6)
    (complete,) = summarise(found, rng())
    assert complete.recovery_or_zero is None
    said = screen([one], [], [], [], width=100, tty=False)
    assert said.count("no explanation as 0") == 2
    assert "5 of 7 cells" in said


def test_who_runs_no_experiments_cannot_be_confident_and_the_dead_are_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the folder is named, and lines are as long as its name
    monkeypatch.setenv("COLUMNS", "100")
    cells = [
        *(cell("new", f"noise{i}", None, kind="nothing", verdict="noise") for i in range(4)),
        cell("new", "dead", None, kind="nothing", verdict="dead"), cell("new", "t", 0.9, kind="truth"),
    ]  # fmt: skip
    cells += [c.model_copy(update={"variant": "old"}) for c in cells]
    path = make(Path("e"), cells, variants={"new": {"max_rounds": None}, "old": {"max_rounds": 0}})
    dead = NeuronRecord(name="dead", kind="nothing", target="dead", status="dead")
    EvalFolder(path).add_neurons([dead])
    new, old = load([path], rng()).summaries(rng())
    assert (new.n_confident, new.n_confident_dead) == ((0, 4), (0, 1))
    assert (new.false_confidence, new.true_confidence) == (counted_share(0, 4), counted_share(1, 1))
    assert (old.runs_experiments, old.false_confidence, old.true_confidence) == (False, None, None)
    compare_command(typed(path))
    said = capsys.readouterr().out
    assert said.count("cannot be confident") == 2
    assert "0 of 4 verdicts, dead 0 of 1" in said


def test_noise_levels_of_one_function_count_once() -> None:
    names = {f"f{i}+noise{k}": f"f{i}" for i in range(5) for k in range(3)}
    neurons = [NeuronRecord(name=n, kind="truth", target=n, cluster=cluster) for n, cluster in names.items()]
    cells = [cell(variant, n, 0.5 + 0.1 * (variant == "a"), kind="truth") for variant in "ab" for n in names]
    (pair,) = compare(cells, "score", rng(), neurons=neurons)
    assert (pair.n_neurons, len(pair.by_cluster), pair.wins, pair.p) == (15, 5, 5, 2 / 2**5)
    one, _ = summarise(cells, rng(), neurons=neurons)
    assert (one.n_neurons, one.n_clusters) == (15, 5)
    assert "15 neurons (5 functions)" in screen([one], [], [], [], width=100, tty=False).replace("\n", " ")


@pytest.mark.parametrize(
    ("gains", "beats"),
    [([0.1] * 6, True), ([0.1] * 5, None), ([0.1] * 4, None), ([-0.1] * 5, False), ([-0.1, 0.1] * 4, False)],
)
def test_beating_the_null_asks_the_interval_and_the_flips(gains: list[float], beats: bool | None) -> None:
    cells = [
        cell("a", f"L0N{i}", 0.5, gains={"null": {"value": gain, "low": gain, "high": gain}})
        for i, gain in enumerate(gains)
    ]
    (one,) = summarise(cells, rng())
    assert one.beats_null is beats
    if beats is None:
        assert f"null unknown on real neurons ({one.null_unknown})" in null_alarm(one)
        assert "\x1b[1;31ma: null unknown" in screen([one], [], [], [], width=100, tty=True)


def test_a_false_sentence_that_predicts_nothing_has_lost() -> None:
    def check(true: float, *false: Measured) -> ScorerCheck:
        claims = [ScoredClaim(sentence="f", score=one) for one in false]
        return ScorerCheck(true=ScoredClaim(sentence="t", score=score(true)), false=claims)

    constant = Unscored(reason="the simulation is constant on the scored excerpts, so a correlation does not exist")
    unread = Unscored(reason="no such token")
    checks = [
        check(0.5, constant, score(0.4)), check(-0.2, constant), check(0.5, unread), check(0.5, score(0.5)), check(0.5)
    ]  # fmt: skip
    assert [truth_first(one) for one in checks] == [True, True, None, False, None]
    neurons = [NeuronRecord(name=str(i), kind="truth", target="x", scorer=one) for i, one in enumerate(checks)]
    neurons.append(NeuronRecord(name="p", kind="puzzle", target="x", scorer=checks[3]))
    assert scorer_tally(neurons) == [ScorerTally(noise=0, n_first=2, n_not_first=1, n_unscored=1)], (
        "nobody asks where nothing false is said"
    )
    summaries = summarise([cell("a", "0", 0.5, kind="truth")], rng())
    said = screen(summaries, [], scorer_tally(neurons), [], width=100, tty=False)
    assert "outscores every false one on 2 of 3 without noise (1 Unscored)" in said


def test_the_names_of_a_pair_stay_beside_a_difference_without_a_number() -> None:
    cells = [cell(variant, "L0N1", 0.5) for variant in ("token-lookup-30", "tournament")]
    pairs = compare(cells, "score", rng())
    said = screen([], pairs, [], [], width=100, tty=False)
    assert "too few" not in said  # no group, no table
    said = screen(summarise(cells, rng()), pairs, [], [], width=100, tty=False)
    assert max(map(len, said.splitlines())) <= 100
    table = said[said.index("paired differences") :]
    assert "token-lookup-30 " in table
    assert "minus tournament " in table


def test_what_a_reader_should_know_of_a_folder(tmp_path: Path) -> None:
    cells = [cell("new", "L0N1", 0.5), cell("old", "L0N1", 0.5, budget={"limit": 40, "used": 3})]
    path = make(tmp_path / "e", cells)
    error = {"kind": "BadInput", "message": "the function fails"}
    EvalFolder(path).add_neurons(
        [NeuronRecord.model_validate({"name": "x", "kind": "truth", "target": "x"} | {"error": error})]
    )
    notes = " ".join(load([path], rng()).notes)
    assert "1 of 2 neurons could not be surveyed" in notes
    assert "(BadInput: the function fails)" in notes
    assert "the budgets differ, which may explain a difference (20: new; 40: old)" in notes


def test_ceilings_and_traces_come_from_the_folder_that_has_them(tmp_path: Path) -> None:
    cells = [cell("new", "L0N1", 0.5, trace="runs/t.jsonl"), cell("new", "L0N1", 0.5, seed=1, trace="runs/gone.jsonl")]
    one, two = make(tmp_path / "one", cells), make(tmp_path / "two", cells)
    EvalFolder(two).add_neurons(
        [NeuronRecord(name="L0N1", kind="real", target="L0N1", ceiling=[score(0.8), score(0.9)])]
    )
    for path in (one, two):
        (path / "runs").mkdir()
        (path / "runs" / "t.jsonl").write_text("")
    found = load([one, two], rng())
    assert [len(record.ceiling) for record in found.neurons] == [2]
    assert [c.trace for c in found.cells] == [str(one / "runs/t.jsonl"), "", str(two / "runs/t.jsonl"), ""]


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
    neurons += [NeuronRecord(name=f"L1N{i}", kind="real", target="x", ceiling=[score(0.5)]) for i in range(3)]
    cells = [cell("a", "L0N1", 0.4, fold=1), cell("a", "L0N2", 0.5)]
    cells += [cell("a", f"L1N{i}", 0.5) for i in range(3)] + [cell("a", "L2N1", 0.5)]
    (found,) = summarise(cells, rng(), neurons=neurons)
    assert isinstance(found.ceiling_share, Interval)
    assert found.ceiling_share.value == pytest.approx(2.4 / 3)
    assert (found.n_with_ceiling, found.n_scored) == (5, 6)


def test_not_beating_the_null_is_said_in_red(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gains = {"null": {"value": 0.01, "low": -0.1, "high": 0.2}}
    cells = [cell("new", f"L0N{i}", 0.5 + i / 50) for i in range(8)]
    cells += [cell("old", f"L0N{i}", 0.5, gains={"null": gains["null"] | {"value": (-1) ** i / 10}}) for i in range(8)]
    summaries = summarise(cells, rng())
    assert [summary.beats_null for summary in summaries] == [True, False]
    coloured = screen(summaries, compare(cells, "score", rng()), [], [], width=100, tty=True)
    assert "\x1b[1;31mold does not beat its matched null" in coloured
    compare_command(typed(make(tmp_path / "e", cells)))
    plain = capsys.readouterr().out
    assert plain.count("old does not beat its matched null") == 1
    assert "\x1b" not in plain


def test_the_tables_fit_100_columns_and_name_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)  # the folder is named, and lines are as long as its name
    cells = two_variants()
    cells += [c.model_copy(update={"variant": f"{c.variant}-with-a-rather-long-name"}) for c in cells]
    compare_command(typed(make(Path("e"), cells)))
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
    assert pair.by_cluster == {"L0N1": pytest.approx(-0.2)}


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
    with pytest.raises(BadInput, match="has no evaluation"):
        load([tmp_path], rng())
    with pytest.raises(BadInput, match="has no results yet"):
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
    cells = [cell("new", f"L0N{i}", 0.5, seed=seed) for i in range(5) for seed in (0, 1)]
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


def test_the_list_and_the_table_of_all_tokens_stand_beside_the_score() -> None:
    baselines = {"token_lookup_30": score(0.4), "token_lookup_full": score(0.6), "null": MISSING}
    gains = {"token_lookup_30": {"value": 0.1, "low": 0.0, "high": 0.2}}
    cells = [cell("a", f"L0N{i}", 0.5, baselines=baselines, gains=gains) for i in range(5)]
    (one,) = summarise(cells, rng())
    values = [value.value for value in (one.lookup, one.lookup_gain, one.lookup_full) if isinstance(value, Interval)]
    assert values == [pytest.approx(0.4), pytest.approx(0.1), pytest.approx(0.6)]
    said = screen([one], [], [], [], width=100, tty=False)
    for row in (r"of the list of 30 +0\.400", r"explanation minus it +\+0\.100", r"of all tokens +0\.600"):
        assert re.search(row, said), said
    puzzles = summarise([cell("a", f"p{i}", 0.5, kind="puzzle") for i in range(5)], rng())
    assert "of all tokens" not in screen(puzzles, [], [], [], width=100, tty=False)
