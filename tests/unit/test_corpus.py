import hashlib
import json
import os

import numpy as np
import pytest

from tools.errors import BadInput, NotAvailable, StorageError
from tools.evidence import corpus as corpus_module
from tools.evidence import texts as texts_module
from tools.evidence.corpus import _corpus, load_texts
from tools.evidence.texts import Spool, Texts
from tools.mini.seen import fingerprint_runs, load_seen, share_seen


def test_a_text_file_is_one_text(tmp_path):
    file = tmp_path / "book.txt"
    file.write_text("Call me Ishmael.\n", encoding="utf-8")
    corpus = load_texts(str(file), "gpt2")
    assert (corpus.name, list(corpus.texts), corpus.notes) == ("book.txt", [("book.txt", "Call me Ishmael.\n")], ())


def test_jsonl_holds_a_text_a_line(tmp_path):
    file = tmp_path / "some.jsonl"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in ("one", "two\u2028still two", " ")]
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    found = sorted(load_texts(str(file), "gpt2").texts)
    assert found == [("some.jsonl:1", "one"), ("some.jsonl:2", "two\u2028still two")]


@pytest.mark.parametrize("line", ['{"text": "unfinished', '{"body": "no text"}', '["a list"]', '{"text": 3}'])
def test_a_bad_json_line_is_named(tmp_path, line):
    file = tmp_path / "some.jsonl"
    file.write_text(f'{{"text": "fine"}}\n{line}\n')
    with pytest.raises(BadInput, match="line 2"):
        load_texts(str(file), "gpt2")


def test_half_a_surrogate_pair_is_replaced_and_counted(tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_text('{"text": "half \\ud800 a pair"}\n')
    corpus = load_texts(str(file), "gpt2")
    assert corpus.texts[0][1] == "half \ufffd a pair"
    assert corpus.notes == ("1 characters that are not UTF-8 were replaced by U+FFFD.",)


def test_a_folder_is_read_recursively_and_counts_what_it_skips(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("hidden")
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "inner" / "b.md").write_text("second")
    (tmp_path / "inner" / "copy.md").write_text("second")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0\0")
    (tmp_path / "empty.txt").write_text("")
    corpus = load_texts(str(tmp_path), "gpt2")
    assert sorted(corpus.texts) == [("a.txt", "first"), ("inner/b.md", "second")]
    assert corpus.notes == (
        "1 files that are not text were skipped.",
        "1 empty files were skipped.",
        "left out because they repeat another word for word: 1 texts.",
    )


def test_a_few_bytes_that_are_not_utf8_are_replaced_and_counted(tmp_path):
    file = tmp_path / "old.txt"
    file.write_bytes(b"caf\xe9 " + b"plain text " * 20)
    corpus = load_texts(str(file), "gpt2")
    assert corpus.texts[0][1].startswith("caf\ufffd plain")
    assert corpus.notes == ("1 characters that are not UTF-8 were replaced by U+FFFD.",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x01\x02", "binary"),
        ("ab".encode("utf-16"), "binary"),
        (b"ok \xff\xfe\xfd\xfc\xfb", "not UTF-8 text from byte 3 on"),
        (b"", "is empty"),
        (b" \n ", "is empty"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, message):
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=message) as caught:
        load_texts(str(file), "gpt2")
    assert "bad.txt" in str(caught.value)


def test_a_jsonl_file_that_is_no_text_gives_nothing_even_when_its_beginning_is_fine(tmp_path):
    (tmp_path / "a.txt").write_text("fine")
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "also fine"}\n{"text": "\0"}\n')
    corpus = load_texts(str(tmp_path), "gpt2")
    assert list(corpus.texts) == [("a.txt", "fine")]
    assert corpus.notes == ("1 files that are not text were skipped.",)
    with pytest.raises(BadInput, match=r"b\.jsonl is a binary file \(byte 32 is zero\)"):
        load_texts(str(tmp_path / "b.jsonl"), "gpt2")
    (tmp_path / "b.jsonl").write_bytes(b'{"text": "fine"}\n{"text": "' + b"\xff" * 9 + b'"}\n')
    with pytest.raises(BadInput, match=r"not UTF-8 text from byte 27 on"):
        load_texts(str(tmp_path / "b.jsonl"), "gpt2")


def test_jsonl_is_repaired_like_any_text_and_reads_the_same_again(tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_bytes(
        b'\xef\xbb\xbf{"text": "with a mark \\udc00"}\r\n\n{"text": "caf\xe9 \xef\xbf\xbd"}\n'
        + b'{"text": "' + b"x" * 200 + b'"}'
    )  # fmt: skip
    corpus = load_texts(str(file), "gpt2")
    expected = [
        ("some.jsonl:1", "with a mark \ufffd"),
        ("some.jsonl:3", "caf\ufffd \ufffd"),
        ("some.jsonl:4", "x" * 200),
    ]
    assert sorted(corpus.texts) == sorted(corpus.texts) == expected
    assert corpus.notes == ("2 characters that are not UTF-8 were replaced by U+FFFD.",)


def test_texts_come_in_the_order_of_their_hashes_and_of_equal_ones_the_first_name_is_kept():
    texts = [(f"{i:02}", f"text {i % 30}") for i in range(40)]
    found = list(_corpus("made up", texts[::-1]).texts)
    assert found == sorted(texts[:30], key=lambda text: hashlib.sha256(text[1].encode()).digest())
    assert list(_corpus("made up", texts).texts) == found


def test_a_name_that_is_not_utf8_is_kept(tmp_path):
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text("text")
    assert list(load_texts(str(tmp_path), "gpt2").texts) == [(name, "text")]
    assert list(_corpus("made up", [(name, "text")]).texts) == [(name, "text")]


def test_a_file_that_changes_while_it_is_read_is_a_storage_error(tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_text('{"text": "one"}\n{"text": "two"}\n')
    texts = load_texts(str(file), "gpt2").texts
    file.write_text('{"text": "one"}\n{"text": "tow"}\n')
    with pytest.raises(StorageError, match=r"some\.jsonl:2 changed while the corpus was read"):
        list(texts)


def test_a_long_stream_is_kept_on_disk_and_leaves_nothing_there(tmp_path, monkeypatch):
    monkeypatch.setattr(texts_module, "SPOOL_IN_MEMORY", 1000)
    given = [(f"name {i}", f"é text {i}" * 20) for i in range(100)]
    spool = Spool(tmp_path / "new")
    texts = Texts(spool, spool.keep(given))
    assert sorted(texts) == sorted(given)
    assert os.listdir(tmp_path) == ["new"]
    assert os.listdir(tmp_path / "new") == []


def test_a_short_stream_is_not_written_anywhere(tmp_path):
    spool = Spool(tmp_path / "new")
    assert list(Texts(spool, spool.keep([("a", "text")]))) == [("a", "text")]
    assert not os.listdir(tmp_path)


def test_a_stream_that_cannot_be_kept_is_a_storage_error(tmp_path, monkeypatch):
    monkeypatch.setattr(texts_module, "SPOOL_IN_MEMORY", 1000)
    (tmp_path / "file").write_text("not a folder")
    spool = Spool(tmp_path / "file")
    with pytest.raises(StorageError, match=r"cannot keep the corpus in .*file .*: free some space"):
        Texts(spool, spool.keep([("a", "text" * 1000)]))


def test_a_folder_without_text_is_refused(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\0")
    with pytest.raises(BadInput, match="is empty: 1 files that are not text were skipped"):
        load_texts(str(tmp_path), "gpt2")


@pytest.mark.parametrize("spec", ["/no/such/file.txt", "nowhere", "data/nowhere.jsonl"])
def test_a_missing_file_is_refused(spec):
    with pytest.raises(BadInput, match="there is no corpus"):
        load_texts(spec, "gpt2")


def test_an_unreadable_file_is_a_storage_error(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    file.write_text("text")

    def refuse(self, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(file), "open", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        load_texts(str(file), "gpt2")


def test_the_fingerprint_depends_on_the_texts_and_not_on_their_names(tmp_path):
    for name, order in (("x", "ab"), ("y", "ba"), ("z", "ac")):
        folder = tmp_path / name
        folder.mkdir()
        for number, letter in enumerate(order):
            (folder / f"{number}.txt").write_text(f"text {letter}")
    x, y, z = (load_texts(str(tmp_path / name), "gpt2") for name in "xyz")
    assert x.fingerprint == y.fingerprint != z.fingerprint
    assert [text for _, text in x.texts] == [text for _, text in y.texts]


def test_the_default_corpus_of_mini_is_the_part_it_did_not_train_on(monkeypatch):
    seen = np.array([1, 2], dtype=np.uint32)
    monkeypatch.setattr(corpus_module, "load_seen", lambda: seen)
    monkeypatch.setattr(corpus_module, "texts_of", lambda part: iter([("a", f"the {part} part")]))
    corpus = load_texts(None, "mini")
    assert corpus.name.startswith("standard library of Python 3.")
    assert list(corpus.texts) == [("a", "the corpus part")]
    assert corpus.seen is seen


def test_share_seen_tells_trained_text_from_other_text():
    rng = np.random.default_rng(0)
    trained, other = rng.integers(0, 4000, size=(2, 4000)).astype(np.int32)
    seen = fingerprint_runs([trained])
    assert seen.dtype == np.uint32
    assert 150 < len(seen) < 350  # one run in 16
    assert share_seen(trained[500:1500], seen) == 1.0
    assert share_seen(other, seen) == 0.0
    assert 0.3 < share_seen(np.concatenate([trained[:1000], other[:1000]]), seen) < 0.7
    assert share_seen(trained[:5], seen) == 0.0


def test_missing_hashes_say_how_to_make_them(tmp_path):
    with pytest.raises(NotAvailable, match=r"python -m tools\.mini\.seen"):
        load_seen(tmp_path)
