from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import BadInput
from tools.subject.tokenizer import FolderTokenizer, load_tokenizer


@pytest.fixture(scope="module")
def folder(save_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(path)
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> FolderTokenizer:
    return load_tokenizer(folder)


def test_strings_are_the_tokens_own_characters_and_unique(tokenizer: FolderTokenizer) -> None:
    strings = tokenizer.token_strings()
    assert len(strings) == tokenizer.d_vocab == len(set(strings))
    assert strings[0] == "<|endoftext|>"
    assert "\n   " in strings
    assert any(s.startswith(" ") and len(s) > 1 for s in strings)
    assert "\\xff" in strings
    assert "\n" in strings


@given(st.text())
def test_every_text_comes_back(tokenizer: FolderTokenizer, text: str) -> None:
    ids = tokenizer.encode([text])[0]
    assert tokenizer.decode(ids) == text


def test_joined_strings_of_whole_tokens_are_the_text(tokenizer: FolderTokenizer) -> None:
    strings = tokenizer.token_strings()
    text = "def f(a, b):\n    return x"
    assert "".join(strings[i] for i in tokenizer.encode([text])[0]) == text


def test_half_a_character_decodes_to_the_replacement_character(tokenizer: FolderTokenizer) -> None:
    euro = tokenizer.encode(["𝄞"])[0]
    assert "\ufffd" in tokenizer.decode(euro[:1])


def test_bad_ids_and_text_outside_utf8_are_refused(tokenizer: FolderTokenizer) -> None:
    for bad in (-1, tokenizer.d_vocab):
        with pytest.raises(BadInput, match=f"token id {bad} is not in the vocabulary"):
            tokenizer.decode([bad])
    with pytest.raises(BadInput, match="UTF-8"):
        tokenizer.encode(["\ud800"])


def test_vocab_and_merges_stand_in_for_tokenizer_json(folder: Path, tokenizer: FolderTokenizer, tmp_path: Path) -> None:
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    other = load_tokenizer(tmp_path)
    text = "import os\n    return naïve — €<|endoftext|>x"
    assert other.encode([text]) == tokenizer.encode([text])
    assert other.token_strings() == tokenizer.token_strings()
    assert other.fingerprint == tokenizer.fingerprint


def test_clashing_strings_are_told_apart(folder: Path, tmp_path: Path) -> None:
    spec = json.loads((folder / "tokenizer.json").read_text())
    n = len(spec["model"]["vocab"])
    for i, content in enumerate(["\\xff", "\\xff<299>"]):
        spec["added_tokens"].append(spec["added_tokens"][0] | {"id": n + i, "content": content})
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    strings = load_tokenizer(tmp_path).token_strings()
    assert len(set(strings)) == len(strings) == n + 2
    assert f"\\xff<{n}>" in strings


def test_sentencepiece_style_pieces_are_readable(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models

    vocab = {"<unk>": 0, "▁the": 1, "<0x0A>": 2, "<0xE2>": 3, "é": 4}
    raw = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>", byte_fallback=True))
    raw.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    raw.save(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(tmp_path).token_strings() == ["<unk>", " the", "\n", "\\xe2", "é"]


def test_a_missing_or_damaged_tokenizer_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no tokenizer.json or vocab.json with merges.txt"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{]")
    with pytest.raises(BadInput, match="cannot be read"):
        load_tokenizer(tmp_path)
