"""`agent fetch gpt2` from a small local hub, in processes of their own, since the client reads its settings once."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tools.evidence.texts.hub import SAMPLE_REPO

COMMIT = "d" * 40
MODEL = "openai-community/gpt2"


@pytest.fixture(scope="module")
def hub(save_gpt2: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """Address of a hub that serves a tiny GPT-2 and a sample of text, and the requests it got."""
    import pyarrow
    from pyarrow import parquet

    folder = tmp_path_factory.mktemp("served")
    save_gpt2(folder, n_positions=96)
    table = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": ["one text", "another text"]}), table)
    repos = {
        f"models/{MODEL}": {file.name: file.read_bytes() for file in folder.iterdir()},
        f"datasets/{SAMPLE_REPO}": {"plain_text/train/0000.parquet": table.getvalue()},
    }
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].strip("/")
            requests.append(f"{self.command} {path}")
            for repo, files in repos.items():
                entries = [
                    {"type": "file", "path": n, "rfilename": n, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                    for n, b in files.items()
                ]
                if path.startswith(f"api/{repo}/tree/"):
                    return self.reply(json.dumps(entries).encode())
                if path.startswith(f"api/{repo}"):
                    return self.reply(
                        json.dumps({"id": repo.partition("/")[2], "sha": COMMIT, "siblings": entries}).encode()
                    )
                prefix = repo.removeprefix("models/")
                for name, body in files.items():
                    if path.startswith(f"{prefix}/resolve/") and path.endswith(f"/{name}"):
                        return self.reply(body, ETag=f'"{hashlib.sha1(body).hexdigest()}"')
            return self.reply(b"{}")

        def reply(self, body: bytes, **headers: str) -> None:
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body)), "X-Repo-Commit": COMMIT}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()


def agent(home: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    env |= {"HF_HOME": str(home), "HF_ENDPOINT": endpoint}
    command = [sys.executable, "-m", "agent.cli", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_fetch_then_work_offline(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    endpoint, requests = hub
    nowhere = "http://127.0.0.1:9"

    done = agent(tmp_path, endpoint, "fetch", "gpt2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gpt2 and its default corpus are on this machine (")
    assert "fetching gpt2: 0 bytes of " in done.stderr
    assert "fetching the sample of OpenWebText" in done.stderr

    requests.clear()
    for again in (endpoint, nowhere):
        done = agent(tmp_path, again, "fetch", "gpt2", "--quiet")
        assert (done.returncode, done.stderr) == (0, "")
    assert requests == []

    done = agent(tmp_path, nowhere, "read", "L1N3", "x = 1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["model"] == "gpt2"


WITHOUT_SOCKS = "socksio" if find_spec("socksio") is None else "cannot be reached"


@pytest.mark.parametrize(
    ("proxy", "why"), [("socks5://127.0.0.1:1", WITHOUT_SOCKS), ("gopher://127.0.0.1:1", "gopher")]
)
def test_a_proxy_that_cannot_be_used(proxy: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    done = agent(tmp_path, "http://nowhere.invalid", "fetch", "gpt2")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("agent: gpt2 is not on this machine and cannot be downloaded (")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_fetch_without_a_hub(tmp_path: Path) -> None:
    done = agent(tmp_path, "http://127.0.0.1:9", "fetch", "gpt2")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("agent: gpt2 is not on this machine and cannot be downloaded (http://127.0.0.1:9 ")
    assert done.stderr.count("\n") == 1
