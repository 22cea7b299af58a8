from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tools.errors import BadInput, NotAvailable
from tools.subject import resolve as resolve_module
from tools.subject.folder import check_folder
from tools.subject.load import open_subject
from tools.subject.names import hub_ids, is_hub_name, short_name
from tools.subject.resolve import resolve


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def mini(save_gpt2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small model in the place of the bundled one."""
    save_gpt2(tmp_path / "mini")
    monkeypatch.setattr(resolve_module, "MINI", tmp_path / "mini")
    return tmp_path / "mini"


def put_in_cache(cache: Path, repo: str, save_gpt2: Any) -> Path:
    root = cache / f"models--{repo.replace('/', '--')}"
    folder = root / "snapshots" / ("0" * 40)
    save_gpt2(folder)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("0" * 40)
    return folder


def test_mini_and_a_folder_are_themselves(mini: Path, tmp_path: Path, save_gpt2: Any) -> None:
    found = resolve("mini")
    assert (found.path, found.name, found.fell_back) == (mini, "mini", False)
    save_gpt2(tmp_path / "mine")
    found = resolve(str(tmp_path / "mine"))
    assert (found.path, found.name, found.fell_back) == (tmp_path / "mine", "mine", False)
    assert open_subject(resolve(str(tmp_path / "mine"))).name == "mine"


def test_nothing_in_a_folder_name_moves_the_cursor_or_ends_a_line(tmp_path: Path, save_gpt2: Any) -> None:
    folder = tmp_path / "a\nb\u202e\x1b[31m 模型"
    save_gpt2(folder)
    found = resolve(str(folder))
    assert (found.path, found.name) == (folder, "a_b__[31m 模型")


@pytest.mark.parametrize("cached", ["gpt2", "openai-community/gpt2"])
@pytest.mark.parametrize("asked", ["gpt2", "openai-community/gpt2", "gpt2-small"])
def test_every_spelling_of_gpt2_finds_it(cached: str, asked: str, cache: Path, save_gpt2: Any) -> None:
    folder = put_in_cache(cache, cached, save_gpt2)
    assert (resolve(asked).path, resolve(asked).name) == (folder, "gpt2")


def test_a_folder_called_gpt2_does_not_swap_the_model(
    cache: Path, save_gpt2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_gpt2(tmp_path / "here" / "gpt2")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(NotAvailable):
        resolve("gpt2")
    assert resolve("./gpt2").path == Path("gpt2")


def test_auto_takes_gpt2_only_with_its_corpus(cache: Path, mini: Path, save_gpt2: Any) -> None:
    assert resolve("auto", lambda: True).fell_back
    folder = put_in_cache(cache, "gpt2", save_gpt2)
    found = resolve("auto", lambda: False)
    assert (found.path, found.name, found.fell_back) == (mini, "mini", True)
    found = resolve("auto", lambda: True)
    assert (found.path, found.name, found.fell_back) == (folder, "gpt2", False)


def test_a_cache_without_weights_is_not_the_model(cache: Path, mini: Path, save_gpt2: Any) -> None:
    folder = put_in_cache(cache, "gpt2", save_gpt2)
    (folder / "model.safetensors").unlink()
    with pytest.raises(NotAvailable, match="agent fetch gpt2"):
        resolve("gpt2")
    assert resolve("auto", lambda: True).name == "mini"


def test_names() -> None:
    assert hub_ids("gpt2-xl") == hub_ids("openai-community/gpt2-xl") == ["openai-community/gpt2-xl", "gpt2-xl"]
    assert short_name("pythia-70m") == "EleutherAI/pythia-70m"
    assert hub_ids("distilgpt2") == ["distilgpt2"]
    assert is_hub_name("someone/something")
    assert not is_hub_name("gpt5")
    assert not is_hub_name("../x/y")
    assert not is_hub_name("")


@pytest.mark.parametrize("name", ["gpt5", "./nowhere", "/no/such/folder", "a/b/c", "", "gpt2 xl"])
def test_an_unknown_name_is_told_what_works(name: str, cache: Path) -> None:
    with pytest.raises(BadInput, match=r"unknown model .*auto, mini, gpt2, gpt2-medium.*owner/name") as error:
        resolve(name)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("name", ["gpt2", "gpt2-xl", "EleutherAI/pythia-70m", "someone/something"])
def test_offline_the_remedy_is_named(name: str, cache: Path) -> None:
    with pytest.raises(NotAvailable, match=f"HF_HUB_OFFLINE is set.*`agent fetch {name}`.*mini"):
        resolve(name)


def test_a_broken_folder_is_told_what_is_wrong(save_gpt2: Any, tmp_path: Path) -> None:
    def broken(change: Any, message: str) -> None:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        save_gpt2(folder)
        change(folder)
        with pytest.raises(BadInput, match=message) as error:
            resolve(str(folder))
        assert str(folder) in str(error.value)

    def cut(folder: Path) -> None:
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])

    def index(folder: Path, content: object) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps(content))

    broken(lambda f: (f / "config.json").unlink(), "no config.json")
    broken(lambda f: (f / "config.json").write_text("{"), "cannot be read as JSON")
    broken(lambda f: (f / "config.json").write_text("[]"), "not a JSON object")
    broken(lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), "cannot be read as JSON")
    broken(lambda f: (f / "model.safetensors").unlink(), "no model.safetensors")
    broken(cut, "should have .* bytes but has")
    broken(lambda f: (f / "model.safetensors").write_bytes(b""), "damaged or cut short")
    broken(lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 100), "damaged or cut short")
    broken(lambda f: (f / "model.safetensors").write_bytes(b"\x02" + bytes(7) + b"[]"), "not a safetensors file")
    broken(lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json")
    broken(lambda f: index(f, {"weight_map": {"a": "part-1.safetensors"}}), "lacks part-1.safetensors")
    broken(lambda f: index(f, {}), "names no weight files")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file: give the folder"):
        resolve(str(tmp_path / "file"))


def test_check_folder_accepts_a_whole_model(save_gpt2: Any, tmp_path: Path) -> None:
    save_gpt2(tmp_path)
    check_folder(tmp_path)


@pytest.mark.slow
def test_a_network_that_swallows_everything_is_answered_within_five_seconds(tmp_path: Path) -> None:
    """A hub that takes the connection and never says a word: the slowest way of being offline, start-up included."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = os.environ | {
            "HF_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path),
        }
        code = "from tools.subject.resolve import resolve; resolve('gpt2')"
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
    assert "NotAvailable: gpt2 is not on this machine" in done.stderr
    assert "agent fetch gpt2" in done.stderr
    assert seconds < 5
