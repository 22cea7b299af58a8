"""How fast one neuron is read on many texts: the lean reader against TransformerLens and plain transformers.

python benchmarks/reading.py                                    # 128 texts of 64 tokens, layer 5
python benchmarks/reading.py --texts 32 --rounds 2              # sooner done

GPT-2 small's shape with random weights, one thread, all ways by turns in one process, CPU seconds. The peak is the best
rate of the reader's own linear maps with packed weights on matrices of GPT-2 small's MLP; what a reading achieves is
its multiplications and additions over its seconds. Packing pays where it makes such a map at least 1.3 times as fast as
torch's own; it does on AMD's CPUs, and does not where torch comes with Intel's MKL on an Intel CPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.gpt2_shape import LAYER, save_gpt2_shape
from benchmarks.interleaved import set_up, timed

INDEX = 7
ROWS = (256, 512, 1024)


class EarlyExit(Exception):
    """What was wanted has been seen."""


def flops(width: int, n_texts: int, n_tokens: int) -> float:
    """Of reading one neuron: matrix multiplications and attention up to layer 5, BOS included, causal half counted."""
    n_ids = n_texts * (1 + n_tokens)
    maps = n_ids * 2 * width**2 * (12 * LAYER + 4)
    return maps + (LAYER + 1) * n_ids * 2 * width * (1 + n_tokens)


def ways_of_reading(folder: Path, tokens: np.ndarray, most_cached: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Each way as a function, and the values [batch, pos] that each found when it was last called."""
    import torch
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import GPT2LMHeadModel

    from tools.subject.folder import ModelFolder
    from tools.subject.gpt2 import LeanGPT2

    model = ModelFolder(folder, "gpt2's shape")
    bridge = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=torch.float32)
    plain = GPT2LMHeadModel.from_pretrained(folder).eval()
    found: dict[str, Any] = {}
    hook = f"blocks.{LAYER}.mlp.hook_post"
    lengths = np.full(len(tokens), tokens.shape[1])

    def ids(part: np.ndarray) -> torch.Tensor:
        bos = np.full((len(part), 1), bridge.tokenizer.bos_token_id)
        return torch.from_numpy(np.concatenate([bos, part], axis=1)).long()

    @torch.inference_mode()
    def everything() -> None:
        values = []
        for part in np.split(tokens[:most_cached], range(16, most_cached, 16)):
            _, cache = bridge.run_with_cache(ids(part))
            values.append(cache[hook][:, 1:, INDEX].numpy().copy())
        found["everything"] = np.concatenate(values)

    @torch.inference_mode()
    def one_hook(at_once: int) -> np.ndarray:
        values: list[Any] = []

        def keep(value: Any, hook: Any) -> None:
            values.append(value[:, 1:, INDEX].clone())

        for first in range(0, len(tokens), at_once):
            bridge.run_with_hooks(
                ids(tokens[first : first + at_once]), fwd_hooks=[(hook, keep)], stop_at_layer=LAYER + 1
            )
        return torch.cat(values).numpy()

    @torch.inference_mode()
    def early_exit() -> None:
        values: list[Any] = []

        def keep(module: Any, given: Any, value: Any) -> None:
            values.append(value[:, 1:, INDEX].clone())
            raise EarlyExit

        handle = plain.transformer.h[LAYER].mlp.act.register_forward_hook(keep)
        for first in range(0, len(tokens), 32):
            try:
                plain(ids(tokens[first : first + 32]))
            except EarlyExit:
                continue
        handle.remove()
        found["plain"] = torch.cat(values).numpy()

    def lean(dtype: str) -> Any:
        reader = LeanGPT2(model, dtype=dtype)

        def read() -> None:
            inputs = reader._read(tokens, lengths, LAYER)  # past what it remembers
            found[dtype] = reader.neuron_values(inputs, LAYER, INDEX)

        return read

    return {
        "everything": everything,
        "one hook": lambda: found.update({"one hook": one_hook(len(tokens))}),
        "one hook, 32": lambda: found.update({"one hook, 32": one_hook(32)}),
        "plain": early_exit,
        "float32": lean("float32"),
        "bfloat16": lean("bfloat16"),
    }, found


def multiplications(width: int) -> dict[str, Any]:
    """Linear maps alone, packed and as torch has them, on rows as many as a reading has at once."""
    import torch

    from tools.subject.packed import can_pack, linear

    ways: dict[str, Any] = {}
    weight, bias = torch.randn(width, 4 * width) * 0.02, torch.zeros(4 * width)

    def add(name: str, function: Any, x: torch.Tensor, n: int) -> None:
        def run() -> None:
            with torch.inference_mode():
                for _ in range(n):
                    function(x)

        ways[f"{name} {len(x)}"] = run

    for rows in ROWS:
        x, n = torch.randn(rows, width), 4096 // rows
        add("torch", lambda x: torch.addmm(bias, x, weight), x, n)
        if can_pack(torch.float32):
            add("packed", linear(weight, bias), x, n)
        if can_pack(torch.bfloat16):
            add("bfloat16", linear(weight.bfloat16(), bias.bfloat16()), x.bfloat16(), n)
    return ways


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=64, help="of each text")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    set_up()
    warnings.simplefilter("ignore")
    width = 768
    tokens = np.random.default_rng(0).integers(0, 50_000, (given.texts, given.tokens)).astype(np.int32)
    most_cached = min(16, given.texts)
    with tempfile.TemporaryDirectory() as folder:
        save_gpt2_shape(Path(folder), n_layer=12, width=width)
        ways, found = ways_of_reading(Path(folder), tokens, most_cached)
        maps = multiplications(width)
        seconds = timed(ways | maps, given.rounds)
    n_tokens = {name: (most_cached if name == "everything" else given.texts) * given.tokens for name in ways}
    rate = {name: n_tokens[name] / seconds[name] for name in ways}
    gflops = {name: 4096 * 8 * width**2 / seconds[name] / 1e9 for name in maps}
    peak = {kind: max((r for name, r in gflops.items() if name.startswith(kind)), default=0.0)
            for kind in ("torch", "packed", "bfloat16")}  # fmt: skip
    labels = {
        "everything": "TransformerLens, run_with_cache, everything",
        "one hook": "TransformerLens, one hook, stop_at_layer",
        "one hook, 32": "the same, 32 texts at a time",
        "plain": "transformers, a hook and an early exit",
        "float32": "lean, float32",
        "bfloat16": "lean, bfloat16 (screening only)",
    }
    print(f"one neuron of layer {LAYER}, {given.texts} texts of {given.tokens} tokens, one thread")
    print(f"{'':<44} {'tokens/s':>9} {'to one hook':>12} {'largest difference':>19}")
    for name, label in labels.items():
        same = found["one hook"][: len(found[name])]
        difference = np.abs(found[name] - same).max()
        print(f"{label:<44} {rate[name]:>9.0f} {rate[name] / rate['one hook']:>12.2f} {difference:>19.1e}")
    best = max(peak["packed"], peak["torch"])
    achieved = flops(width, given.texts, given.tokens) / 1e9
    print(f"matrix multiplication, GFLOP/s: torch {peak['torch']:.0f}, packed {peak['packed']:.0f}, "
          f"packed bfloat16 {peak['bfloat16']:.0f}")  # fmt: skip
    print(f"lean float32 achieves {achieved / seconds['float32']:.0f} GFLOP/s: "
          f"{achieved / seconds['float32'] / (peak['packed'] or best):.0%} of the packed peak")  # fmt: skip
    gain = peak["packed"] / peak["torch"]
    pays = gain >= 1.3
    bound = best * 1e9 * n_tokens["one hook"] / (achieved * 1e9) / rate["one hook"]
    print(f"packing {'pays' if pays else 'does not pay'} here ({gain:.2f} times torch's own); to reach is "
          f"{2.4 if pays else 1.2}, and no float32 can exceed {bound:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
