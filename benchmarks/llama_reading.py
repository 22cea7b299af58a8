"""How fast one neuron of SmolLM2 is read: the lean reader against TransformerLens with one hook and `stop_at_layer`.

python benchmarks/llama_reading.py                              # 64 texts of 64 tokens, layer 8
python benchmarks/llama_reading.py --layer 20 --texts 32

The model of `agent fetch smollm2`, one thread, both ways by turns in one process, CPU seconds. The largest difference
of their values is printed beside the ratio. The peak is that of the reader's own linear map on the matrix of an MLP;
the bound is the ratio of a reader that did nothing but the multiplications it needs, at that peak.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.interleaved import set_up, timed

INDEX = 321


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layer", type=int, default=8)
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64, help="of each text")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    set_up()
    warnings.simplefilter("ignore")
    import torch
    from transformer_lens.model_bridge import TransformerBridge

    from tools.subject.load import open_subject
    from tools.subject.packed import linear
    from tools.subject.resolve import resolve

    lean: Any = open_subject(resolve("smollm2"))
    bridge = TransformerBridge.boot_transformers(str(lean.folder.path), device="cpu", dtype=torch.float32)
    tokens = np.random.default_rng(0).integers(100, 40_000, (given.texts, given.tokens)).astype(np.int32)
    lengths = np.full(given.texts, given.tokens)
    found: dict[str, Any] = {}

    @torch.inference_mode()
    def one_hook() -> None:
        values: list[torch.Tensor] = []
        ids = torch.from_numpy(np.concatenate([np.full((len(tokens), 1), lean.bos), tokens], axis=1)).long()
        for part in torch.split(ids, 32):
            bridge.run_with_hooks(
                part,
                fwd_hooks=[
                    (f"blocks.{given.layer}.mlp.hook_post", lambda v, hook: values.append(v[:, 1:, INDEX].clone()))
                ],
                stop_at_layer=given.layer + 1,
            )
        found["one hook"] = torch.cat(values).numpy()

    def read() -> None:
        inputs = lean._read(tokens, lengths, given.layer)  # past what it remembers
        found["lean"] = lean.one_neuron(torch.from_numpy(inputs).flatten(0, 1), given.layer, INDEX)

    x, weight = torch.randn(1024, lean.d_model), torch.randn(lean.d_model, 2 * lean.d_mlp)
    ready = linear(weight, torch.zeros(2 * lean.d_mlp))

    @torch.inference_mode()
    def multiply() -> None:
        for _ in range(20):
            ready(x)

    seconds = timed({"one hook": one_hook, "lean": read, "peak": multiply}, given.rounds)
    peak = 20 * 2 * x.numel() * 2 * lean.d_mlp / seconds.pop("peak")
    block = lean._block(0)
    attention = sum(w.numel() for w in (block._tensor(f"self_attn.{p}_proj.weight") for p in "qkvo"))
    needed = (
        2
        * given.texts
        * (1 + given.tokens)
        * ((given.layer + 1) * attention + given.layer * 3 * lean.d_model * lean.d_mlp)
    )
    n = given.texts * given.tokens
    for name, taken in seconds.items():
        print(f"{name:<10} {n / taken:>8.0f} tokens/s  {seconds['one hook'] / taken:>5.2f} times one hook")
    difference = np.abs(found["lean"].numpy().reshape(found["one hook"].shape) - found["one hook"]).max()
    achieved, bound = needed / seconds["lean"] / peak, seconds["one hook"] * peak / needed
    print(f"peak {peak / 1e9:.0f} GFLOP/s, of which lean achieves {achieved:.0%}; the bound here is {bound:.2f}")
    print(f"largest difference {difference:.1e}, largest value {np.abs(found['one hook']).max():.2f}")


if __name__ == "__main__":
    main()
