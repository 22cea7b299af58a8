"""The work of one cell for real: a run on a planted and on a real neuron of a small model, and what is measured."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from agent.setup.variants.load import Variant, load_variant
from evals import worker
from evals.folder import EvalFolder, folder_name
from evals.records import NeuronRecord
from evals.scorer import truth_first
from evals.stability import _path
from evals.suite_neurons import SuiteClaim, SuiteNeuron
from tools.errors import BadInput, StorageError
from tools.evidence.splits.split_corpus import N_FOLDS
from tools.records.neuron import NeuronId
from tools.records.result import ScoreValue, Unscored
from tools.rules.language import n_words
from tools.rules.lookup import FULL_LOOKUP
from traces.events.store import load_trace
from traces.text.console import QuietDisplay

SOURCE = """
def vowels(tokens):
    return [float(token.strip()[:1] in ("a", "e", "i", "o", "u")) for token in tokens]


def noisy_vowels(tokens):
    return [v + 0.3 * ((7 * i + len(t)) % 3 - 1) for i, (v, t) in enumerate(zip(vowels(tokens), tokens))]


def consonants(tokens):
    return [1.0 - v for v in vowels(tokens)]


def falls_over(tokens):
    if "x" in "".join(tokens):
        raise RuntimeError("no x please")
    return [0.0] * len(tokens)
"""
VOWELS = SuiteNeuron(
    "vowels", "truth", NeuronId(0, 0), "planted_by_test:noisy_vowels", truth="Fires on tokens that begin with a vowel.",
    false=(SuiteClaim("Fires on all others.", "planted_by_test:consonants"), SuiteClaim("Fires on numbers (9).")),
    clean="planted_by_test:vowels", noise=0.3,
)  # fmt: skip
REAL = SuiteNeuron("L0N3", "real", NeuronId(0, 3))


@pytest.fixture
def setting(world, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "planted_by_test.py").write_text(SOURCE)
    monkeypatch.setattr(worker, "_RESOURCES", worker.Resources())
    yield worker.Setting(
        "mine", tmp_path / "out", str(world.model), ("planted_by_test:noisy_vowels",), str(world.corpus), None, 6,
        ceiling=True,
    )  # fmt: skip
    sys.modules.pop("planted_by_test", None)


def test_a_planted_neuron(setting):
    cell = worker.run_cell(setting, VOWELS, load_variant("one-shot"), 1, None)
    assert cell.error is None
    assert (cell.kind, cell.seed, cell.fold, cell.stop_reason) == ("truth", 1, 1, "rounds")
    assert isinstance(cell.score, ScoreValue)
    assert isinstance(cell.recovery, ScoreValue)
    assert cell.recovery.split == cell.score.split == "sealed"
    assert cell.recovery.value > cell.score.value, "the noise is not in the truth"
    assert cell.explanation
    assert cell.words == n_words(cell.explanation)
    assert cell.anytime[-1].sealed == cell.score
    events = load_trace(setting.out / cell.trace).events
    assert sum(event.type == "tool_call" for event in events) == cell.calls
    assert not cell.registered.chosen, "one-shot makes no experiments"
    assert len(cell.registered.probe) == cell.probe_skill.n_excerpts
    assert cell.applied is not None
    assert cell.applied.chosen in ("right", "wrong", "tied", "constant")
    assert isinstance(cell.applied.random, Unscored), "this model reads no sentence"
    assert cell.applied.random.reason == "it is longer than the model reads"


def test_what_a_baseline_says_is_not_applied(setting):
    cell = worker.run_cell(setting, REAL, load_variant("token-lookup-30"), 0, None)
    assert cell.error is None
    assert cell.explanation
    assert cell.applied is None
    levels = np.load(_path(setting.out, cell.key))
    assert levels.dtype == np.uint8
    assert levels.max() <= 100


def test_the_tables_as_variants(setting):
    thirty = worker.run_cell(setting, VOWELS, load_variant("token-lookup-30"), 0, None)
    full = worker.run_cell(setting, VOWELS, load_variant("token-lookup-full"), 0, None)
    assert thirty.score.value == pytest.approx(thirty.baselines.token_lookup_30.value, abs=1e-6)
    assert full.explanation == FULL_LOOKUP
    assert full.score.value == pytest.approx(full.baselines.token_lookup_full.value, abs=1e-4)
    assert thirty.baselines.token_lookup_full == full.baselines.token_lookup_full, "both on the same excerpts"
    assert isinstance(full.baselines.null, Unscored), "a table of another neuron is no explanation of this one"


def test_halves_are_of_different_text(setting):
    cells = [worker.run_cell(setting, VOWELS, load_variant("token-lookup-30"), 0, half) for half in (0, 1)]
    assert [cell.half for cell in cells] == [0, 1]
    assert cells[0].explanation != cells[1].explanation
    assert all(_path(setting.out, cell.key).is_file() for cell in cells)


def test_the_survey(setting):
    record = worker.survey(setting, VOWELS, 3)
    assert record.status == "firing"
    assert truth_first(record.scorer)
    assert record.scorer.true.score.split == "development"
    assert record.ceiling == [], "what local context can do is known where the truth is"
    real = worker.survey(setting, REAL, 2)
    assert len(real.ceiling) == 2
    cell = worker.run_cell(setting, REAL, load_variant("token-lookup-full"), 0, None)
    assert real.ceiling[0].value >= cell.score.value - 1e-6


def test_a_killed_run_goes_on_and_a_failed_one_begins_again(setting):
    variant = Variant("short", settings={"max_rounds": 1})
    before = worker.run_cell(setting, VOWELS, variant, 0, None)
    (setting.out / before.trace).with_name("result.json").unlink()
    events = setting.out / before.trace
    lines = events.read_text().splitlines(keepends=True)
    events.write_text("".join(lines[:12]))
    again = worker.run_cell(setting, VOWELS, variant, 0, None)
    assert again.model_copy(update={"seconds": before.seconds}) == before
    assert events.read_text().startswith("".join(lines[:12])), "it was gone on with"

    failed = json.loads(lines[-1]) | {"type": "failed", "error": {"kind": "RuntimeError", "message": "once"}}
    failed.pop("result")
    events.with_name("result.json").unlink()
    events.write_text("".join(lines[:-1]) + json.dumps(failed) + "\n")
    once_more = worker.run_cell(setting, VOWELS, variant, 0, None)
    assert once_more.error is None
    assert once_more.score == before.score


def test_a_function_that_fails_on_some_text_says_on_which(setting):
    neuron = SuiteNeuron("falls", "truth", NeuronId(0, 0), "planted_by_test:falls_over", truth="nothing")
    broken = worker.Setting(**{**setting.__dict__, "planted": ("planted_by_test:falls_over",)})
    cell = worker.run_cell(broken, neuron, load_variant("one-shot"), 0, None)
    assert cell.error.kind == "BadInput"
    assert "planted_by_test:falls_over on the text" in cell.error.message
    assert "raises RuntimeError: no x please" in cell.error.message
    assert isinstance(cell.score, Unscored)
    assert isinstance(cell.recovery, Unscored)


def test_results_can_be_kept_and_read_again(setting):
    folder = EvalFolder(setting.out)
    setting.out.mkdir()
    cell = worker.run_cell(setting, REAL, load_variant("one-shot"), 0, None)
    folder.add_cell(cell)
    assert folder.cells() == [cell]
    with (setting.out / "results.jsonl").open("a") as file:
        file.write('{"cut sho')
    assert folder.cells() == [cell]
    folder.add_cell(cell.model_copy(update={"seed": 1}))
    assert len(folder.cells()) == 2


def test_one_process_at_a_time(tmp_path):
    with (
        EvalFolder(tmp_path / "out").locked(),
        pytest.raises(StorageError, match="is being written by another process"),
        EvalFolder(tmp_path / "out").locked(),
    ):
        pass


def test_names_that_look_alike_on_disk_have_folders_of_their_own():
    names = ["是", "否", "müde", "möde", "m-de", "x" * 80 + "1", "x" * 80 + "2", "a/b", "a b", "", "model", ".a", "a"]
    made = [folder_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert folder_name("single-the") == "single-the"
    assert all(name.isascii() and "/" not in name and len(name) <= 80 for name in made)


def test_a_neuron_is_its_own_cluster_unless_it_says_which():
    plain = NeuronRecord(name="the", kind="truth", target="L0N0")
    assert plain.cluster == "the"
    noisy = NeuronRecord(name="the+noise0.5", kind="truth", target="L0N1", cluster="the")
    assert NeuronRecord.model_validate_json(noisy.model_dump_json()) == noisy
    assert noisy.cluster == "the"


def test_names_alike_do_not_share_a_run(setting):
    one, other = (replace(REAL, name=name, neuron=NeuronId(0, i)) for name, i in (("是", 3), ("否", 4)))
    cells = [worker.run_cell(setting, neuron, load_variant("one-shot"), 0, None) for neuron in (one, other)]
    assert cells[0].trace != cells[1].trace
    targets = [load_trace(setting.out / cell.trace).events[0].neuron for cell in cells]
    assert targets == ["L0N3", "L0N4"]


def test_a_run_that_was_asked_for_something_else_is_done_anew(setting):
    before = worker.run_cell(setting, REAL, load_variant("one-shot"), 0, None)
    other = worker.run_cell(setting, REAL, Variant("one-shot", settings={"max_rounds": 1}), 0, None)
    assert load_trace(setting.out / other.trace).events[0].config["max_rounds"] == 1
    assert other.trace == before.trace
    elsewhere = replace(setting, corpus_tokens=40_000)
    third = worker.run_cell(elsewhere, REAL, Variant("one-shot", settings={"max_rounds": 1}), 0, None)
    assert load_trace(setting.out / third.trace).events[0].config["corpus_tokens"] == 40_000


def test_a_folder_may_be_moved_between_a_run_and_its_result(setting, tmp_path):
    before = worker.run_cell(setting, REAL, load_variant("one-shot"), 0, None)
    setting.out.rename(tmp_path / "moved")
    again = worker.run_cell(replace(setting, out=tmp_path / "moved"), REAL, load_variant("one-shot"), 0, None)
    assert again == before


def test_a_fold_that_comes_again_says_so(setting):
    cells = [worker.run_cell(setting, REAL, load_variant("token-lookup-30"), seed, None) for seed in (2, N_FOLDS)]
    assert [(cell.fold, cell.sealed_reused) for cell in cells] == [(2, False), (0, True)]


WAYWARD = """
calls = [0]


def peeks_far(tokens):
    return [float(len(tokens) > 40 and i + 30 < len(tokens)) for i in range(len(tokens))]


def tires(tokens):
    calls[0] += len(tokens) > 20
    return [float(calls[0] > 100)] * len(tokens)
"""


@pytest.mark.parametrize(
    ("name", "said"), [("peeks_far", "when the text ends there"), ("tires", "does not give the same values twice")]
)
def test_what_no_short_text_shows_is_found_on_the_corpus(setting, tmp_path, name, said):
    (tmp_path / "wayward_by_test.py").write_text(WAYWARD)
    entry = f"wayward_by_test:{name}"
    with pytest.raises(BadInput, match=said) as caught:
        worker.scan(replace(setting, planted=(entry,)), 0, True, QuietDisplay())
    assert entry in str(caught.value)
    sys.modules.pop("wayward_by_test")
    worker.scan(setting, 0, True, QuietDisplay())
