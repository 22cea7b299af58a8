"""Whole batches of real runs: killed, stopped, two at once, failing in part, and measured again."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.batch.run import _Desk
from agent.batch.work import Job, _attempt, work
from agent.cli import main
from agent.setup.resources import Resources
from tools.errors import LLMNotAvailable
from tools.records.result import Result
from traces.database.batches import Entry, Queue, add_batch, all_batches, entries_of
from traces.database.results import ResultsDatabase
from traces.events.kinds import without_clock
from traces.events.runs import RunFolder
from traces.events.store import is_being_written, load_trace
from traces.text.console import QuietDisplay

SETTINGS = {"corpus_tokens": 30_000, "budget": 4, "seed": 3}
NEURONS = ["L0N7", "L0N9", "L1N3", "L1N5"]  # the first one is dead


class Batches:
    """Batches of the tiny world in folders of runs of their own, and what an undisturbed one found."""

    def __init__(self, world: Any, folder: Path) -> None:
        self.folder = folder
        self.neurons = folder / "neurons.txt"
        self.neurons.write_text("\n".join(NEURONS))
        self.options = [*world.options, "--corpus-tokens", "30000", "--budget", "4", "--seed", "3", "--quiet"]
        self.runs = folder / "undisturbed"
        assert main(self.command(self.runs, "--workers", "1")) == 0
        self.results = self.plain(self.runs)
        self.measured_again: dict[str, Any] | None = None

    def command(self, runs: Path, *more: str) -> list[str]:
        return ["batch", "--neurons", str(self.neurons), *self.options, "--runs-dir", str(runs), *more]

    def start(self, arguments: list[str]) -> subprocess.Popen[str]:
        code = "import sys; from agent.cli import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def plain(self, runs: Path, number: int = -1) -> dict[str, Any]:
        """The results of a batch by neuron, without ids, times and places."""
        return {entry.neuron: plain(result_of(runs, entry)) for entry in entries(runs, number)}


def entries(runs: Path, number: int = -1) -> list[Entry]:
    database = ResultsDatabase(runs)
    known = all_batches(database)
    return entries_of(database, known[number].batch_id) if known else []


def result_of(runs: Path, entry: Entry) -> Result:
    assert entry.status == "done", entry
    assert entry.run_id is not None
    (neuron,) = RunFolder(runs / entry.run_id).neurons()
    result = neuron.read_result()
    assert result is not None
    assert result.trace == str(neuron.events)
    return result


def plain(result: Result) -> dict[str, Any]:
    return {k: v for k, v in without_clock(result.to_json()).items() if k not in ("run_id", "trace")}


def wait_until(is_so: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    until = time.monotonic() + 180
    while not is_so():
        assert time.monotonic() < until, "it does not get there"
        assert process is None or process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)


def running(runs: Path, n_events: int = 0) -> Entry | None:
    """A neuron that is worked on and has more than so many events."""
    for entry in entries(runs):
        if entry.status == "running":
            for path in runs.glob(f"{entry.run_id}/neurons/*/events.jsonl"):
                if path.read_bytes().count(b"\n") > n_events and is_being_written(path):
                    return entry
    return None


@pytest.fixture(scope="module")
def batches(world: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_AGENT_CACHE", str(tmp_path_factory.getbasetemp() / "evidence"))
        yield Batches(world, tmp_path_factory.mktemp("batches"))


def test_a_neuron_of_a_batch_is_explained_as_agent_explain_does(batches: Batches, world: Any, tmp_path: Path) -> None:
    alone = agent.explain(
        "L1N3", model=str(world.model), corpus=str(world.corpus), **SETTINGS, runs_dir=tmp_path / "alone"
    )
    assert plain(alone) == batches.results["L1N3"]
    assert batches.results["L0N7"]["verdict"] == "dead"


def test_a_dry_run_says_how_much_and_changes_nothing(
    batches: Batches, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    def files() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in batches.runs.rglob("*")}

    assert main([*batches.command(tmp_path / "none"), "--dry-run", "--workers", "2"]) == 0
    out = capsys.readouterr().out
    assert "neurons         4 (layer 0: 2, layer 1: 2)" in out
    assert "4.0 s a neuron, a guess of 1 s for a unit" in out
    assert "US dollars      none: no LLM is asked" in out
    assert not (tmp_path / "none").exists()
    before = files()
    monkeypatch.setenv("OPENAI_API_KEY", "none")  # which is sent nowhere
    paid = ["--simulator", "openai:gpt-4o-mini", "--max-tokens", "1000", "--max-usd", "0.01"]
    assert main([*batches.command(batches.runs, *paid), "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["by_layer"] == {"0": 2, "1": 2}
    assert found["source"] == "the mean of 4 earlier runs with this model, variant and budget"
    assert found["subject_tokens"] == 4 * 4 * 4096
    assert (found["corpus_tokens"], found["llm_tokens"]) == (30_000, 4000)
    assert found["usd"] == pytest.approx(4000 * 0.6 / 1e6)  # all of them at the dearer of two prices
    assert files() == before


def test_bad_lines_run_nothing_unless_they_are_skipped(batches: Batches, tmp_path: Path, capsys: Any) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("L0N7\nL0N\n")
    command = ["batch", "--neurons", str(bad), *batches.options, "--workers", "1"]
    assert main(command) == 2
    assert "line 2, 'L0N': cannot read the target" in capsys.readouterr().err
    assert not Path("runs").exists()
    assert main([*command, "--skip-bad-lines", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n_neurons"], found["verdicts"], found["discoveries"]["n_dead"]) == (1, {"dead": 1}, 1)
    assert main(["batch"]) == 2
    assert "no neurons are chosen" in capsys.readouterr().err


def test_stopped_then_killed_with_9_and_resumed(batches: Batches, tmp_path: Path, capsys: Any) -> None:
    runs = tmp_path / "r"
    process = batches.start(batches.command(runs, "--workers", "2"))
    wait_until(lambda: running(runs, 5), process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    (batch,) = all_batches(ResultsDatabase(runs))
    assert f"`agent batch resume {batch.batch_id} --runs-dir {runs}` goes on where it was" in said
    assert not any(is_being_written(path) for path in runs.glob("*/neurons/*/events.jsonl"))
    assert all(entry.status in ("waiting", "done") for entry in entries(runs))

    resume = ["batch", "resume", "last", "--runs-dir", str(runs), "--quiet", "--workers", "1"]
    process = batches.start(resume)
    wait_until(lambda: any(e.status == "done" for e in entries(runs)) and running(runs, 5), process)
    process.kill()
    process.communicate()
    left = {entry.neuron: entry for entry in entries(runs)}
    assert {"done", "running"} <= {entry.status for entry in left.values()}
    half = next(path for path in runs.glob("*/neurons/*/events.jsonl") if not path.with_name("result.json").exists())
    wait_until(lambda: not is_being_written(half))  # its workers end when they see that it has
    recorded = half.read_bytes().rpartition(b"\n")[0]

    assert main(resume) == 0
    assert batches.plain(runs) == batches.results
    assert half.read_bytes().startswith(recorded)
    for entry in entries(runs):
        before = left[entry.neuron]
        assert entry.run_id == before.run_id or before.run_id is None
        assert entry.attempts == before.attempts + (before.status != "done")
    assert len(list(runs.glob("*/run.json"))) == len(NEURONS)
    capsys.readouterr()
    assert main(["batch", "list", "--runs-dir", str(runs)]) == 0
    assert "4 of 4 explained" in capsys.readouterr().out


def test_a_killed_worker_costs_its_neuron_a_second_try(batches: Batches, tmp_path: Path) -> None:
    runs, killed = tmp_path / "r", []

    def kill_the_worker() -> None:
        wait_until(lambda: running(runs, 5))
        killed.extend(child.pid for child in multiprocessing.active_children())
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill_the_worker)
    thread.start()
    assert main(batches.command(runs, "--workers", "1")) == 0
    thread.join()
    assert len(killed) == 1
    assert batches.plain(runs) == batches.results
    assert [entry.attempts for entry in entries(runs)] == [1] * len(NEURONS)


def test_two_batches_at_once_never_work_on_the_same_neuron(batches: Batches, tmp_path: Path) -> None:
    """A third process helps with one of them."""
    runs, neurons = tmp_path / "r", tmp_path / "three.txt"
    neurons.write_text("\n".join(NEURONS[:3]))
    command = ["batch", "--neurons", str(neurons), *batches.options, "--runs-dir", str(runs), "--workers", "1"]
    one = batches.start(command)
    wait_until(lambda: entries(runs), one)
    helper = batches.start(["batch", "resume", "last", "--runs-dir", str(runs), "--quiet", "--workers", "1"])
    assert main(command) == 0
    for process in (one, helper):
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    spans: dict[str, list[tuple[str, str]]] = {}
    for number in (0, 1):
        for entry in entries(runs, number):
            result = result_of(runs, entry)
            events = load_trace(result.trace).events
            spans.setdefault(entry.neuron, []).append((events[0].at, events[-1].at))
            assert entry.attempts == 1
            assert {k: v for k, v in plain(result).items() if k == "sealed_reused"}.get("sealed_reused") is not True
    for times in spans.values():
        (_, first_ended), (second_began, _) = sorted(times)
        assert first_ended <= second_began
    assert len(list(runs.glob("*/run.json"))) == 2 * 3


AGAIN = ["batch", "--below", "1", "--layers", "1", "--budget", "4", "--seed", "3", "--quiet", "--json"]


def test_what_scored_low_is_measured_again_on_a_fresh_fold_and_a_failure_costs_nothing_else(
    batches: Batches, world: Any, tmp_path: Path, capsys: Any
) -> None:
    runs, moved = tmp_path / "r", tmp_path / "texts"
    shutil.copytree(batches.runs, runs)
    shutil.copytree(world.corpus, moved)
    other = agent.explain("L1N9", model=str(world.model), corpus=str(moved), **SETTINGS, runs_dir=runs)
    moved.rename(tmp_path / "gone")
    capsys.readouterr()
    assert main([*AGAIN, "--runs-dir", str(runs), "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert "1 of 3 neurons failed; the first, L1N9: " in said.err
    found = json.loads(said.out)
    (failure,) = found["failures"]
    assert (failure["neuron"], failure["attempts"]) == ("L1N9", 1)
    assert str(moved) in failure["reason"]
    assert [one["neuron"] for one in found["measured_again"]] == ["L1N3", "L1N5"]
    for again in found["measured_again"]:
        earlier = batches.results[again["neuron"]]
        assert again["chosen_for"]["score"] == earlier["score"]["value"]
        assert again["old"]["explanation"] == earlier["explanation"]
        assert again["old"]["value"] is not None
        assert (earlier["sealed_fold"], again["sealed_fold"]) == (0, 1)
        assert not again["sealed_reused"]
        assert not again["other_corpus"]
    (tmp_path / "gone").rename(moved)
    assert main(["batch", "resume", "--retry-failed", "--runs-dir", str(runs), "--quiet", "--workers", "1"]) == 0
    assert "L1N9" in capsys.readouterr().out
    again = {entry.neuron: entry for entry in entries(runs)}
    batches.measured_again = {neuron: plain(result_of(runs, again[neuron])) for neuron in ("L1N3", "L1N5")}
    assert [again[neuron].attempts for neuron in ("L1N3", "L1N5", "L1N9")] == [1, 1, 2]
    assert result_of(runs, again["L1N9"]).to_json()["previous"]["run_id"] == other.run_id


def test_another_model_than_the_batch_was_begun_with_is_refused(batches: Batches, tmp_path: Path, capsys: Any) -> None:
    (begun,) = all_batches(ResultsDatabase(batches.runs))
    add_batch(ResultsDatabase(tmp_path), "model", "f" * 64, begun.settings, {}, [Entry("L1N3", 1, 3)])
    assert main(["batch", "resume", "--runs-dir", str(tmp_path), "--quiet", "--workers", "1"]) == 2
    assert "its weights differ" in capsys.readouterr().err
    assert [entry.status for entry in entries(tmp_path)] == ["waiting"]
    done = work(Job(begun.settings | {"target": "L1N3"}, "a run", tmp_path, "f" * 64))  # as on another machine
    assert done is not None
    assert "its weights differ" in done.said
    assert done.has_failed


def test_what_is_foreign_in_a_failure_does_nothing_to_the_terminal(tmp_path: Path, capsys: Any) -> None:
    database = ResultsDatabase(tmp_path)
    batch = add_batch(database, "mini", "f" * 64, {}, {"neurons": "\x1b[2J"}, [Entry("L0N1", 0, 1)])
    queue = Queue(database, batch)
    assert queue.claim() is not None
    queue.finish("L0N1", "\x1b[2J\u202e\r\n" + "long " * 2000, 1.0)
    assert main(["batch", "resume", "--runs-dir", str(tmp_path), "--quiet"]) == 1
    assert main(["batch", "list", "--runs-dir", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "the first, L0N1: \\x1b[2J\\u202e" in said.err
    assert said.err.endswith("…. All others have results.\n")
    assert len(said.err) < 600
    assert not {"\x1b", "\u202e", "\r"} & set(said.out + said.err)


def test_a_failure_is_told_with_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise LLMNotAvailable("use `explainer=rules`.", settings=("explainer",))

    monkeypatch.setattr("agent.batch.work._explain", fail)
    job = Job({}, "run", tmp_path, "f" * 64)
    assert _attempt(job, tmp_path).said == "use --explainer rules."


def test_a_corpus_that_is_gone_costs_its_neuron_on_a_cluster_too(batches: Batches, tmp_path: Path) -> None:
    engine = pytest.importorskip("tools.engine.ray", reason="Ray is not installed").RayEngine(1, 1, 0, False)
    (begun,) = all_batches(ResultsDatabase(batches.runs))
    database, settings = ResultsDatabase(tmp_path), begun.settings | {"corpus": str(tmp_path / "gone")}
    batch = add_batch(database, "model", begun.model_fingerprint, settings, {}, [Entry("L1N3", 1, 3)])
    entry = Queue(database, batch).claim()
    assert entry is not None
    done = work(_Desk(batch, database, engine, Resources(), QuietDisplay()).job(entry))
    assert done is not None
    assert done.has_failed
    assert f"there is no corpus {tmp_path / 'gone'}" in done.said


def test_published_sentences_compete_where_they_can_be_read(batches: Batches, tmp_path: Path, capsys: Any) -> None:
    sentence = batches.results["L1N3"]["explanation"]
    for index, (words, score) in enumerate([(sentence, 0.1), ("words about code", 0.2), ("x", 0.9)]):
        path = tmp_path / "explanations" / "0" / f"{7 + index}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        scored = {"scored_sequence_simulations": [], "ev_correlation_score": score}
        one = {
            "neuron_id": {"layer_index": 0, "neuron_index": 7 + index},
            "scored_explanations": [{"explanation": words, "scored_simulation": scored}],
        }
        path.write_text(json.dumps(one))
    command = ["batch", "--published", str(tmp_path), "--below", "0.5", *batches.options, "--workers", "1", "--json"]
    assert main(command) == 0
    first, second = json.loads(capsys.readouterr().out)["published"]
    assert (first["neuron"], first["rival"]) == ("L0N7", sentence)
    assert (second["neuron"], second["published"]["explanation"]) == ("L0N8", "words about code")
    assert second["does_not_compete"] == "an explanation in free text needs --simulator openai:MODEL."
    configs = {e.neuron: RunFolder(Path("runs") / str(e.run_id)).manifest()["config"] for e in entries(Path("runs"))}
    assert [configs[neuron]["rivals"] for neuron in ("L0N7", "L0N8")] == [[sentence], []]


def writer_of(folder: Path) -> int | None:
    """The process that has a trace below a folder open and has written more than a few events."""
    for path in folder.glob("neuron-agent-batch-*/*/neurons/*/events.jsonl"):
        if path.read_bytes().count(b"\n") > 5:
            for link in Path("/proc").glob("[0-9]*/fd/*"):
                try:
                    if link.resolve() == path.resolve():
                        return int(link.parts[2])
                except OSError:  # it is closed by now, or another user's
                    continue
    return None


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the worker to be killed in /proc")
def test_on_a_cluster_the_same_is_found_and_a_killed_worker_costs_a_second_try(
    batches: Batches, world: Any, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    runs, there, killed = tmp_path / "r", tmp_path / "there", []
    there.mkdir()
    monkeypatch.setenv("TMPDIR", str(there))  # of the workers, where each makes a folder of its own
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")  # the names of its sockets may not be long
    shutil.copytree(batches.runs, runs)

    def kill_a_worker() -> None:
        wait_until(lambda: killed or killed.extend(filter(None, [writer_of(there)])))
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_a_worker)
    thread.start()
    assert main([*AGAIN, "--runs-dir", str(runs), "--engine", "ray", "--workers", "2"]) == 0
    thread.join()
    on_ray = json.loads(capsys.readouterr().out)
    assert list(there.glob("neuron-agent-batch-*/*/result.json")) == []

    if batches.measured_again is None:  # else the test above has done this on this machine
        alone = tmp_path / "alone"
        shutil.copytree(batches.runs, alone)
        assert main([*AGAIN, "--runs-dir", str(alone), "--workers", "1"]) == 0
        batches.measured_again = batches.plain(alone)
    assert batches.plain(runs) == batches.measured_again
    for entry in entries(runs):  # which read_result and the database agree on, and which can be shown and resumed
        result = result_of(runs, entry)
        assert (result.to_json()["sealed_fold"], result.to_json()["sealed_reused"]) == (1, False)
        assert str(there) not in Path(result.trace).read_text()
        assert agent.resume(str(entry.run_id), runs_dir=runs) == result
    assert [one["old"]["value"] is not None for one in on_ray["measured_again"]] == [True] * 2
