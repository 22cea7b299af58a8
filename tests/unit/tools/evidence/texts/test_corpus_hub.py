"""The hub as a small local server: only what the client asks for, with the status codes and headers of the real one."""

import hashlib
import io
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps

import pytest

from tools.errors import NotAvailable, StorageError
from tools.evidence.progress import NoProgress
from tools.evidence.texts import formats, hub
from tools.evidence.texts.corpus import load_texts

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PATH = "plain_text/train/0000.parquet"


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path


@pytest.fixture
def offline(hub_cache, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def server():
    import pyarrow
    from pyarrow import parquet

    table = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": ["first text", "second text", " "]}), table)
    content = table.getvalue()
    entry = {"type": "file", "path": PATH, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            if "/tree/" in self.path:
                return self.reply(dumps([entry]).encode())
            if "/resolve/" in self.path:
                return self.reply(content)
            if "/api/datasets/" in self.path:
                info = {"id": hub.SAMPLE_REPO, "sha": COMMIT, "siblings": [{"rfilename": PATH}]}
                return self.reply(dumps(info).encode())
            return self.reply(b"{}")

        def reply(self, body):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{entry["oid"]}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}", len(content)
        httpd.shutdown()


def test_offline_the_default_corpus_says_what_to_do_at_once(offline):
    began = time.monotonic()
    assert not hub.default_corpus_is_cached()
    with pytest.raises(NotAvailable, match="agent fetch gpt2"):
        load_texts(None, "gpt2")
    with pytest.raises(NotAvailable, match="`corpus=FILE`"):
        hub.fetch_corpus(NoProgress())
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_hub_that_never_answers_is_given_up_within_five_seconds(hub_cache, monkeypatch):
    import socket

    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(NotAvailable, match="agent fetch gpt2"):
            hub.fetch_corpus(NoProgress())
        assert time.monotonic() - began < 5


FETCH = """
from tools.evidence.texts import formats, hub
from tools.evidence.texts.corpus import load_texts

class Steps:
    total, done, finished = 0, 0, False
    def start(self, total, what, *, in_bytes=False): self.total = total
    def advance(self, n): self.done += n
    def finish(self): self.finished = True

steps = Steps()
hub.fetch_corpus(steps)
name, texts = (corpus := load_texts(None, "gpt2-xl")).name, sorted(text for _, text in corpus.texts)
print(hub.default_corpus_is_cached(), steps.total, steps.done, steps.finished, name, *texts)
"""


@pytest.mark.slow
def test_the_default_corpus_is_fetched_with_progress_and_then_read_offline(server, tmp_path):
    endpoint, size = server
    # the client reads its settings once, when imported, so each of the two needs a process of its own
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", FETCH], env=clean | settings, capture_output=True, text=True, check=True, timeout=60
        ).stdout.split(maxsplit=4)
        for settings in (
            {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path)},
            {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)},
        )
    ]
    said = "openwebtext-10k first text second text\n"
    assert outputs == [["True", str(size), str(size), "True", said], ["True", "0", "0", "False", said]]


def test_a_damaged_default_corpus_is_a_storage_error(tmp_path, monkeypatch):
    file = tmp_path / "0000.parquet"
    file.write_bytes(b"PAR1 and then nothing")
    monkeypatch.setattr(hub, "_cached_sample", lambda: [file])
    with pytest.raises(StorageError, match=r"0000\.parquet cannot be read or is damaged"):
        load_texts(None, "gpt2")


def test_a_dataset_that_cannot_be_had_is_not_available(offline):
    pytest.importorskip("datasets")
    began = time.monotonic()
    with pytest.raises(NotAvailable, match="nobody/nothing"):
        load_texts("hf:nobody/nothing", "gpt2")
    assert time.monotonic() - began < 10


def test_without_the_package_datasets_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(NotAvailable, match=r"-e '\.\[datasets\]'"):
        load_texts("hf:owner/name", "gpt2")


def test_a_dataset_is_read_by_its_text_column(monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = []

    def load_dataset(name, **options):
        asked.append((name, options["split"]))
        return iter([{"text": "one"}, {"text": ""}, {"text": "two"}])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    assert sorted(load_texts("hf:owner/name:test", "gpt2").texts) == [("owner/name/0", "one"), ("owner/name/2", "two")]
    load_texts("owner/name", "gpt2")
    assert asked == [("owner/name", "test"), ("owner/name", "train")]


class Rows:
    """A stream of datasets: it counts what is taken of it, and may break off."""

    def __init__(self, texts, broken=False):
        self.n_taken, self._texts, self._broken = 0, texts, broken

    def __iter__(self):
        for text in self._texts:
            self.n_taken += 1
            yield {"text": text}
        if self._broken:
            raise ConnectionError("the hub hung up.")


@pytest.mark.parametrize(("max_tokens", "n_taken"), [(0, 11), (100, 11), (1000, 81)])
def test_of_a_dataset_as_much_is_read_as_the_tokens_may_need(monkeypatch, max_tokens, n_taken):
    datasets = pytest.importorskip("datasets")
    rows = Rows([f"{i:0100}" for i in range(1000)])
    monkeypatch.setattr(datasets, "load_dataset", lambda name, **options: rows)
    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    monkeypatch.setattr(hub, "MIN_CHARACTERS", 1000)
    assert len(load_texts("hf:owner/name", "gpt2", max_tokens).texts) == rows.n_taken == n_taken


def test_a_dataset_that_breaks_off_is_not_available(monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets, "load_dataset", lambda name, **options: Rows(["one"], broken=True))
    monkeypatch.setattr(hub, "is_reachable", lambda: True)
    with pytest.raises(NotAvailable, match="the hub hung up"):
        load_texts("hf:owner/name", "gpt2")


def test_the_default_corpus_is_read_some_rows_at_a_time(tmp_path, monkeypatch):
    import pyarrow
    from pyarrow import parquet

    files = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    for file, texts in zip(files, (["a", "b", " ", "c", "d"], ["e", "f"]), strict=True):
        parquet.write_table(pyarrow.table({"text": texts}), file, row_group_size=3)
    monkeypatch.setattr(hub, "_cached_sample", lambda: files)
    monkeypatch.setattr(formats, "_ROWS", 2)
    assert list(hub.sample_texts()) == [(f"openwebtext/{n}", t) for n, t in enumerate("ab cdef") if t != " "]
