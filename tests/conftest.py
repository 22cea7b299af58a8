"""What every test shares: no network, one thread, an empty environment, and small models made on the spot."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.subject.smollm2 import GGUF, unpacked_folder

# Where the real SmolLM2 is looked for: unless it is named, in the cache of whoever runs the tests.
os.environ.setdefault("NEURON_AGENT_TEST_SMOLLM2", str(unpacked_folder()))
_GGUF = unpacked_folder() / GGUF.name
os.environ.setdefault("NEURON_AGENT_TEST_GGUF", str(_GGUF) if _GGUF.is_file() else "")

# Read when libraries are imported, so set before any of them is.
_HOME = tempfile.mkdtemp(prefix="neuron-agent-tests-")
for _name in [n for n in os.environ if n.startswith(("HF_", "OPENAI_", "AGENT_", "LANGCHAIN_", "LANGSMITH_"))]:
    del os.environ[_name]
for _name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
    os.environ.pop(_name, None)
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HOME": f"{_HOME}/huggingface",
    "XDG_CACHE_HOME": f"{_HOME}/cache",
    "NEURON_AGENT_CACHE": f"{_HOME}/evidence",
    "OMP_WAIT_POLICY": "passive",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

import pytest  # noqa: E402

BOS = "<|endoftext|>"
SAMPLE = ["import os\n    return x", "def f(a, b):\n    pass", "naïve café — 12,345 €\n\n\tx = 'y'"]


@pytest.fixture(scope="session", autouse=True)
def _remove_home() -> Any:
    import shutil

    yield
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def save_tokenizer() -> Callable[[Path], int]:
    """Write a small byte-level BPE tokenizer into a folder; returns the number of its tokens. BOS has id 0."""

    def save(folder: Path) -> int:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import PreTrainedTokenizerFast

        raw = Tokenizer(models.BPE())
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=[BOS],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        raw.train_from_iterator(SAMPLE * 3, trainer)
        fast = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token=BOS, eos_token=BOS, unk_token=BOS)
        fast.save_pretrained(folder)
        return int(raw.get_vocab_size())

    return save


@pytest.fixture(scope="session")
def save_gpt2(save_tokenizer: Callable[[Path], int]) -> Callable[..., Any]:
    """Write a randomly initialised GPT-2 with its tokenizer into a folder; returns Hugging Face's model in float32.

    `dtype` is the file's; `bare` leaves out the language-model head, and with it the prefix of the tensors' names.
    """

    def save(folder: Path, *, dtype: str = "float32", bare: bool = False, shard: str = "5GB", **config: Any) -> Any:
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel

        n_tokens = save_tokenizer(folder)
        shape = {"n_layer": 2, "n_embd": 32, "n_head": 4, "n_positions": 48, "vocab_size": n_tokens}
        special = {"bos_token_id": 0, "eos_token_id": 0}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = GPT2LMHeadModel(GPT2Config(**(shape | special | config))).eval()
            for name, parameter in model.named_parameters():
                if name.endswith("bias"):  # zero at the start, where a wrong bias would go unseen
                    torch.nn.init.normal_(parameter, std=0.02)
        model = model.to(getattr(torch, dtype))
        (model.transformer if bare else model).save_pretrained(folder, max_shard_size=shard)
        return model.float()

    return save
