"""What an index costs over the forward pass that it needs anyway, and against building one with TransformerLens.

python benchmarks/index.py                                   # 2 layers of GPT-2 small's shape, about 8 minutes
python benchmarks/index.py --layers 12 --after 4000 --rounds 10

One thread, one process, random weights (speed does not depend on the values). Each round reads one batch three ways:
the forward pass alone, the index's sweep, and TransformerLens with every `hook_post` cached and a topk over the batch
and the best so far. Rounds begin after `--after` excerpts have been indexed. Every eighth batch repeats an earlier one,
so that many of the largest values tie; at the end the kept entries are compared with a sort of all excerpts' maxima.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpt2_shape import save_gpt2_shape
from tools.index.keys import parse_top_keys
from tools.index.shape import TOP, IndexShape
from tools.index.sweep import Kept, sweep
from tools.subject.folder import ModelFolder
from tools.subject.gpt2 import LeanGPT2
from tools.subject.lean import LeanModel

BATCH, TOKENS = 32, 64
REPEAT_EVERY = 8


class Stream:
    """Batches of random tokens; every eighth one is an earlier one again."""

    def __init__(self, bos: int) -> None:
        self._rng = np.random.default_rng(0)
        self._bos = bos
        self._sent: list[NDArray[np.int64]] = []

    def __next__(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids [batch, 1 + pos] with BOS, and the rows of the batch."""
        first = len(self._sent) * BATCH
        if self._sent and len(self._sent) % REPEAT_EVERY == 0:
            ids = self._sent[int(self._rng.integers(len(self._sent)))]
        else:
            tokens = self._rng.integers(0, 50_000, (BATCH, TOKENS))
            ids = np.concatenate([np.full((BATCH, 1), self._bos), tokens], 1)
        self._sent.append(ids)
        return ids, np.arange(first, first + BATCH)


@torch.inference_mode()
def forward(subject: LeanModel, ids: NDArray[np.int64], maxima: NDArray[np.float32] | None = None) -> None:
    """The forward pass alone; with `maxima` [batch, layer, d_mlp] its largest values too."""
    x = subject.embed(torch.from_numpy(ids))
    for layer in range(subject.n_layers):
        subject.attend(x, layer)
        neurons = subject.feed_forward(x, layer)
        if maxima is not None:
            maxima[:, layer] = neurons[:, 1:].amax(1).numpy()


class TransformerLensBuild:
    """An index as one would write it: cache every layer's neurons, then topk over the batch and the best so far."""

    def __init__(self, folder: Path, n_layers: int) -> None:
        from transformer_lens.model_bridge import TransformerBridge

        self._model: Any = TransformerBridge.boot_transformers(str(folder), device="cpu")
        self._names = [f"blocks.{layer}.mlp.hook_post" for layer in range(n_layers)]
        self._best: list[tuple[torch.Tensor, torch.Tensor] | None] = [None] * n_layers

    @torch.inference_mode()
    def add(self, ids: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Index one batch."""
        wanted = set(self._names)
        _, cache = self._model.run_with_cache(
            torch.from_numpy(ids), names_filter=lambda name: name in wanted, prepend_bos=False
        )
        for layer, name in enumerate(self._names):
            values, _ = cache[name][:, 1:].max(1)
            found = torch.from_numpy(rows)[:, None].expand(values.shape)
            best = self._best[layer]
            if best is not None:
                values, found = torch.cat([best[0], values]), torch.cat([best[1], found])
            values, at = values.topk(min(TOP, len(values)), dim=0)
            self._best[layer] = values, found.gather(0, at)


def timed(what: Callable[[], None]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=2, help="layers of the model (default: 2)")
    parser.add_argument("--after", type=int, default=16_000, help="excerpts indexed before measuring (default: 16000)")
    parser.add_argument("--rounds", type=int, default=30, help="batches measured (default: 30)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = save_gpt2_shape(Path(name) / "model", n_layer=arguments.layers)
        subject = LeanGPT2(ModelFolder(folder, "shape"))
        shape = IndexShape(subject.n_layers, subject.d_mlp, TOP)
        kept = Kept(shape, True, torch.device("cpu"))
        stream, maxima = Stream(subject.bos), []
        for number in range(-(-arguments.after // BATCH)):
            ids, rows = next(stream)
            sweep(subject, ids, rows, kept, None)
            maxima.append(_maxima(subject, ids, shape))
            if number % 50 == 49:
                print(f"{(number + 1) * BATCH:,} excerpts indexed", file=sys.stderr)
        lens = TransformerLensBuild(folder, arguments.layers)
        seconds: dict[str, list[float]] = {"forward": [], "index": [], "lens": []}
        for number in range(arguments.rounds + 2):
            ids, rows = next(stream)
            maxima.append(_maxima(subject, ids, shape))
            taken = {
                "forward": timed(lambda ids=ids: forward(subject, ids)),
                "index": timed(lambda ids=ids, rows=rows: sweep(subject, ids, rows, kept, None)),
                "lens": timed(lambda ids=ids, rows=rows: lens.add(ids, rows)),
            }
            if number >= 2:  # the first are slower than all others
                for way, value in taken.items():
                    seconds[way].append(value)
    _report(arguments.layers, arguments.after, seconds)
    differing, ties = _compare(kept, np.concatenate(maxima), shape)
    n = shape.n_layers * shape.d_mlp
    print(f"top {TOP} against a sort of all maxima: {differing} of {n:,} neurons differ, {ties} have ties among them")


def _maxima(subject: LeanModel, ids: NDArray[np.int64], shape: IndexShape) -> NDArray[np.float32]:
    out = np.empty((BATCH, shape.n_layers, shape.d_mlp), np.float32)
    forward(subject, ids, out)
    return out


def _report(n_layers: int, after: int, seconds: dict[str, list[float]]) -> None:
    print(f"GPT-2 small's shape, {n_layers} layers, {BATCH} x {TOKENS} tokens a batch, one thread, fp32")
    for way, values in seconds.items():
        print(f"  {way:8} {BATCH * TOKENS / statistics.median(values):8,.0f} tokens/s")
    shares = [index / bare for index, bare in zip(seconds["index"], seconds["forward"], strict=True)]
    against = [lens / index for lens, index in zip(seconds["lens"], seconds["index"], strict=True)]
    best = min(seconds["index"]) / min(seconds["forward"])
    print(f"index over the forward pass after {after:,} excerpts: {statistics.median(shares) - 1:+.1%} "
          f"(median of paired rounds; {best - 1:+.1%} best against best)")  # fmt: skip
    print(f"index against a TransformerLens build: {statistics.median(against):.2f}x")


def _compare(kept: Kept, maxima: NDArray[np.float32], shape: IndexShape) -> tuple[int, int]:
    """Neurons whose kept entries are not the first of a full sort, and neurons with ties among theirs."""
    differing = ties = 0
    for layer in range(shape.n_layers):
        own = maxima[:, layer]
        order = np.argsort(-own, axis=0, kind="stable")[:TOP]
        for neuron in range(shape.d_mlp):
            found = parse_top_keys(kept.top[layer * shape.d_mlp + neuron])
            differing += found.rows.tolist() != order[:, neuron].tolist()
            ties += len(np.unique(found.values)) < len(found)
    return differing, ties


if __name__ == "__main__":
    main()
