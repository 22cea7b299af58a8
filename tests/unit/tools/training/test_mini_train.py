import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tools.mini
from tools.errors import BadInput
from tools.evidence.texts.corpus import load_texts
from tools.mini.text import part_of
from tools.training import train
from tools.training.train_split import TrainSplit, split_texts, without_near_copies, write_texts

WEIGHTS = Path(tools.mini.__file__).parent / "weights"


@given(st.sets(st.text(min_size=1), min_size=1, max_size=20))
def test_a_text_is_in_the_part_that_its_hash_says_and_in_no_other(texts):
    named = [(f"{i}.txt", text) for i, text in enumerate(sorted(texts))]
    if len({part_of(text) for text in texts}) == 1:
        with pytest.raises(BadInput, match="too few"):
            split_texts("texts", named, "0")
        return
    parts = split_texts("texts", named, "0")
    assert sorted(parts.training + parts.held_out) == sorted(named)
    assert {part_of(text) for _, text in parts.training} == {"training"}
    assert {part_of(text) for _, text in parts.held_out} == {"corpus"}


def test_near_copies_of_the_training_part_are_in_neither_part():
    rng = np.random.default_rng(0)
    learnt, fresh = rng.integers(1, 1000, size=(2, 2000))
    copied = np.concatenate([learnt[:1000], fresh[:1000]])
    parts = TrainSplit("texts", [("a", "A")], [("b", "B"), ("c", "C")])
    left, ids = without_near_copies(parts, [learnt], [copied, fresh])
    assert (left.held_out, left.near_copies) == ([("c", "C")], ("b",))
    assert [x.tolist() for x in ids] == [fresh.tolist()]
    with pytest.raises(BadInput, match="much like"):
        without_near_copies(parts, [learnt], [learnt, copied])


def test_held_out_texts_are_written_to_be_read_as_a_corpus(tmp_path):
    texts = [("a/b.txt", "one\r\ntwo\n"), ("lines.jsonl:3", '"three"')]
    write_texts(texts, tmp_path / "out")
    assert sorted(load_texts(str(tmp_path / "out"), "").texts) == texts


def test_the_card_of_mini_is_what_its_training_wrote():
    facts = json.loads((WEIGHTS / "training.json").read_text())
    assert train.model_card(facts) == (WEIGHTS / "README.md").read_text()


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    words = ["alpha", "beta", "gamma", "delta", "of", "the", "and", "rises"]
    for n in range(12):
        path = tmp_path / "texts" / f"{n}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(" ".join(rng.choice(words, size=300)))
    return tmp_path / "texts"


def test_a_second_model_of_a_folder(folder, tmp_path, monkeypatch):
    """A few steps, stopped and gone on with, end in weights that load and in a record of what was used."""
    from transformers import GPT2LMHeadModel

    for name, value in {"VOCAB": 280, "D_MODEL": 12, "HELD_OUT_WINDOWS": 2, "WARMUP_STEPS": 2}.items():
        monkeypatch.setattr(train, name, value)
    out, held_out = tmp_path / "model", tmp_path / "held-out"

    def run(n_steps: int) -> dict:
        options = f"--seed 7 --layers 2 --batch 1 --dropout 0 --threads 1 --device cpu --tokens {n_steps * 255}"
        folders = ["--out", str(out), "--corpus", str(folder), "--held-out", str(held_out)]
        monkeypatch.setattr(sys, "argv", ["train", *folders, *options.split()])
        train.main()
        return json.loads((out / "training.json").read_text())

    assert run(2)["tokens_seen"] == 2 * 255
    facts = run(4)
    assert [at["tokens"] for at in facts["history"]] == [2 * 255, 4 * 255]
    assert (facts["seed"], facts["layers"], facts["corpus"]) == (7, 2, "texts")
    assert facts["fingerprint"] == load_texts(str(folder), "").fingerprint

    used = json.loads((out / "used.json").read_text())
    by_part = {"training": used["training"], "corpus": used["held_out"] + used["near_copies"]}
    for part, names in by_part.items():
        assert all(part_of((folder / name).read_text()) == part for name in names)
    assert len(by_part["training"]) + len(by_part["corpus"]) == 12
    assert sorted(path.name for path in held_out.iterdir()) == used["held_out"]
    assert GPT2LMHeadModel.from_pretrained(out).config.n_layer == 2
    assert f"fingerprint {facts['fingerprint']}" in (out / "README.md").read_text()
