"""`agent index` as processes: killed, resumed, with one worker and two, on Ray; and `agent explain` that uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.cli import main


def build(world, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agent.cli", "index", "build", *world.options, "--out", str(out), "--quiet", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def ended_well(process: subprocess.Popen[bytes]) -> None:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    assert b"index of model on corpus" in out


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def wait_for_shards(out: Path, n: int) -> None:
    deadline = time.monotonic() + 60
    shards = out.with_name(f"{out.name}.building") / "shards"
    while len(list(shards.glob("*.shard"))) < n:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def index(world, tmp_path_factory):
    """Built by one worker, undisturbed."""
    os.environ["NEURON_AGENT_CACHE"] = str(tmp_path_factory.getbasetemp() / "evidence")
    out = tmp_path_factory.mktemp("index") / "built"
    ended_well(build(world, out, "--workers", "1"))
    return out


def test_a_killed_build_goes_on_with_more_workers_and_ends_in_the_same_bytes(world, index, tmp_path):
    out = tmp_path / "killed"
    process = build(world, out, "--workers", "1")
    wait_for_shards(out, 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not out.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed.building" / "shards").glob("*.shard")}
    assert kept
    ended_well(build(world, out, "--workers", "2"))
    assert bytes_of(out) == bytes_of(index)
    assert json.loads((out / "manifest.json").read_text())["excerpts"]["explore"] > 500


def test_ctrl_c_ends_a_build_at_once_and_says_how_to_go_on(world, tmp_path):
    out = tmp_path / "stopped"
    process = build(world, out, "--workers", "1", "--batch-excerpts", "2")
    wait_for_shards(out, 1)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"kept in {out}.building, and the same command goes on from it" in err.decode()


def test_two_workers_of_ray_one_of_them_killed_build_the_same_bytes(world, index, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    out = tmp_path / "ray"
    process = build(world, out, "--engine", "ray", "--workers", "2")
    pid = a_worker(process.pid)
    os.kill(pid, signal.SIGKILL)
    assert not out.exists()
    ended_well(process)
    assert bytes_of(out) == bytes_of(index)


def a_worker(parent: int) -> int:
    """A Ray actor of ours among the processes below `parent`."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        below = {parent}
        for _ in range(4):
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    name = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if int(fields[1]) in below:
                    below.add(int(entry.name))
                    if name.startswith(b"ray::_Actor"):
                        return int(entry.name)
        time.sleep(0.02)
    raise AssertionError("no actor was started")


def test_an_index_is_described_checked_and_looked_up(world, index, capsys):
    assert main(["index", "info", "--index", str(index), "--check"]) == 0
    said = capsys.readouterr().out
    assert "index of model on corpus" in said
    assert "all files are as they were written" in said
    assert main(["index", "neuron", "L1N3", "--model", str(world.model), "--index", str(index), "-n", "3"]) == 0
    assert "fires above about" in capsys.readouterr().out
    looked = ["index", "neuron", "L1N3", "--model", str(world.model), "--index", str(index), "--json"]
    assert main(looked) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["dataclass_name"] == "NeuronRecord"
    best = [max(text["activations"]) for text in record["most_positive_activation_records"]]
    assert best == sorted(best, reverse=True)


def test_a_damaged_index_another_model_and_no_index_are_said(world, index, tmp_path, capsys):
    import shutil

    shutil.copytree(index, tmp_path / "damaged")
    path = tmp_path / "damaged" / "layer-001.npy"
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    options = ["--model", str(world.model), "--index"]
    assert main(["index", "neuron", "L1N3", *options, str(tmp_path / "damaged")]) == 5
    assert f"{path} is damaged (its checksum does not fit)" in capsys.readouterr().err
    assert main(["index", "neuron", "L1N3", "--model", "mini", "--index", str(index)]) == 2
    assert "is of model with another tokenizer than mini" in capsys.readouterr().err
    assert main(["index", "info", *options[:2], "--corpus", str(world.corpus)]) == 2
    assert "`agent index build --model" in capsys.readouterr().err
    elsewhere = [*options, str(index), "--corpus", "owner/name"]
    for command in (["explain", "L1N3"], ["index", "neuron", "L1N3"], ["index", "info"]):
        assert main([*command, *elsewhere]) == 2
        assert "is of the corpus corpus, not of owner/name" in capsys.readouterr().err
    path.unlink()
    assert main(["index", "info", "--index", str(tmp_path / "damaged")]) == 5
    assert f"{path} is damaged (No such file or directory)" in capsys.readouterr().err
    assert main(["explain", "L1N3", *options, str(index), "--corpus-tokens", "9000"]) == 2
    assert "leave out --index or --corpus-tokens" in capsys.readouterr().err


def test_explain_takes_its_evidence_from_an_index_and_resumes_with_it(world, index, capsys):
    command = ["explain", "L1N3", *world.options, "--index", str(index), "--budget", "3", "--json"]
    assert main(command) == 0
    found = capsys.readouterr()
    assert "from the index in" in found.err
    first = json.loads(found.out)
    (run,) = Path("runs").glob("*/run.json")
    manifest = json.loads(run.read_text())
    assert manifest["config"]["index"] == manifest["index"]["folder"] == str(index.resolve())
    (events,) = Path("runs").glob("*/neurons/*/events.jsonl")
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[: len(lines) // 2]))
    (events.parent / "result.json").unlink()
    assert main(["resume", "last", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    changing = ("seconds", "run_id", "trace")
    assert {k: v for k, v in again.items() if k not in changing} == {
        k: v for k, v in first.items() if k not in changing
    }


def test_a_small_index_is_not_taken_unasked(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "cache"))  # or later tests would find the index
    build = ["index", "build", *world.options, "--corpus-tokens", "30000", "--workers", "1", "--quiet"]
    assert main(build) == 0
    capsys.readouterr()
    assert main(["top", "L1N3", *world.options, "-n", "1"]) == 0
    assert "from the index" not in capsys.readouterr().err
    assert main(["index", "build", *world.options, "--workers", "1", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["top", "L1N3", *world.options, "-n", "1"]) == 0
    assert "from the index" in capsys.readouterr().err
