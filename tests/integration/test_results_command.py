"""`agent results` after real runs: the table, the files, and OpenAI's format from the run's own sealed fold."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripted_llm import MODULE, script, scripted_llm

import agent
from agent.cli import main
from agent.run.openai_export import LeftOut, simulate_again
from agent.run.reopen import reopen
from tools.errors import BadInput
from tools.formats.files import read_simulation_results
from tools.formats.published import PublishedNeuron, read_published
from tools.records.result import Result
from traces.database.results import ResultsDatabase
from traces.database.rows import COLUMNS
from traces.text.console import QuietDisplay

WANTED = (
    "neuron_explainer==0.0.1", "blobfile", "boostedblob", "orjson", "lxml", "pycryptodomex", "uvloop", "urllib3",
    "filelock",
)  # fmt: skip
"""OpenAI's package, and what its records cannot be imported without; aiohttp and numpy are here already."""

OWN_READER = """
import json, sys
import numpy as np
from neuron_explainer.explanations import explanations as e
from neuron_explainer.fast_dataclasses import dumps, loads

folder, layer, index = sys.argv[1:]
line = open(f"{folder}/{layer}/{index}.jsonl").read()
results = loads(line)
assert type(results) is e.NeuronSimulationResults, type(results)
assert results == e.load_neuron_explanations(folder, layer, index)
assert str(index) in map(str, e.get_sorted_neuron_indices_from_explanations(folder, layer))
assert json.loads(dumps(results)) == json.loads(line)
(explanation,) = results.scored_explanations
sequences = explanation.scored_simulation.scored_sequence_simulations
true = np.concatenate([s.true_activations for s in sequences])
simulated = np.concatenate([s.simulation.expected_activations for s in sequences])
for s in sequences:
    assert type(s.simulation) is e.SequenceSimulation
    assert e.ActivationScale(s.simulation.activation_scale) is e.ActivationScale.SIMULATED_NORMALIZED_ACTIVATIONS
refused = json.loads(line)
refused["run_id"] = "not theirs"
try:
    loads(json.dumps(refused))
except TypeError as error:
    refusal = str(error)
print(json.dumps({
    "explanation": explanation.explanation,
    "layer": results.neuron_id.layer_index, "index": results.neuron_id.neuron_index,
    "score": explanation.get_preferred_score(), "correlation": float(np.corrcoef(true, simulated)[0, 1]),
    "n": len(sequences), "refusal": refusal,
    "written": dumps(e.ScoredSimulation(sequences, float("nan"))).decode(),
}))
"""


@pytest.fixture(scope="module")
def runs(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on one neuron, so that the second scores the first's explanation again, and one on a dead neuron."""
    folder = tmp_path_factory.mktemp("results") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        for target, seed in (("L1N3", 1), ("L1N3", 2), ("L0N7", 1)):
            agent.explain(
                target, model=str(world.model), corpus=str(world.corpus), corpus_tokens=30_000, budget=3, seed=seed,
                runs_dir=folder,
            )  # fmt: skip
    return folder


def results_of(runs: Path) -> list[Result]:
    return [Result.model_validate_json(path.read_text()) for path in sorted(runs.glob("*/neurons/*/result.json"))]


def ask(runs: Path, *words: str) -> int:
    return main(["results", *words, "--runs-dir", str(runs)])


def test_the_table_tells_the_latest_run_on_each_neuron(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, dead = results_of(runs)
    assert ask(runs) == 0
    out = capsys.readouterr().out
    assert second.run_id in out
    assert first.run_id not in out
    assert f"{second.score.value:.3f} [{second.score.low:.3f}, {second.score.high:.3f}]" in out  # type: ignore[union-attr]
    assert second.explanation[:40] in out  # type: ignore[index]
    assert "1 of them without a score: 1 x the neuron is dead" in out
    assert "Not shown: 1 older run of the same neurons" in out
    assert dead.run_id in out
    assert ask(runs, "--all", "--sort", "-run", "--layer", "1") == 0
    out = capsys.readouterr().out
    assert out.index(second.run_id) < out.index(first.run_id)
    assert dead.run_id not in out


def test_json_has_every_column_and_what_was_left_out(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = results_of(runs)
    assert ask(runs, "--json", "--below", "1") == 0
    told = json.loads(capsys.readouterr().out)
    (row,) = told["results"]
    assert list(row) == list(COLUMNS)
    assert told["left_out"] == {"without_score": 1, "older_runs": 1}
    plain = second.to_json()
    assert (row["run_id"], row["layer"], row["idx"]) == (second.run_id, 1, 3)
    assert row["score"] == plain["score"]["value"]
    assert row["openai_score"] == plain["openai_top_random"]["value"]
    assert (row["previous_run_id"], row["previous_explanation"]) == (first.run_id, first.explanation)
    assert row["previous_score"] == plain["previous"]["score"]["value"]
    assert row["gain_previous"] == plain["gains"]["previous"]["value"]
    assert row["gain_null"] == plain["gains"]["null"].get("value")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--below", "0.1", "--above", "0.2"], "--below must be more than --above"),
        (["--sort", "nothing"], "cannot sort by 'nothing'"),
        (["--below", "30"], "must be a score between -1 and 1"),
        (["--below", "nan"], "must be a score between -1 and 1"),
        (["--layer", "x"], "must be a whole number"),
        (["--verdict", "good"], "invalid choice"),
        (["export", "name"], "cannot tell a format from the name name"),
        (["export", ".", "--format", "csv"], "is a folder, and csv is one file"),
        (["export", "none/r.csv"], "cannot write none/r.csv"),
        (["bogus"], "invalid choice"),
    ],
)
def test_bad_input_is_one_sentence(runs: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(runs, *words) == (5 if "none/" in said else 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_options_may_stand_on_either_side_of_export(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "--all", "--runs-dir", str(runs), "export", "all.csv", "--layer", "1"]) == 0
    assert capsys.readouterr().out == "2 results written to all.csv.\n"
    with open("all.csv", newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["run_id"] for row in read] == [result.run_id for result in results_of(runs)[:2]]
    assert ask(runs, "export", "r.parquet", "--all") == 0
    from pyarrow import parquet

    assert parquet.read_table("r.parquet")["run_id"].to_pylist() == [result.run_id for result in results_of(runs)]


def test_a_folder_without_runs_has_no_results_and_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path / "none") == 0
    assert "There are no such results" in capsys.readouterr().out
    assert ask(tmp_path / "none", "--json") == 0
    assert json.loads(capsys.readouterr().out)["results"] == []
    assert ask(tmp_path / "none", "export", "r.csv") == 0
    assert ask(tmp_path / "none", "export", "folder", "--format", "neuron-explainer") == 0
    assert not (tmp_path / "none").exists()


def test_what_the_table_lost_is_in_the_files(world: Any, runs: Path, tmp_path: Path, capsys: Any) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs, copy)
    (copy / "results.sqlite").unlink()
    next(copy.glob("*/neurons/*.L0N7/result.json")).write_text("{")
    assert ask(copy, "rebuild") == 0
    out = capsys.readouterr().out
    assert "left out: " in out
    assert "2 results in " in out
    assert [row.run_id for row in ResultsDatabase(copy).select()] == [r.run_id for r in results_of(runs)[:2]]


def openings(runs: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(runs / "results.sqlite")
    try:
        return connection.execute("SELECT * FROM sealed_openings ORDER BY opened_at, run_id").fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def published(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        before = openings(runs)
        assert ask(runs, "export", str(folder), "--format", "neuron-explainer") == 0
        assert openings(runs) == before
    return folder


def test_the_export_has_the_scores_of_the_run_on_its_own_fold(runs: Path, published: Path) -> None:
    _, second, _ = results_of(runs)
    plain = second.to_json()
    (path,) = (published / "explanations").rglob("*.*")
    assert path.relative_to(published) == Path("explanations/1/3.jsonl")
    results = read_simulation_results(path)
    (explained,) = results.scored_explanations
    assert explained.explanation == second.explanation
    scored = explained.scored_simulation
    assert scored.ev_correlation_score == plain["openai_top_random"]["value"]
    sequences = scored.scored_sequence_simulations
    assert len(sequences) == plain["openai_top_random"]["n_excerpts"] == 10
    true = np.concatenate([s.true_activations for s in sequences]).astype(float)
    simulated = np.concatenate([s.simulation.expected_activations for s in sequences]).astype(float)
    assert np.corrcoef(true, simulated)[0, 1] == pytest.approx(scored.ev_correlation_score, abs=1e-6)
    maxima = [max(s.true_activations) for s in sequences]
    assert min(maxima[:5]) >= max(maxima[5:])  # type: ignore[type-var]
    beside = json.loads((published / "provenance" / "1" / "3.json").read_text())
    assert (beside["run_id"], beside["model"]) == (second.run_id, "model")
    assert beside["sealed"]["fold"] == plain["sealed_fold"]
    assert beside["openai_top_random"] == plain["openai_top_random"]
    assert [s["stratum"] for s in beside["sequences"]] == ["top"] * 5 + ["random"] * 5


def test_the_true_activations_are_the_models(world: Any, published: Path) -> None:
    """The tokens are the model's, and what it does on them is what was exported."""
    (explained,) = read_simulation_results(published / "explanations" / "1" / "3.jsonl").scored_explanations
    for sequence in explained.scored_simulation.scored_sequence_simulations[:3]:
        text = "".join(sequence.simulation.tokens)
        if "\\x" in text:  # bytes that are no text by themselves
            continue
        read = agent.read("L1N3", text, model=str(world.model))
        if read.tokens == list(sequence.simulation.tokens):
            assert np.allclose(read.values, sequence.true_activations, atol=2e-4)  # type: ignore[arg-type]
            return
    pytest.fail("no exported text could be read again")


def test_our_own_reader_takes_the_export_up(runs: Path, published: Path) -> None:
    (one,) = read_published(published)
    assert isinstance(one, PublishedNeuron)
    assert (one.layer, one.index) == (1, 3)
    assert one.score == results_of(runs)[1].to_json()["openai_top_random"]["value"]


def test_what_cannot_be_exported_is_counted_with_the_reason(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(runs, "export", "out", "--format", "neuron-explainer") == 0
    out, err = capsys.readouterr()
    assert out == "1 neuron written to out.\n1 left out: there is no explanation\n"
    assert "model/L0N7 is left out: there is no explanation." in err
    assert ask(runs, "export", "none", "--format", "neuron-explainer", "--verdict", "dead", "--quiet") == 2
    assert "none of 1 neuron could be exported" in capsys.readouterr().err
    assert not Path("none").exists()


def test_a_folder_is_of_one_model(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = results_of(runs)
    for result, model in ((first, "gpt2"), (second, "model")):
        ResultsDatabase(tmp_path).add_result(result.model_copy(update={"model": model, "model_fingerprint": model}))
    assert ask(tmp_path, "export", "out", "--format", "neuron-explainer") == 2
    assert "the results are of 2 models, and a folder holds one: choose with --model gpt2" in capsys.readouterr().err
    assert ask(tmp_path, "--model", "openai-community/gpt2", "--json") == 0
    assert [row["model"] for row in json.loads(capsys.readouterr().out)["results"]] == ["gpt2"]


def test_what_explanations_say_does_nothing_to_the_terminal(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[2J\u202eevil\nsecond line\r=1"
    ResultsDatabase(tmp_path).add_result(results_of(runs)[0].model_copy(update={"explanation": hostile}))
    assert ask(tmp_path) == 0
    out = capsys.readouterr().out
    assert "evil second line =1" in out
    assert not {"\x1b", "\u202e", "\r"} & set(out)


@pytest.mark.parametrize("lost", ["trace", "result", "fold", "explanation", "score"])
def test_a_run_whose_files_do_not_fit_is_left_out(runs: Path, tmp_path: Path, lost: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs, copy)
    row = ResultsDatabase(copy).select()[1]
    (folder,) = (copy / row.run_id / "neurons").iterdir()
    events, result = folder / "events.jsonl", folder / "result.json"
    changed = json.loads(result.read_text())
    match lost:
        case "trace":
            events.unlink()
            said = "the trace does not say on which sealed fold"
        case "result":
            result.unlink()
            said = "the files of the run are gone"
        case "fold":
            lines = [json.loads(line) for line in events.read_text().splitlines()]
            for line in lines:
                if line["type"] == "sealed_opened":
                    line["fold"] = 5 - line["fold"]
            events.write_text("".join(json.dumps(line) + "\n" for line in lines))
            said = "the trace does not say on which sealed fold"
        case "explanation":
            changed["explanation"] = "Fires on `e` (4)."
            result.write_text(json.dumps(changed))
            said = "the simulation now gives"
        case _:
            changed["openai_top_random"]["value"] += 0.01
            result.write_text(json.dumps(changed))
            said = "the simulation now gives"
    (one,) = simulate_again([row], copy, QuietDisplay())
    assert isinstance(one, LeftOut)
    assert said in one.reason


def test_a_run_is_opened_again_on_the_same_text(runs: Path, tmp_path: Path) -> None:
    _, second, _ = results_of(runs)
    again = reopen(second.run_id[-6:], runs, QuietDisplay())
    assert (again.folder.run_id, again.config.target) == (second.run_id, second.neuron)
    assert str(again.study.evidence.neuron) == second.neuron
    assert again.study.scan.corpus.fingerprint == second.corpus.fingerprint
    copy = tmp_path / "copy" / second.run_id
    shutil.copytree(runs / second.run_id, copy)
    for what, said in (("model", "the weights of .* have changed"), ("corpus", "the texts of .* have changed")):
        path = copy / "run.json"
        path.write_text(json.dumps(again.manifest | {what: {"name": "x", "fingerprint": "0"}}))
        with pytest.raises(BadInput, match=said):
            reopen("last", copy.parent, QuietDisplay())
        (one,) = simulate_again([ResultsDatabase(runs).select()[1]], copy.parent, QuietDisplay())
        assert isinstance(one, LeftOut)
        assert "changed since the run" in one.reason
    path.write_text(json.dumps({"config": again.manifest["config"]}))
    with pytest.raises(BadInput, match="stopped before it had read"):
        reopen("last", copy.parent, QuietDisplay())


def conforms(value: Any, fields: dict[str, set[str]]) -> int:
    """How many objects there are, each with exactly its class's fields; interop.md, section 1."""
    if isinstance(value, list):
        return sum(conforms(item, fields) for item in value)
    if not isinstance(value, dict):
        return 0
    assert set(value) == {"dataclass_name", *fields[value["dataclass_name"]]}
    return 1 + sum(conforms(item, fields) for item in value.values())


def test_the_export_is_as_the_schema_says(published: Path) -> None:
    """Holds wherever the tests run; that OpenAI's own package reads it is asked by the next test."""
    scores = {"ev_correlation_score", "rsquared_score", "absolute_dev_explained_score"}
    fields = {
        "NeuronSimulationResults": {"neuron_id", "scored_explanations"},
        "NeuronId": {"layer_index", "neuron_index"},
        "ScoredExplanation": {"explanation", "scored_simulation"},
        "ScoredSimulation": {"scored_sequence_simulations", *scores},
        "ScoredSequenceSimulation": {"simulation", "true_activations", *scores},
        "SequenceSimulation": {
            "tokens", "expected_activations", "activation_scale", "distribution_values", "distribution_probabilities",
            "uncalibrated_simulation",
        },
    }  # fmt: skip
    data = (published / "explanations" / "1" / "3.jsonl").read_bytes()
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert conforms(json.loads(data, parse_constant=pytest.fail), fields) == 4 + 10 * 2


@pytest.fixture(scope="module")
def openai_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with OpenAI's package, to be imported by another process."""
    folder = tmp_path_factory.mktemp("neuron_explainer")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--target", str(folder)]
    quick = ["--quiet", "--disable-pip-version-check", "--retries", "0", "--timeout", "10"]
    try:
        done = subprocess.run([*command, *quick, *WANTED], capture_output=True, text=True, check=False, timeout=120)
        why = (done.stderr.strip().splitlines() or ["pip failed"])[-1] if done.returncode else None
    except subprocess.TimeoutExpired:
        why = "it took two minutes"
    if why:
        pytest.skip(f"OpenAI's package cannot be had ({why}): the export was checked against the schema alone")
    return folder


def read_by_openai(package: Path, folder: Path) -> dict[str, Any]:
    env = os.environ | {"PYTHONPATH": str(package)}
    command = [sys.executable, "-c", OWN_READER, str(folder / "explanations"), "1", "3"]
    done = subprocess.run(command, env=env, cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_openais_own_package_reads_the_export(runs: Path, published: Path, openai_package: Path) -> None:
    _, second, _ = results_of(runs)
    told = read_by_openai(openai_package, published)
    assert (told["explanation"], told["layer"], told["index"], told["n"]) == (second.explanation, 1, 3, 10)
    assert told["score"] == second.to_json()["openai_top_random"]["value"]
    assert told["correlation"] == pytest.approx(told["score"], abs=1e-6)
    assert "run_id" in told["refusal"]  # what they do not know they refuse, so nothing of ours may be in it
    from tools.formats.files import from_json
    from tools.formats.neuron_explainer import ScoredSimulation

    back = from_json(ScoredSimulation, told["written"].encode(), Path("theirs"))
    assert back.ev_correlation_score is None  # NaN, as they write it
    assert len(back.scored_sequence_simulations) == 10


class _Here:
    """An engine that does its work in this process."""

    name, n_workers = "here", 1

    def run(self, function: Callable[..., Any], jobs: Sequence[Any]) -> Generator[tuple[int, Any], None, None]:
        for number in range(len(jobs)):
            yield number, function(*jobs[number])


def test_a_run_that_used_an_index_is_exported_from_it(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tools.evidence.progress import NoProgress
    from tools.evidence.splits.split_corpus import split_corpus
    from tools.evidence.texts.corpus import load_texts
    from tools.index.build import build_index
    from tools.index.find import Source
    from tools.index.plan import BuildOptions
    from tools.subject.folder import ModelFolder
    from tools.subject.gpt2 import LeanGPT2

    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "cache"))
    subject = LeanGPT2(ModelFolder(world.model, "model"))
    texts = load_texts(str(world.corpus), "model")
    corpus = split_corpus(texts, subject.tokenizer, 1 << 40, tmp_path / "cache", NoProgress())
    index, options = tmp_path / "index", BuildOptions(sample_tokens=30_000)
    build_index(subject, str(world.model), corpus, Source(texts.fingerprint), index, options, _Here(), NoProgress())
    result = agent.explain(
        "L1N3", model=str(world.model), corpus=str(world.corpus), index=str(index), budget=2, runs_dir=tmp_path / "runs"
    )
    assert ask(tmp_path / "runs", "export", "out", "--format", "neuron-explainer", "--quiet") == 0
    (explained,) = read_simulation_results(Path("out/explanations/1/3.jsonl")).scored_explanations
    assert explained.explanation == result.explanation
    assert explained.scored_simulation.ev_correlation_score == result.to_json()["openai_top_random"]["value"]
    index.rename(tmp_path / "moved")
    assert ask(tmp_path / "runs", "export", "out2", "--format", "neuron-explainer", "--quiet") == 2
    assert "none of 1 neuron could be exported" in capsys.readouterr().err


def test_what_an_llm_simulated_comes_from_the_replies_that_are_kept(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No server answers while exporting, and there is no key; without the replies the neuron is left out."""
    (tmp_path / "plants").mkdir()
    (tmp_path / "plants" / "odd_plants.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "plants")
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "cache"))
    from tools.llm.exchange import close_exchange

    close_exchange()
    runs = tmp_path / "llm-runs"
    export = ["export", "out", "--format", "neuron-explainer"]
    with scripted_llm(script()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        result = agent.explain(
            "L0N0", model=str(world.model), corpus=str(world.corpus), corpus_tokens=30_000, seed=3,
            planted=["odd_plants:parity"], budget=3, explainer="openai:fake", runs_dir=runs,
        )  # fmt: skip
        close_exchange()
        (tmp_path / "cache" / "llm-replies.sqlite").unlink()
        n_asked = len(server.bodies)
        assert ask(runs, *export, "--quiet") == 2
        assert "most often because: 10 of 10 excerpts" in (err := capsys.readouterr().err)
        assert "not kept: no reply of openai:fake is here" in err
        assert len(server.bodies) == n_asked
        assert ask(runs, *export, "--ask-llm") == 0
        assert len(server.bodies) > n_asked
        asked = read_simulation_results(Path("out/explanations/0/0.jsonl"))
    close_exchange()
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert ask(runs, *export) == 0
    assert read_simulation_results(Path("out/explanations/0/0.jsonl")) == asked
    (explained,) = asked.scored_explanations
    assert explained.explanation == result.explanation
    assert result.simulator == "openai:fake"
    assert explained.scored_simulation.ev_correlation_score == result.to_json()["openai_top_random"]["value"]
    (first, *_) = explained.scored_simulation.scored_sequence_simulations
    assert first.simulation.distribution_values == ()  # what it might have said instead is not known
