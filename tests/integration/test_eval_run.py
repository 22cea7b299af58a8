"""`agent eval run`: what is run, what a failure costs, and that the same command goes on where it was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main
from agent.setup.variants.load import Variant, load_variant
from evals import manifest_check
from evals.folder import EvalFolder
from evals.manifest_check import code_sha256, refuse_another
from evals.records import Manifest
from evals.run import evaluate
from evals.suite import load_suite
from evals.suite_neurons import SuiteNeuron
from evals.tasks import plan
from tools.errors import BadInput, StorageError
from tools.records.neuron import NeuronId
from traces.text.console import QuietDisplay
from traces.text.remaining_time import RemainingTime, duration

HERE = Path(__file__).parent
A, B = Variant("a", settings={"patience": 3}), Variant("b")


class Said(QuietDisplay):
    def __init__(self):
        self.notes, self.steps = [], []

    def note(self, message):
        self.notes.append(message)

    def start(self, total, what, *, in_bytes=False):
        self.steps.append([what, total, 0])

    def advance(self, n):
        self.steps[-1][2] += n


def write_suite(folder, *neurons, name="mine"):
    functions = "\n".join(f"def {neuron}(tokens):\n    return [1.0] * len(tokens)\n" for neuron in neurons)
    (folder / f"{name}_functions.py").write_text(functions)
    entries = [f'[[neuron]]\nplanted = "{name}_functions:{neuron}"\ntruth = "every token"\n' for neuron in neurons]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(entries))
    return load_suite(path)


@pytest.fixture(autouse=True)
def _own_path(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for module in [module for module in sys.modules if module.endswith("_functions")]:
        del sys.modules[module]


def run(suite, variants=(A, B), *, seeds=1, halves=False, budget=None, jobs=2, display=None, out="out"):
    failed = evaluate(
        suite, variants, seeds=seeds, halves=halves, budget=budget, out=Path(out), jobs=jobs,
        display=display or Said(), worker="fake_worker",
    )  # fmt: skip
    return EvalFolder(Path(out)), failed


def ran(out="out"):
    return sorted(Path(out, "ran.txt").read_text().splitlines())


def test_every_cell_once_and_no_more(tmp_path, capfd):
    suite, said = write_suite(tmp_path, "one", "two"), Said()
    folder, failed = run(suite, seeds=2, halves=True, jobs=1, display=said)
    expected = {(v, n, s, None) for v in "ab" for n in ("one", "two") for s in (0, 1)}
    expected |= {(v, n, 0, half) for v in "ab" for n in ("one", "two") for half in (0, 1)}
    assert {cell.key for cell in folder.cells()} == expected
    assert failed == []
    assert {record.name for record in folder.neurons()} == {"one", "two"}
    assert [record.target for record in folder.neurons()] == ["L0N0", "L0N1"]
    assert said.steps == [["evaluating", 18, 18]]
    assert sum("a, one, seed 0, half 1: supported, 0.500" in note for note in said.notes) == 1
    assert all(" left" in note for note in said.notes[2:-1])  # once one of each kind is done
    assert not any(" left" in note for note in (*said.notes[:2], said.notes[-1]))
    assert capfd.readouterr().out == ""  # stdout is for the table

    manifest = folder.manifest()
    assert (manifest.suite, manifest.suite_sha256, manifest.seeds, manifest.halves) == ("mine", suite.sha256, 2, True)
    assert (manifest.model, manifest.corpus, manifest.model_fingerprint) == (
        "mini", "the model's own", "model mini with 2",
    )  # fmt: skip
    assert manifest.variants["a"]["patience"] == 3
    assert manifest.variants["b"]["patience"] == 2
    assert manifest.code == code_sha256()

    before = ran()
    assert len(before) == 16
    again = Said()
    run(suite, seeds=2, halves=True, display=again)
    assert ran() == before
    assert again.notes == ["out has 16 results; 0 are missing."]
    assert Path("out/scans.txt").read_text() == "0 True\n"


def test_more_seeds_and_more_variants_are_added(tmp_path):
    suite = write_suite(tmp_path, "one")
    run(suite, [A], budget=5)
    folder, _ = run(suite, [B], seeds=2, budget=5)
    assert {cell.key[:3] for cell in folder.cells()} == {("a", "one", 0), ("b", "one", 0), ("b", "one", 1)}
    manifest = folder.manifest()
    assert (list(manifest.variants), manifest.seeds) == (["a", "b"], 2)
    assert manifest.variants["b"]["budget"] == 5
    run(suite, [A], seeds=2, budget=5)
    assert len(folder.cells()) == 4


def test_what_raises_is_a_result_with_an_error_and_is_tried_again(tmp_path):
    suite, said = write_suite(tmp_path, "one", "raises", "unmeasurable"), Said()
    folder, failed = run(suite, [A], display=said)
    cell, neuron = failed
    assert cell.key[:2] == ("a", "raises")
    assert (cell.error.kind, cell.error.message) == ("BadInput", "it is broken: mend it.")
    assert neuron.name == "unmeasurable"
    assert (neuron.error.kind, neuron.error.message) == ("ValueError", "no such thing")
    assert any("unmeasurable: failed: ValueError: no such thing" in note for note in said.notes)
    assert {record.name: record.status for record in folder.neurons()} == {
        "one": "firing", "raises": "firing", "unmeasurable": None,
    }  # fmt: skip
    Path("out/mended").touch()
    again = Said()
    _, failed = run(suite, [A], display=again)
    assert [neuron.name for neuron in failed] == ["unmeasurable"]
    assert len(folder.cells()) == 3
    assert ran().count("a one 0 None") == 1
    assert again.steps == [["evaluating", 2, 2]]  # the run, and the neuron that could not be measured


def test_a_killed_process_costs_its_own_cells_only(tmp_path):
    suite = write_suite(tmp_path, "one", "dies", "two", "dies_once", "three", "four")
    folder, failed = run(suite, [A], jobs=2)
    assert {cell.neuron for cell in folder.cells()} == {"one", "dies", "two", "dies_once", "three", "four"}
    assert [cell.neuron for cell in failed] == ["dies"]
    assert failed[0].error is not None
    assert failed[0].error.kind == "Died"
    assert "the system kills" in failed[0].error.message
    assert ran().count("a dies_once 0 None") == 2


INTERRUPTED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from agent.setup.variants.load import Variant
from evals.run import evaluate
from evals.suite import load_suite
from tools.errors import AgentError
from traces.text.console import make_display

if __name__ == "__main__":
    try:
        evaluate(load_suite(sys.argv[2]), [Variant("a")], seeds=2, halves=False, budget=None, out=Path("out"), jobs=2,
                 display=make_display(), worker="fake_worker")
    except AgentError as error:
        print(f"agent: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_ends_at_once_and_goes_on(tmp_path, sent):
    write_suite(tmp_path, "slow", "one")
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), str(HERE), str(tmp_path / "mine.toml")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "one, seed 1" in line:  # the slow one is still at its second seed
                break
        # Ctrl-C in a terminal goes to the whole group, a kill to one process.
        os.killpg(running.pid, sent) if sent == signal.SIGINT else os.kill(running.pid, sent)
        rest = running.stderr.read()  # to the end: whoever still runs holds it open
        code = running.wait(timeout=30)
    if sent == signal.SIGINT:
        assert code == 130
        assert rest.splitlines()[-1] == (
            "agent: stopped; every finished result is in out. The same command goes on where it was."
        )
        assert "Traceback" not in rest
    folder = EvalFolder(Path("out"))
    assert {cell.key[1:3] for cell in folder.cells()} == {("slow", 0), ("one", 0), ("one", 1)}


def test_puzzles_need_no_model(tmp_path):
    puzzle = (
        '{"p": {"explanation": "Fires on `a` (3).", "sentences": [["a"], [["a", 3], "b"]], "false_explanations": []}}'
    )
    (tmp_path / "p.json").write_text(puzzle)
    (tmp_path / "mine.toml").write_text('[[puzzles]]\nfile = "p.json"\n')
    folder, failed = run(load_suite(tmp_path / "mine.toml"), [Variant("a"), Variant("b")])
    assert failed == []
    assert {cell.key for cell in folder.cells()} == {(v, "p", 0, None) for v in "ab"}
    assert [record.kind for record in folder.neurons()] == ["puzzle"]
    assert (folder.manifest().model_fingerprint, folder.manifest().corpus_fingerprint) == ("", "")


def test_two_variants_of_one_name(tmp_path):
    suite = write_suite(tmp_path, "one")
    with pytest.raises(BadInput, match="two variants are called a: rename one of the files"):
        run(suite, [A, Variant("a")])


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    run(write_suite(tmp_path, "one"), [A])
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    suite = write_suite(tmp_path, "one", "two")
    for do in (lambda: run(suite, [A]), lambda: run(write_suite(tmp_path, "one"), [A], budget=3)):
        with pytest.raises(BadInput, match=r"^out holds another evaluation: .* Give another folder with --out\.$"):
            do()
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


def test_a_folder_that_is_a_file(tmp_path):
    Path("out").write_text("x")
    with pytest.raises(StorageError, match="out"):
        run(write_suite(tmp_path, "one"), [A])


ASKED = {
    "suite": "s", "suite_sha256": "1", "variants": {"a": {"budget": 20, "patience": 2}}, "seeds": 3, "model": "mini",
    "corpus": "c", "model_fingerprint": "m", "corpus_fingerprint": "f", "code": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"suite": "t"}, "its suite is s, not t."),
        ({"suite_sha256": "2"}, "its suite file or a puzzle file has changed."),
        ({"model": "gpt2"}, "its model is mini, not gpt2."),
        ({"corpus": "d"}, "its text is c, not d."),
        ({"code": "y"}, "the program, numpy or scikit-learn has changed since."),
        ({"model_fingerprint": "n"}, "the weights of its model, or the source of its planted functions, have changed."),
        ({"corpus_fingerprint": "g"}, "its text has changed."),
        ({"seeds": 2}, "it has 3 seeds, and this command asks for fewer (2)."),
        ({"variants": {"a": {"budget": 10, "patience": 2}}}, "its variant a has budget = 20, not 10."),
    ],
)
def test_what_differs_is_said(change, said):
    old = Manifest(**ASKED)
    with pytest.raises(BadInput) as error:
        refuse_another(Path("out"), old, ASKED | change)
    assert str(error.value) == f"out holds another evaluation: {said} Give another folder with --out."
    refuse_another(Path("out"), old, ASKED | {"seeds": 4, "variants": {"b": {"budget": 1}}})


def test_the_clock_tells_by_kind_once_one_of_each_is_done():
    clock = RemainingTime(["fast"] * 3 + ["slow"] * 3, 2)
    clock.done("fast", 1.0)
    assert clock.left() is None
    clock.done("slow", 9.0)
    assert clock.left() == pytest.approx((2 * 1 + 2 * 9) / 2)
    for _ in range(2):
        clock.done("fast", 1.0)
    clock.done("slow", 11.0)
    assert clock.left() == pytest.approx(10.0)  # one task keeps one process
    assert [duration(s) for s in (0.4, 89, 90, 5399, 5400)] == ["0 s", "89 s", "2 min", "90 min", "1.5 h"]


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.booleans())
def test_a_plan_names_every_cell_once(n_neurons, n_variants, seeds, halves):
    neurons = [SuiteNeuron(f"n{i}", "truth", NeuronId(0, i), "m:f") for i in range(n_neurons)]
    cells = plan(neurons, [Variant(f"v{i}") for i in range(n_variants)], seeds, halves)
    assert len({cell.key for cell in cells}) == len(cells) == n_neurons * n_variants * (seeds + 2 * halves)


def test_a_neuron_that_calls_sys_exit_is_a_failed_one(tmp_path):
    suite = write_suite(tmp_path, "leaves", "one")
    folder, failed = run(suite, [A], jobs=1)
    assert [(cell.neuron, cell.error.kind) for cell in failed] == [("leaves", "SystemExit")]
    assert len(folder.cells()) == 2


def test_failures_are_said_even_quietly_and_in_the_exit_code(tmp_path, monkeypatch, capsys):
    write_suite(tmp_path, "one", "raises", "unmeasurable")
    monkeypatch.setattr("evals.run.EVALUATIONS", tmp_path)
    monkeypatch.setattr("evals.run.evaluate.__kwdefaults__", {"worker": "fake_worker"})
    command = ["eval", "run", "mine.toml", "--out", "out", "--jobs", "1", "--quiet"]
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert "agent eval report out" in out
    assert err == (
        "agent: results that failed and are Unscored: 1; neurons that could not be measured: 1; the first, tournament "
        "on raises: it is broken: mend it. The same command tries them again.\n"
    )


def test_a_folder_that_cannot_be_written_is_named_by_its_option(tmp_path):
    Path("file").write_text("x")
    with pytest.raises(StorageError, match="`out`") as caught:
        run(write_suite(tmp_path, "one"), [A], out="file/out")
    assert "runs_dir" not in str(caught.value)


def test_a_planted_truth_that_never_fires_is_said(tmp_path, monkeypatch, capsys):
    write_suite(tmp_path, "one", "silent")
    monkeypatch.setattr("evals.run.evaluate.__kwdefaults__", {"worker": "fake_worker"})
    assert main(["eval", "run", "mine.toml", "--out", "out", "--jobs", "1", "--quiet"]) == 0
    assert "dead on this text, so there is nothing to find: silent." in capsys.readouterr().out


def test_the_code_is_what_decides_numbers(monkeypatch):
    assert any(path.match("evals/ground_truth.py") for path in deciding())
    assert any(path.match("evals/planted/shipped.py") for path in deciding())
    assert {"trigger_and_lineup.py", "lineup.py", "correlations.py", "trigger.py"} <= {path.name for path in deciding()}
    before = code_sha256()
    monkeypatch.setattr("evals.manifest_check.version", lambda package: "0")
    assert code_sha256() != before


def deciding():
    root = Path(HERE).parents[1]
    return [path for pattern in manifest_check._DECIDING for path in root.glob(pattern)]


def test_the_command_on_a_real_model(world, tmp_path, capsys):
    (tmp_path / "mine").mkdir()  # modules beside the suite are found, wherever the command is typed
    source = "def words(tokens):\n    return [float(t.startswith(' ')) for t in tokens]\n"
    (tmp_path / "mine" / "space_functions.py").write_text(source)
    suite = tmp_path / "mine" / "mine.toml"
    suite.write_text(
        f'model = "{world.model}"\ncorpus = "{world.corpus}"\nceiling = false\n'
        '[[neuron]]\nplanted = "space_functions:words"\ntruth = "tokens that begin with a space"\n'
        '[[neuron]]\ntarget = "L1N3"\n'
    )
    command = ["eval", "run", str(suite), "--variant", "token-lookup-30", "--budget", "3", "--jobs", "1", "--quiet"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "agent eval report evaluations/mine" in out
    folder = EvalFolder(Path("evaluations/mine"))
    cells = {cell.neuron: cell for cell in folder.cells()}
    assert {name: cell.error for name, cell in cells.items()} == {"words": None, "L1N3": None}
    assert all((folder.path / cell.trace).is_file() for cell in cells.values())
    recovery = cells["words"].recovery
    assert recovery is not None
    assert recovery.value is None or -1 <= recovery.value <= 1
    assert cells["L1N3"].recovery is None
    assert {record.name: record.status for record in folder.neurons()}.keys() == {"words", "L1N3"}
    results = (folder.path / "results.jsonl").read_bytes()
    assert main(command) == 0
    assert (folder.path / "results.jsonl").read_bytes() == results


def test_what_cannot_be_used_is_said_in_one_sentence(tmp_path, capsys):
    for arguments in (["run", "plantet"], ["run", "puzzles", "--variant", "tournement"], ["compare", "nowhere"]):
        assert main(["eval", *arguments]) == 2
        err = capsys.readouterr().err
        assert err.startswith("agent: ")
        assert err.count("\n") == 1


def test_the_list_names_all_that_ships(capsys):
    assert main(["eval", "list"]) == 0
    out = capsys.readouterr().out
    assert "  planted " in out
    assert all(f"  {name} " in out for name in ("token-lookup-30", "no-minimal-pairs"))
    assert load_variant("one-shot").about in out
