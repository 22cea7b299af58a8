"""Every command through the real command line, on a small model with random weights."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from agent.cli import main
from tools.records.result import Result


@pytest.fixture(scope="module")
def finished(world, tmp_path_factory):
    """The folder of runs after one whole run, what it printed, and its errors."""
    folder = tmp_path_factory.mktemp("finished")
    command = ["explain", "L1N3", "--budget", "3", "--json", *world.options]
    env = os.environ | {"NEURON_AGENT_CACHE": str(tmp_path_factory.getbasetemp() / "evidence")}
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", *command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    return folder / "runs", done


def test_json_is_one_document_and_the_contract(finished):
    runs, done = finished
    assert done.returncode == 0, done.stderr
    result = Result.model_validate_json(done.stdout)
    assert (result.model, result.neuron, result.budget.limit) == ("model", "L1N3", 3)
    folder = runs.parent / result.trace
    assert json.loads((folder.parent / "result.json").read_text()) == json.loads(done.stdout)
    assert "model/L1N3 on " in done.stderr
    assert "score of" in done.stderr


def test_resume_of_a_finished_run_shows_its_result(finished, monkeypatch, capsys):
    runs, done = finished
    monkeypatch.chdir(runs.parent)
    assert main(["resume", "last", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads(done.stdout)
    assert "has finished already" in err


def test_the_summary_holds_what_matters(finished, monkeypatch, capsys):
    runs, done = finished
    result = json.loads(done.stdout)
    assert main(["resume", result["run_id"], "--runs-dir", str(runs), "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"model/L1N3: {result['label']}\n  {result['explanation'].split()[0]} ")
    assert " ".join(result["explanation"].split()) in " ".join(out.split())
    assert f"\n  {result['verdict']}: " in out
    assert f"\n  r = {result['score']['value']:.2f} on unseen text (" in out
    assert len(re.findall("^    .*<<.*>>", out, re.MULTILINE)) == 3
    assert f"more: --full, or agent trace show {result['run_id']} --runs-dir {runs}\n" in out
    assert "sealed score" not in out
    assert main(["resume", result["run_id"], "--runs-dir", str(runs), "--quiet", "--full"]) == 0
    out, err = capsys.readouterr()
    for name in ("sealed score", "token-lookup-30", "token-lookup-full", "null"):
        assert re.search(rf"^  {name} +(-?\d\.\d{{3}} \[|no score \()", out, re.MULTILINE), name
    assert f"sealed split, {result['score']['n_excerpts']} excerpts" in out
    assert f"budget {result['budget']['used']} of 3 used, " in out
    assert result["trace"] in out
    assert f"agent trace show {result['run_id']} --runs-dir {runs}" in out


def test_trace_list_and_show(finished, capsys):
    runs, done = finished
    result = json.loads(done.stdout)
    assert main(["trace", "list", "--runs-dir", str(runs)]) == 0
    out = capsys.readouterr().out
    assert result["run_id"] in out
    assert result["verdict"] in out
    assert main(["trace", "show", "last", "--runs-dir", str(runs)]) == 0
    assert "token-lookup-30" in capsys.readouterr().out


def test_read(world, capsys):
    assert main(["read", "L0N7", "def f(a):", "--model", str(world.model)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("model/L0N7\n")
    assert "|def|" in out
    assert main(["read", "model/L0N7".removeprefix("model/"), "def f(a):", "--model", str(world.model), "--json"]) == 0
    reading = json.loads(capsys.readouterr().out)
    assert (reading["model"], reading["neuron"], "".join(reading["tokens"])) == ("model", "L0N7", "def f(a):")
    assert len(reading["values"]) == len(reading["tokens"])


def test_read_takes_stdin_and_a_target_with_its_model(world):
    command = [sys.executable, "-m", "agent.cli", "read", f"{world.model}/L0N3", "-", "--json"]
    done = subprocess.run(command, input="naïve 12\n".encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    reading = json.loads(done.stdout)
    assert "".join(reading["tokens"]).startswith("na")
    assert reading["tokens"][-1] == "\n"


def test_top(world, capsys):
    assert main(["top", "L1N3", "-n", "4", *world.options]) == 0
    head, _, *lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert re.fullmatch(r"model/L1N3 on corpus: (firing|sparse), fires above \S+", head)
    values = [float(line.split()[0]) for line in lines]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    assert all("«" in line for line in lines)
    assert main(["top", "L1N3", "-n", "4", "--json", "--quiet", *world.options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [f"{max(e['values']):.3f}" for e in found["excerpts"]] == [f"{v:.3f}" for v in values]


def test_a_sentence_of_ones_own(world, capsys):
    sentence = "Fires on `e`, `s` (7); on numbers (-2)."
    assert main(["test", "L1N3", sentence, *world.options]) == 0
    out = capsys.readouterr().out
    assert sentence in out
    assert len(re.findall(r"^  (score|token-lookup-30|gain) +-?\d\.\d{3} \[", out, re.MULTILINE)) == 3
    assert main(["test", "L1N3", sentence, "--json", *world.options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["sentence"], found["score"]["split"]) == (sentence, "development")


def test_auto_says_loudly_that_it_is_mini(monkeypatch, world, capsys):
    monkeypatch.setattr("tools.subject.resolve.MINI", world.model)
    assert main(["read", "L1N3", "x = 1"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("mini/L1N3\n")
    assert err.count("\n") == 1
    assert "mini" in err
    assert "agent fetch gpt2" in err


def test_fetch_of_what_is_bundled(capsys):
    assert main(["fetch", "mini"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def test_ctrl_c_saves_the_run_and_says_how_to_go_on(world, tmp_path):
    command = [sys.executable, "-u", "-m", "agent.cli", "explain", "L1N3", "--budget", "3", *world.options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line)
            if "hypothesis " in line:
                break
        running.send_signal(signal.SIGINT)
        out, rest = running.communicate(timeout=60)
    assert running.returncode == 130, "".join(said) + rest
    assert out == ""
    assert "Traceback" not in rest
    found = re.search(r"agent: .*saved.*`agent resume (\S+)`", rest.splitlines()[-1])
    assert found, rest
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "resume", found[1], "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run_id"] == found[1]
