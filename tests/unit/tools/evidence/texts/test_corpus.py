import csv
import gzip
import hashlib
import io
import json
import os
from contextlib import contextmanager

import numpy as np
import pytest

from tools.errors import BadInput, NotAvailable, StorageError
from tools.evidence.splits.training_overlap import fingerprint_runs, share_seen
from tools.evidence.texts import corpus as corpus_module
from tools.evidence.texts import sorted_texts as texts_module
from tools.evidence.texts.corpus import _corpus, load_texts
from tools.evidence.texts.sorted_texts import Spool, Texts
from tools.mini.training_hashes import load_training_hashes


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
    assert corpus.notes == ("Read 1 text from 1 file (JSON lines); replaced 1 character that is not UTF-8 by U+FFFD.",)


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
        "Read 2 texts from 3 files (plain text); left out 1 text that repeats another word for word; "
        "passed over 2 files: 1 empty, 1 binary.",
    )


def test_a_few_bytes_that_are_not_utf8_are_replaced_and_counted(tmp_path):
    file = tmp_path / "old.txt"
    file.write_bytes(b"caf\xe9 " + b"plain text " * 20)
    corpus = load_texts(str(file), "gpt2")
    assert corpus.texts[0][1].startswith("caf\ufffd plain")
    assert corpus.notes == ("Replaced 1 character that is not UTF-8 by U+FFFD.",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x01\x02", "binary"),
        ("ab".encode("utf-16"), "text in UTF-16: convert it, as by `iconv"),
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
    assert corpus.notes == ("Read 1 text from 1 file (plain text); passed over 1 file: 1 binary.",)
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
    assert corpus.notes == (
        "Read 3 texts from 1 file (JSON lines); replaced 2 characters that are not UTF-8 by U+FFFD.",
    )


TEXTS = ("one", 'two, "quoted"\nof two lines', "thr\u00e9e")


def _write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def _zstd(content):
    import pyarrow

    return pyarrow.Codec("zstd").compress(content, asbytes=True)


def _gzipped(data: bytes) -> bytes:
    """The same whenever it is made: it names tests, and two processes must agree on their names."""
    return gzip.compress(data, mtime=0)


def _csv(delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["id", " text"], *((n, text) for n, text in enumerate(TEXTS)), [9]])
    return out.getvalue()


def _parquet(path, **columns):
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), path, row_group_size=2)


LINES = "\n".join(json.dumps({"text": text, "id": 1}) for text in (*TEXTS, "")) + "\n"
FORMATS = {
    "some.JSONL": (LINES, "JSON lines"),
    "some.ndjson": (LINES, "JSON lines"),
    "lines.json": (LINES, "JSON lines"),
    "array.json": (json.dumps([{"text": text} for text in (*TEXTS, "")], indent=1), "JSON"),
    "strings.Json": (json.dumps([*TEXTS, " "]), "JSON"),
    "some.jsonl.gz": (_gzipped(LINES.encode()), "JSON lines"),
    "some.jsonl.ZST": (_zstd(LINES.encode()), "JSON lines"),
    "some.json.gz": (_gzipped(json.dumps(TEXTS).encode()), "JSON"),
    "some.csv": (_csv(","), "CSV"),
    "some.tsv.gz": (_gzipped(_csv("\t").encode()), "CSV"),
}


@pytest.mark.parametrize("name", [*FORMATS, "some.parquet"])
def test_the_same_texts_are_the_same_corpus_in_any_format(tmp_path, name):
    _write(tmp_path / "plain.jsonl", LINES)
    if name == "some.parquet":
        _parquet(tmp_path / name, id=range(5), text=[*TEXTS, None, ""])
        kind = "parquet"
    else:
        content, kind = FORMATS[name]
        _write(tmp_path / name, content)
    corpus = load_texts(str(tmp_path / name), "gpt2")
    assert corpus.fingerprint == load_texts(str(tmp_path / "plain.jsonl"), "gpt2").fingerprint
    assert sorted(corpus.texts) == sorted(corpus.texts) == [(f"{name}:{n}", text) for n, text in enumerate(TEXTS, 1)]
    assert corpus.notes == (f"Read 3 texts from 1 file ({kind}).",)


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("one.txt.gz", _gzipped(b"one") + _gzipped(b" text"), ["one.txt.gz"]),
        ("one.txt.zst", _zstd(b"one text"), ["one.txt.zst"]),
        ("one.json", b'{\n "text":\n "one text"}', ["one.json"]),
        ("one.csv", b"one text", ["one.csv"]),
    ],
)
def test_a_file_of_one_text(tmp_path, name, content, names):
    _write(tmp_path / name, content)
    assert list(load_texts(str(tmp_path / name), "gpt2").texts) == [(name, "one text") for name in names]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"content": "x", "id\\u001b": 1}', r'line 1, has no string "text"; its fields are "content", "id'),
        ("a.json", '{"content": "x"}\n{"content": "y"}', 'line 1, has no string "text"; its fields are "content"'),
        ("a.json", '{"text": "x"}\n{"content": "y"}', 'line 2, has no string "text"; its fields are "content"'),
        ("a.json", '[{"text": "x"}, {"body": 1}]', 'its item 2 has no string "text"; its fields are "body": a .json'),
        ("a.json", '["x", 3]', 'its item 2 is no JSON object with a string "text": a .json file must be an array'),
        ("a.json", "17", "neither an array nor an object: a .json file must be"),
        ("a.json", "Once upon", "since it is not JSON .*: a .json file must be"),
        ("a.json", '{"a":\n{}}', 'it has no string "text"; its fields are "a"'),
        ("a.json", "[" * 100_000, "since it is not JSON"),
        ("a.json", " ", "is empty"),
        ("a.csv", 'text\n"not closed', "a.csv is not well-formed CSV up to line 2"),
        ("a.csv", b"text\n\0", "a.csv is a binary file"),
        ("a.txt.gz", "no gzip", "a.txt.gz is damaged, or not compressed by gzip"),
        ("a.jsonl.gz", _gzipped(LINES.encode())[:-12], "a.jsonl.gz is damaged, or not compressed by gzip"),
        ("a.txt.zst", "no zstd", "a.txt.zst is damaged, or not compressed by zstd"),
        ("a.txt.gz", _gzipped(b"\0"), "a.txt.gz is a binary file"),
        ("a.parquet", "no parquet", "a.parquet is damaged, or no parquet file"),
    ],
)
def test_what_is_not_of_its_format_is_refused(tmp_path, name, content, message):
    _write(tmp_path / name, content)
    with pytest.raises(BadInput, match=message):
        load_texts(str(tmp_path / name), "gpt2")


def test_a_parquet_file_without_a_column_of_texts_names_its_columns(tmp_path):
    _parquet(tmp_path / "a.parquet", content=["x"], id=[1])
    with pytest.raises(
        BadInput, match=r'no column "text" of strings; its columns are "content" \(string\), "id" \(int64'
    ):
        load_texts(str(tmp_path / "a.parquet"), "gpt2")
    _parquet(tmp_path / "b.parquet", text=[1])
    with pytest.raises(BadInput, match=r'its columns are "text" \(int64\)'):
        load_texts(str(tmp_path / "b.parquet"), "gpt2")


def test_a_folder_says_in_one_line_what_was_read_and_what_was_passed_over(tmp_path, monkeypatch):
    folder, elsewhere = tmp_path / "corpus", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "linked.txt").write_text("in a linked folder")
    (elsewhere / "twice.txt").write_text("by two links")
    (folder / "a.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    (folder / "b.JSONL").write_text('{"text": "three"}\n')
    _parquet(folder / "c.parquet", text=["four"])
    (folder / "d.csv").write_text("name,size\nx,1\n")
    (folder / "e.txt").symlink_to(elsewhere / "twice.txt")
    (folder / "f.txt").symlink_to(elsewhere / "twice.txt")
    (folder / "settings.json").write_text('{"indent": 4}')
    (folder / "more.json").write_text("[1,\n2]")
    (folder / "image.png").write_bytes(b"\0")
    (folder / "latin.txt").write_bytes("\u00fc\u00f6\u00e4".encode("latin-1"))
    (folder / "empty.parquet.txt").write_text("")
    (folder / "locked.txt").write_text("nobody may read this")
    (folder / "gone").symlink_to(tmp_path / "nowhere")
    (folder / "loop").symlink_to(folder)
    (folder / "also").symlink_to(elsewhere)
    (folder / "again").symlink_to(elsewhere)
    (elsewhere / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.jsonl")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "locked.txt" and access(path, mode))
    corpus = load_texts(str(folder), "gpt2")
    assert sorted(corpus.texts) == [
        ("a.jsonl:1", "one"),
        ("a.jsonl:2", "two"),
        ("again/linked.txt", "in a linked folder"),
        ("b.JSONL:1", "three"),
        ("c.parquet:1", "four"),
        ("d.csv", "name,size\nx,1\n"),
        ("e.txt", "by two links"),
    ]
    assert corpus.notes == (
        "Read 7 texts from 6 files (2 JSON lines, 2 plain text, 1 parquet, 1 plain text of a CSV without a column "
        '"text"); passed over 9 files: 2 JSON without "text", 2 pipes or devices, 1 empty, 1 broken link, 1 binary, '
        "1 not UTF-8, 1 unreadable.",
    )


def test_a_bad_line_in_a_folder_is_not_passed_over(tmp_path):
    (tmp_path / "a.txt").write_text("fine")
    (tmp_path / "b.jsonl").write_text('{"content": "in another field"}')
    with pytest.raises(BadInput, match=r'b\.jsonl, line 1, has no string "text"; its fields are "content"'):
        load_texts(str(tmp_path), "gpt2")


def test_a_named_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="neither a file nor a folder: send it to standard input and give `corpus=-`"):
        load_texts(str(tmp_path / "pipe"), "gpt2")


@pytest.mark.parametrize(
    ("content", "texts", "kind"),
    [
        (LINES, [(f"standard input:{n}", text) for n, text in enumerate(TEXTS, 1)], "JSON lines"),
        (json.dumps(TEXTS), [(f"standard input:{n}", text) for n, text in enumerate(TEXTS, 1)], "JSON"),
        ("Once upon\na time", [("standard input", "Once upon\na time")], None),
        ("[Applause.]", [("standard input", "[Applause.]")], None),
    ],
)
def test_standard_input_is_what_it_looks_like(monkeypatch, content, texts, kind):
    for spec in ("-", "/dev/stdin"):
        with _stdin(content):
            corpus = load_texts(spec, "gpt2")
        assert (corpus.name, sorted(corpus.texts)) == ("standard input", texts)
        assert corpus.notes == ((f"Read {len(texts)} texts from 1 file ({kind}).",) if kind else ())


def test_standard_input_that_is_no_text_is_refused():
    with _stdin(""), pytest.raises(BadInput, match="the corpus standard input is empty"):
        load_texts("-", "gpt2")
    with _stdin('{"content": "x"}'), pytest.raises(BadInput, match='standard input, line 1, has no string "text"'):
        load_texts("-", "gpt2")
    with _stdin("\0"), pytest.raises(BadInput, match="standard input is a binary file"):
        load_texts("-", "gpt2")
    controller, terminal = os.openpty()
    with _in_place_of_stdin(terminal), pytest.raises(BadInput, match="standard input is a terminal: pipe the text"):
        load_texts("-", "gpt2")
    os.close(controller)
    kept = os.dup(0)
    os.close(0)
    try:
        with pytest.raises(BadInput, match=r"cannot read standard input \(Bad file descriptor\)"):
            load_texts("-", "gpt2")
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@contextmanager
def _stdin(content):
    read, write = os.pipe()
    os.write(write, content.encode())
    os.close(write)
    with _in_place_of_stdin(read):
        yield


@contextmanager
def _in_place_of_stdin(descriptor):
    kept = os.dup(0)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


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
    with pytest.raises(BadInput, match="is empty; passed over 1 file: 1 binary"):
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
    monkeypatch.setattr(corpus_module, "load_training_hashes", lambda: seen)
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
    with pytest.raises(NotAvailable, match=r"python -m tools\.training\.seen"):
        load_training_hashes(tmp_path)
