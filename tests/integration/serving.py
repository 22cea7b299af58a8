"""Real OpenAI-compatible servers that no one here wrote: `transformers serve` with a copy of the bundled model, and
llama.cpp's own with SmolLM2."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tools.subject.resolve import MINI

PACKAGES = ("fastapi", "uvicorn", "starlette")
"""What the server needs beside what is always installed."""

START_S = 90.0
"""Seconds within which it must answer. It takes 8 on an idle core."""

LLAMACPP = Path(__file__).with_name("llamacpp_server.py")
SMOLLM2 = "smollm2-instruct"
"""The name under which it is served."""

N_SLOTS = 2
"""Questions that llama.cpp answers at once."""

STOP_S = 5.0
"""Seconds that it has to end by itself, before it is killed."""

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)

_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")


@dataclass(frozen=True)
class Served:
    """A server that answers.

    Attributes:
        base_url: as OpenAI's clients want it, ending in /v1.
        model: the name that must be asked for; the server refuses any other with 400.
        log: what the server printed, tracebacks behind its bare 500s included.
    """

    base_url: str
    model: str
    log: Path


@contextmanager
def served_mini(folder: Path, *, n_positions: int | None = None) -> Iterator[Served]:
    """Serve a copy of `mini` on a free loopback port for as long as the context lasts.

    `folder` receives the copy and the log. mini reads 256 tokens, and the server answers a longer conversation with a
    bare 500; `n_positions` widens the copy by repeating its position embeddings, so that any prompt is read, though
    what is said about it means even less. Skips the test where the packages of the server are not installed.

    Raises:
        RuntimeError: the server ended, or did not answer in `START_S` seconds; holds the end of its log.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"transformers serve lacks {', '.join(missing)} and needs the extra: pip install -e '.[serve]'")
    model, log = folder / "served-mini", folder / "serve.log"
    _copy(model, n_positions)
    port = _free_port()
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model)]
    command += ["--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]
    with _running("transformers serve", command, port, log, _environment(folder)):
        yield Served(f"http://127.0.0.1:{port}/v1", str(model), log)


@contextmanager
def served_smollm2(folder: Path, *, n_context: int = 4096) -> Iterator[Served]:
    """Serve SmolLM2-135M-Instruct by llama.cpp on a free loopback port, in two slots of `n_context` tokens each.

    `folder` receives the log. Skips the test where xllamacpp or the model's GGUF file is not here.

    Raises:
        RuntimeError: the server ended, or did not answer in `START_S` seconds; holds the end of its log.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("llama.cpp's server needs the extra: pip install -e '.[llamacpp]'")
    gguf = Path(os.environ["NEURON_AGENT_TEST_GGUF"] or ".")
    if not gguf.is_file():
        pytest.skip("SmolLM2's GGUF file is not on this machine: where there is no hub, `agent fetch smollm2` gets it")
    log, port = folder / "llamacpp.log", _free_port()
    command = [sys.executable, str(LLAMACPP), str(gguf.resolve()), SMOLLM2, str(port), str(n_context), str(N_SLOTS)]
    with _running("llama.cpp", command, port, log, _environment(folder)):
        yield Served(f"http://127.0.0.1:{port}/v1", SMOLLM2, log)


@contextmanager
def _running(name: str, command: list[str], port: int, log: Path, environment: dict[str, str]) -> Iterator[None]:
    """A server's process, from when it answers until the context ends."""
    with log.open("wb") as output:
        # A session of its own, so that whatever it starts can be ended with it.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        _wait_until_it_answers(name, process, port, log)
        yield
    finally:
        _end(process)


def _copy(model: Path, n_positions: int | None) -> None:
    """mini with what it lacks to be talked to: a chat template."""
    model.mkdir(parents=True)
    for name in _FILES:
        shutil.copyfile(MINI / name, model / name)
    (model / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    if n_positions is not None:
        _widen(model, n_positions)


def _widen(model: Path, n_positions: int) -> None:
    import numpy as np
    from safetensors.numpy import load_file, save_file

    tensors = load_file(model / "model.safetensors")
    name = next(name for name in tensors if name.endswith("wpe.weight"))
    rows = np.arange(n_positions) % len(tensors[name])
    tensors[name] = np.ascontiguousarray(tensors[name][rows])
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    for file, field in (("config.json", "n_positions"), ("tokenizer_config.json", "model_max_length")):
        settings = json.loads((model / file).read_text(encoding="utf-8"))
        (model / file).write_text(json.dumps({**settings, field: n_positions}), encoding="utf-8")


def _environment(folder: Path) -> dict[str, str]:
    """One thread unless the program says more, no hub, no keys, no proxy, and a cache of its own."""
    cache = folder / "huggingface"
    # GET /v1/models scans it, and answers 500 where it does not exist.
    (cache / "hub").mkdir(parents=True, exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "OPENAI_", "TRANSFORMERS_")) and not name.lower().endswith("_proxy")
    }
    return kept | {
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _free_port() -> int:
    """The server takes no socket that is already bound, so the port may be lost in between; it then ends at once."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _wait_until_it_answers(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_S
    with httpx2.Client(trust_env=False, timeout=2) as client:
        while time.monotonic() < until:
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{_tail(log)}")
            try:
                if client.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    return
            except httpx2.TransportError:
                pass  # not listening yet
            time.sleep(0.1)
    raise RuntimeError(f"{name} did not answer in {START_S:g} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-4_000:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """The group's id is the process's own and is not given away before the process is waited for."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_S)
            return
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
