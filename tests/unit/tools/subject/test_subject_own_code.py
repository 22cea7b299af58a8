"""A model folder's own Python code runs where the user says so, and nowhere else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import read
from agent.cli import main
from agent.setup.config import RunConfig
from agent.setup.variants.load import load_variant
from tools.errors import BadInput
from tools.subject.folder import ModelFolder, fingerprint
from tools.subject.load import open_subject
from tools.subject.tokenizer import load_tokenizer


@pytest.fixture(autouse=True)
def _nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(prompt: str = "") -> str:
        raise AssertionError(f"stdin was read: {prompt}")

    monkeypatch.setattr("builtins.input", asked)


def put_code(folder: Path, name: str, code: str) -> Path:
    """A module that notes that it ran; returns the note."""
    ran = folder.parent / f"{folder.name} RAN"
    (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'w').close()\n{code}\n")
    return ran


def change(file: Path, **new: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text() if file.is_file() else "{}") | new))


def own_config(folder: Path, model_type: str) -> Path:
    named = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.GPT2LMHeadModel"}
    change(folder / "config.json", model_type=model_type, auto_map=named)
    return put_code(
        folder, "own",
        "import transformers\n"
        f"class OwnConfig(transformers.GPT2Config):\n    model_type = {model_type!r}\n"
        "class GPT2LMHeadModel(transformers.GPT2LMHeadModel):\n    config_class = OwnConfig",
    )  # fmt: skip


@pytest.mark.slow
def test_a_folder_that_needs_its_own_code_is_refused_without_running_it(
    tmp_path: Path, save_gpt2: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    save_gpt2(tmp_path / "needs")
    ran = own_config(tmp_path / "needs", "own")
    assert main(["read", "L0N5", "import os", "--model", str(tmp_path / "needs")]) == 2
    said = capsys.readouterr()
    assert "give --trust-remote-code to run it. It runs with your rights" in said.err
    assert said.out == ""
    assert not ran.exists()


def test_code_that_is_not_needed_runs_only_where_it_is_trusted(tmp_path: Path, save_gpt2: Callable[..., Any]) -> None:
    folder = tmp_path / "known"
    save_gpt2(folder)
    ran = own_config(folder, "gpt2")
    without = read("L0N5", "import os", model=str(folder))
    assert not ran.exists()
    with_code = read("L0N5", "import os", model=str(folder), trust_remote_code=True)
    assert ran.exists()
    assert with_code.values == pytest.approx(without.values, abs=1e-5)


def test_code_that_may_run_is_part_of_what_a_model_is(tmp_path: Path, save_gpt2: Callable[..., Any]) -> None:
    save_gpt2(tmp_path)
    plain = fingerprint(tmp_path)
    assert fingerprint(tmp_path, trust_remote_code=True) == plain
    own_config(tmp_path, "own")
    before = fingerprint(tmp_path), fingerprint(tmp_path, trust_remote_code=True)
    assert len({plain, *before}) == 3
    (tmp_path / "own.py").write_text("pass")
    assert fingerprint(tmp_path) == before[0]
    assert fingerprint(tmp_path, trust_remote_code=True) != before[1]


def test_a_tokenizer_that_needs_code_runs_it_only_where_it_is_trusted(
    tmp_path: Path, save_gpt2: Callable[..., Any]
) -> None:
    folder = tmp_path / "words"
    save_gpt2(folder)
    ids = open_subject(ModelFolder(folder, "words")).tokenizer.encode(["import os"])
    change(folder / "tokenizer_config.json", tokenizer_class="Own", auto_map={"AutoTokenizer": [None, "own.Own"]})
    ran = put_code(
        folder, "own",
        "from tokenizers import Tokenizer\nfrom transformers import PreTrainedTokenizerFast\n"
        "class Own(PreTrainedTokenizerFast):\n"
        "    def __init__(self, **kept):\n"
        f"        super().__init__(**kept | {{'tokenizer_object': Tokenizer.from_file({str(folder / 'own.json')!r})}})",
    )  # fmt: skip
    assert load_tokenizer(folder).encode(["import os"]) == ids  # tokenizer.json says all
    shutil.move(folder / "tokenizer.json", folder / "own.json")
    (folder / "vocab.json").write_text("{}")
    with pytest.raises(BadInput, match="`trust_remote_code`"):
        load_tokenizer(folder)
    assert not ran.exists()
    assert load_tokenizer(folder, trust_remote_code=True).encode(["import os"]) == ids
    assert ran.exists()


def test_a_run_keeps_the_permission_and_no_variant_can_give_it(tmp_path: Path) -> None:
    assert not RunConfig.checked(target="L0N5").trust_remote_code
    kept = RunConfig.checked(target="L0N5", trust_remote_code=True).model_dump(mode="json")
    assert RunConfig.checked(**kept).trust_remote_code
    (tmp_path / "sly.toml").write_text("trust_remote_code = true")
    with pytest.raises(BadInput, match="trust_remote_code"):
        load_variant(tmp_path / "sly.toml")
