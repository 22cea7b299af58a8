"""What cannot work ends in one sentence on stderr and the right exit code, with nothing lost and no traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import main

USAGE, NOT_AVAILABLE, STORAGE = 2, 3, 5


@pytest.fixture
def refused(capsys):
    """Run a command that must fail: checks exit code, one sentence, nothing on stdout; returns the sentence."""

    def run(exit_code: int, *arguments: str) -> str:
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        said = [line for line in err.splitlines() if line.startswith("agent")]
        assert code == exit_code, err
        assert out == ""
        assert "Traceback" not in err
        assert len(said) == 1, err
        assert err.endswith(said[0] + "\n")
        assert said[0].endswith(".")
        return said[0].removeprefix("agent: ")

    return run


@pytest.mark.parametrize("target", ["L9N3", "L1N64", "2/0", "L99999999999999999999N0"])
@pytest.mark.parametrize("command", ["explain", "read", "top"])
def test_a_neuron_out_of_range(command, target, world, refused):
    text = ["some text"] if command == "read" else []
    said = refused(USAGE, command, target, *text, "--model", world.model)
    assert said.endswith("model has layers 0-1 and neurons 0-63 a layer.")


@pytest.mark.parametrize(
    "target", ["", "5", "L5", "N131L5", "L-1N3", "L1N3x", "L1.5N3", "gpt2/", "\udcff", "L1N3\nL1N4"]
)
def test_a_malformed_target(target, world, refused):
    said = refused(USAGE, "explain", target, "--model", world.model)
    assert said == f"cannot read the target {target!r}: write it as L5N131, 5/131 or gpt2-xl/L5N131."


@pytest.mark.parametrize("name", ["gpt5", "./nowhere", ""])
def test_an_unknown_model(name, refused):
    assert "unknown model" in refused(USAGE, "explain", "L1N3", "--model", name)


@pytest.mark.parametrize("command", [["explain", "gpt2/L1N3"], ["read", "gpt2/L1N3", "x"], ["fetch", "gpt2"]])
def test_a_model_that_is_not_here(command, refused):
    said = refused(NOT_AVAILABLE, *command)
    assert "gpt2 is not on this machine" in said
    assert "agent fetch gpt2" in said


@pytest.mark.parametrize("name", ["auto", "nonsense", "../here"])
def test_what_cannot_be_fetched(name, refused):
    assert refused(USAGE, "fetch", name).startswith(f"unknown model {name!r}: name gpt2, ")


def test_a_broken_model_folder(world, tmp_path, refused):
    def broken(part: str) -> Path:
        folder = tmp_path / f"without-{part}"
        shutil.copytree(world.model, folder)
        return folder

    folder = broken("config.json")
    (folder / "config.json").unlink()
    assert "no config.json" in refused(USAGE, "explain", "L1N3", "--model", folder)
    folder = broken("weights")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-50])
    assert "should have" in refused(USAGE, "explain", "L1N3", "--model", folder)
    folder = broken("tokenizer")
    (folder / "tokenizer.json").write_bytes(b"\xff\x00 not json")
    assert str(folder) in refused(USAGE, "explain", "L1N3", "--model", folder)
    folder = broken("layers")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 3}))
    assert str(folder) in refused(USAGE, "explain", "L2N3", "--model", folder)


def test_a_corpus_that_cannot_be_used(world, tmp_path, refused):
    def with_corpus(exit_code: int, corpus: object) -> str:
        return refused(exit_code, "explain", "L1N3", "--model", world.model, "--corpus", corpus)

    empty, blank, binary, latin, bad_json = (tmp_path / n for n in ("empty.txt", "blank", "b.txt", "l.txt", "x.jsonl"))
    empty.write_text("")
    blank.mkdir()
    binary.write_bytes(bytes(range(256)) * 20)
    latin.write_bytes("größer, schöner, länger ".encode("latin-1") * 200)
    bad_json.write_text('{"text": "fine"}\n{"text": ')
    assert "the corpus empty.txt is empty" in with_corpus(USAGE, empty)
    assert "the corpus blank is empty" in with_corpus(USAGE, blank)
    assert f"{binary} is a binary file" in with_corpus(USAGE, binary)
    assert f"{latin} is not UTF-8 text from byte 2 on" in with_corpus(USAGE, latin)
    assert "line 2, is not JSON" in with_corpus(USAGE, bad_json)
    assert "there is no corpus" in with_corpus(USAGE, tmp_path / "missing.txt")


def test_a_corpus_too_short_to_split(world, tmp_path, refused):
    short = tmp_path / "short.txt"
    short.write_text("Call me Ishmael. " * 20)
    said = refused(USAGE, "explain", "L1N3", "--model", world.model, "--corpus", short)
    assert "short.txt" in said
    assert "too short" in said
    said = refused(USAGE, "explain", "L1N3", *world.options, "--corpus-tokens", "100")
    assert "too short" in said


def test_a_few_stray_bytes_in_a_corpus_are_said_and_survived(world, tmp_path, capsys):
    shutil.copytree(world.corpus, tmp_path / "stray")
    first = min((tmp_path / "stray").iterdir())
    first.write_bytes(b"\xff\xfe" + first.read_bytes())
    assert main(["top", "L1N3", "--model", str(world.model), "--corpus", str(tmp_path / "stray")]) == 0
    assert "replaced 2 characters that are not UTF-8" in capsys.readouterr().err


def test_text_to_read_that_cannot_be_read(world, monkeypatch, refused):
    model = ["--model", str(world.model)]
    assert "the text is empty" in refused(USAGE, "read", "L1N3", "", *model)
    assert "not UTF-8" in refused(USAGE, "read", "L1N3", "caf\udce9", *model)
    assert "95 tokens" in refused(USAGE, "read", "L1N3", "word " * 500, *model)


def test_bytes_on_stdin_that_are_not_utf8(world):
    command = [sys.executable, "-m", "agent.cli", "read", "L1N3", "-", "--model", str(world.model)]
    done = subprocess.run(command, input=b"caf\xe9", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (USAGE, b"")
    assert done.stderr == b"agent: the text on stdin is not UTF-8 from byte 3 on: convert it first.\n"


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("", "expected 'Fires' and found the end"),
        ("verbs", "expected 'Fires' and found 'verbs'"),
        ("fires often", "expected 'on' and found 'often'"),
        ("Fires on no such class.", "or the name of a class (`agent concepts list`) and found 'no'"),
        ("Fires on modals in.", "or the name of a class (`agent concepts list`) and found the end"),
        ("Fires on `e` (11).", "not a sentence of the rule language"),
        ("Fires on `e`.", "not a sentence of the rule language"),
    ],
)
def test_a_sentence_that_nobody_can_read_is_refused_with_what_to_write(sentence, said, world, refused):
    for command in (["test", "L1N3", sentence], ["explain", "L1N3", "--rival", sentence]):
        told = refused(USAGE, *command, *world.options)
        assert said in told
        assert "write it like this one: Fires " in told


def test_a_readable_sentence_is_scored_as_the_reader_would_write_it(world, capsys):
    assert main(["test", "L1N3", 'fires on closing brackets, and weakly on "e"', *world.options]) == 0
    assert 'Fires on closing brackets and weakly on "e".' in capsys.readouterr().out


def test_a_sentence_about_what_is_no_token(world, refused):
    for command in (["test", "L1N3"], ["explain", "L1N3", "--rival"]):
        said = refused(USAGE, *command, "Fires on `unheard-of` (5).", *world.options)
        assert said.startswith("`unheard-of` is not one token of this model")
    assert not Path("runs").exists()


def test_a_dead_neuron_is_a_verdict(world, capsys):
    assert main(["explain", "L0N7", "--json", *world.options]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["verdict"], result["explanation"], result["budget"]["used"]) == ("dead", None, 0)
    for score in (result["score"], result["development_score"], *result["baselines"].values()):
        assert score["value"] is None
        assert score["reason"]
    assert "dead" in result["score"]["reason"]
    assert main(["trace", "show", "last"]) == 0
    assert "dead" in capsys.readouterr().out
    assert main(["test", "L0N7", "Fires on `e` (5).", *world.options]) == 0
    assert "no score (" in capsys.readouterr().out


def test_a_run_directory_that_cannot_be_made(world, tmp_path, refused):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "inner", tmp_path / ("x" * 300)):
        said = refused(STORAGE, "explain", "L0N7", *world.options, "--runs-dir", folder)
        assert str(folder) in said
        assert "--runs-dir" in said
    assert "/proc/nowhere" in refused(STORAGE, "explain", "L0N7", *world.options, "--runs-dir", "/proc/nowhere")
    assert (tmp_path / "file").read_text() == "in the way"


def test_an_evidence_cache_that_cannot_be_written(world, tmp_path, monkeypatch, refused):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "file"))
    said = refused(STORAGE, "top", "L0N7", *world.options)
    assert str(tmp_path / "file") in said
    assert "NEURON_AGENT_CACHE" in said


@pytest.fixture
def no_home(monkeypatch) -> None:
    """A user that the system does not know, with no HOME, as containers often have it."""

    def unknown(*_):
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "NEURON_AGENT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "~/.cache/huggingface/hub")


@pytest.mark.parametrize(
    "words",
    [
        ("top", "L0N7"), ("explain", "L0N7"), ("test", "L0N7", "Fires on `e` (5)."), ("index", "build"),
        ("explain", "L0N7", "--explainer", "openai:x", "--llm-url", "http://127.0.0.1:9/v1"),
    ],
)  # fmt: skip
def test_a_user_without_a_home_is_told_what_to_set(words, world, no_home, refused):
    assert "name a folder with NEURON_AGENT_CACHE" in refused(STORAGE, *words, *world.options)


def test_a_user_without_a_home_and_hugging_faces_cache(world, no_home, tmp_path, monkeypatch, refused, capsys):
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "cache"))
    assert "name a folder with HF_HOME" in refused(STORAGE, "fetch", "gpt2")
    assert "name a folder with HF_HOME" in refused(STORAGE, "explain", "gpt2/L0N7")
    assert main(["top", "L0N7", *world.options]) == 0
    monkeypatch.setattr("tools.subject.resolve.MINI", world.model)
    assert main(["read", "L1N3", "x = 1"]) == 0  # `auto` is mini, since nothing can have been fetched
    assert not Path("~").exists()


@pytest.mark.parametrize("home", ["~/x", "~nobody-of-that-name/x"])
def test_a_home_that_is_unknown_in_a_path(home, world, no_home, monkeypatch, tmp_path, refused):
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "cache"))
    assert home in refused(USAGE, "read", "L0N7", "x", "--model", home)
    assert home in refused(USAGE, "top", "L0N7", "--model", world.model, "--corpus", home)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 256 kB, where mounting one is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_for_the_cache(world, small_disk, monkeypatch, refused):
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(small_disk / "cache"))
    said = refused(STORAGE, "top", "L0N7", *world.options)
    assert "free some space" in said
    assert str(small_disk) in said


def test_a_full_disk_for_an_index(world, small_disk, refused):
    said = refused(STORAGE, "index", "build", *world.options, "--out", small_disk / "index", "--workers", "1")
    assert "free some space there, or name another folder with --out" in said
    assert "the same command goes on from there" in said


def test_a_read_only_disk(world, small_disk, monkeypatch, refused):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    said = refused(STORAGE, "explain", "L0N7", *world.options, "--runs-dir", small_disk / "runs")
    assert "the disk is read-only; choose another folder with --runs-dir" in said
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(small_disk / "cache"))
    assert "NEURON_AGENT_CACHE" in refused(STORAGE, "top", "L0N7", *world.options)


@pytest.mark.parametrize("free_kb", [12, 32])
def test_a_disk_that_fills_up_during_a_run_loses_nothing(free_kb, world, small_disk, refused, capsys):
    runs = small_disk / "runs"
    filler = small_disk / "filler"
    filler.write_bytes(bytes((256 - free_kb) * 1024))
    said = refused(STORAGE, "explain", "L1N3", "--budget", "3", *world.options, "--runs-dir", runs)
    assert "disk is full" in said
    assert main(["trace", "show", "last", "--runs-dir", str(runs)]) == 0
    assert "agent resume" in capsys.readouterr().out
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert main(["resume", "last", "--runs-dir", str(runs), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["budget"]["limit"] == 3


def test_writes_that_fail_in_the_middle_of_a_run(world, monkeypatch, refused, capsys):
    """The same without a disk of its own: the operating system takes so many bytes for the trace and no more."""
    write, left = os.write, 3_000

    def limited(fd, data):
        nonlocal left
        if fd > 2:
            left -= len(data)
            if left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr("traces.storage.os.write", limited)
    said = refused(STORAGE, "explain", "L0N7", *world.options)
    assert "the disk is full; free some space" in said
    monkeypatch.undo()


@pytest.fixture
def half_written(world, tmp_path, monkeypatch, capsys) -> Path:
    """The trace of a run that was killed while it wrote a line."""
    assert main(["explain", "L0N7", "--quiet", *world.options]) == 0
    capsys.readouterr()
    (events,) = Path("runs").glob("*/neurons/*/events.jsonl")
    (events.parent / "result.json").unlink()
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    return events


def test_a_half_written_trace_is_shown_and_resumed(half_written, capsys):
    assert main(["trace", "list"]) == 0
    assert main(["trace", "show", "last"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert main(["resume", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "dead"


def test_a_damaged_trace_is_not_gone_on_with(half_written, refused, capsys):
    lines = half_written.read_bytes().splitlines(keepends=True)
    half_written.write_bytes(lines[0][:50] + b"\n" + b"".join(lines[1:]))
    before = half_written.read_bytes()
    assert "line 1" in refused(STORAGE, "resume", "last")
    assert half_written.read_bytes() == before
    assert main(["trace", "show", "last"]) == 0
    assert "damaged" in capsys.readouterr().out


def test_a_damaged_manifest(half_written, refused):
    (half_written.parents[2] / "run.json").write_text("{")
    assert "run.json is damaged" in refused(STORAGE, "resume", "last")
    (half_written.parents[2] / "run.json").write_text('{"config": {"budget": 0}}')
    assert "run.json is damaged" in refused(STORAGE, "resume", "last")


def test_an_unknown_run(half_written, refused):
    for command in (["resume"], ["trace", "show"]):
        said = refused(USAGE, *command, "20990101-nothing")
        assert "there is no run '20990101-nothing'" in said
        assert half_written.parents[2].name in said
        assert "has no runs" in refused(USAGE, *command, "last", "--runs-dir", "elsewhere")
