from __future__ import annotations

import json
import shutil
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


@pytest.fixture
def legacy_folder(folder: Path, tmp_path: Path) -> Path:
    """The same tokenizer as vocab.json and merges.txt, in the folder of a GPT-2."""
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    return tmp_path


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


def test_vocab_and_merges_stand_in_for_tokenizer_json(legacy_folder: Path, tokenizer: FolderTokenizer) -> None:
    other = load_tokenizer(legacy_folder)
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
    with pytest.raises(BadInput, match=r"no tokenizer.json, and no other file"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{]")
    with pytest.raises(BadInput, match="cannot be read"):
        load_tokenizer(tmp_path)


def test_added_tokens_beside_vocab_and_merges_have_the_ids_that_transformers_gives_them(
    legacy_folder: Path, tokenizer: FolderTokenizer
) -> None:
    from transformers import AutoTokenizer

    n = tokenizer.d_vocab
    (legacy_folder / "added_tokens.json").write_text(json.dumps({"<sep>": n, "<speaker>": n + 1}))
    text = "import <sep>os <speaker> x"
    (ids,) = load_tokenizer(legacy_folder).encode([text])
    assert ids == AutoTokenizer.from_pretrained(legacy_folder)(text).input_ids
    assert [i for i in ids if i >= n] == [n, n + 1]


def test_added_tokens_that_tokenizer_json_lacks_are_known_as_transformers_knows_them(
    folder: Path, tokenizer: FolderTokenizer, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    n = tokenizer.d_vocab
    shutil.copy(folder / "tokenizer.json", tmp_path)
    for beside in (
        {"added_tokens.json": {"<sep>": n}},
        {"tokenizer_config.json": {"added_tokens_decoder": {str(n): {"content": "<sep>", "special": True}}}},
        {"tokenizer_config.json": {"pad_token": "<sep>", "add_bos_token": False}},
        {"special_tokens_map.json": {"additional_special_tokens": ["<sep>"]}},
    ):
        for name, content in beside.items():
            (tmp_path / name).write_text(json.dumps(content))
        loaded = load_tokenizer(tmp_path)
        (ids,) = loaded.encode(["import<sep>os"])
        assert ids == AutoTokenizer.from_pretrained(tmp_path, tokenizer_type="gpt2")("import<sep>os").input_ids
        assert n in ids
        assert loaded.token_strings()[n] == "<sep>"
        for name in beside:
            (tmp_path / name).unlink()


def test_a_lower_casing_vocabulary_with_merges_is_not_read_as_bytes(tmp_path: Path) -> None:
    vocab = {"<unk>": 0, "d": 1, "e": 2, "f": 3, "f</w>": 4, "de": 5, "def</w>": 6, "x</w>": 7}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nd e\nde f</w>\n")
    (tmp_path / "config.json").write_text('{"model_type": "openai-gpt"}')
    loaded = load_tokenizer(tmp_path)
    assert loaded.encode(["DEF  X"]) == [[6, 7]]
    assert loaded.token_strings()[5:] == ["de", "def ", "x "]


def test_word_pieces_are_shown_with_the_space_before_a_word(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "re", "##turn", "x"]))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "tokenizer_class": "BertTokenizer"}')
    loaded = load_tokenizer(tmp_path)
    assert loaded.encode(["Return\n x"]) == [[5, 6, 7]]
    assert loaded.token_strings()[5:] == [" re", "turn", " x"]


def test_a_sentencepiece_model_is_read(tmp_path: Path) -> None:
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["import os return x", "def f(a, b): pass"] * 9), vocab_size=300, model_type="bpe",
        byte_fallback=True, model_prefix=str(tmp_path / "tokenizer"), minloglevel=2,
    )  # fmt: skip
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    loaded = load_tokenizer(tmp_path)
    strings = loaded.token_strings()
    assert "".join(strings[i] for i in loaded.encode(["import x"])[0]) == "import x"
    assert "o" in strings  # though `<0x6F>` has the smaller id


def test_a_tokenizer_without_the_files_of_its_kind_is_refused(legacy_folder: Path) -> None:
    (legacy_folder / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(BadInput, match="lacks a file with its vocabulary or merges"):
        load_tokenizer(legacy_folder)
    (legacy_folder / "merges.txt").unlink()
    (legacy_folder / "vocab.json").unlink()
    (legacy_folder / "vocab.txt").write_text("a\nb\n")  # which no GPT-2 reads
    with pytest.raises(BadInput, match="lacks a file with its vocabulary or merges"):
        load_tokenizer(legacy_folder)


def test_what_a_tokenizer_has_no_token_for_is_an_error_that_shows_it(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    def refused(model: Any, texts: list[str]) -> str:
        raw = Tokenizer(model)
        raw.pre_tokenizer = pre_tokenizers.Whitespace()
        raw.add_tokens(["<sep>"])
        loaded = FolderTokenizer(raw)
        assert loaded.encode(["a <sep> b"]) == [[0, 2, 1]]
        assert loaded.d_vocab == 3
        with pytest.raises(BadInput) as caught:
            loaded.encode(["a b", *texts])
        return str(caught.value)

    said = refused(models.WordLevel({"a": 0, "b": 1}), ["b name a"])
    assert "no token for unknown words" in said
    assert "'b name a'" in said
    said = refused(models.WordPiece({"a": 0, "b": 1}), ["b name a"])
    assert "no token for unknown words" in said
    said = refused(models.BPE({"a": 0, "b": 1}, []), ["b <sep> é a"])  # which the package leaves out without a word
    assert "no token for 'é'" in said
    assert "goes on with 'é a'" in said


@pytest.mark.parametrize("n_rows", [302, 301, 300, 299])
def test_no_token_past_the_embeddings_rows_is_given(folder: Path, tmp_path: Path, n_rows: int) -> None:
    spec = json.loads((folder / "tokenizer.json").read_text())
    n = len(spec["model"]["vocab"])
    assert n == 300
    spec["added_tokens"] += [spec["added_tokens"][0] | {"id": n, "content": "<sep>"}]
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    if n_rows < n:
        with pytest.raises(BadInput, match=f"up to id {n - 1}.*{n_rows} rows"):
            load_tokenizer(tmp_path, n_rows)
        return
    loaded = load_tokenizer(tmp_path, n_rows)
    (ids,) = loaded.encode(["os<sep>x<|endoftext|>"])
    assert max(ids) < min(n_rows, loaded.d_vocab)
    assert ids[-1] == 0
    if n_rows > n:
        assert (n in ids, loaded.d_vocab, loaded.notes) == (True, n + 1, ())
    else:
        assert (n in ids, loaded.d_vocab) == (False, n)
        assert loaded.decode(ids) == "os<sep>x<|endoftext|>"
        (note,) = loaded.notes
        assert note.endswith("is not recognised in texts: <sep>")
