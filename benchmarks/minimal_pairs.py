"""Sixteen minimal pairs, as experiments make them: read as a tree of tokens, against one padded TransformerLens batch.

python benchmarks/minimal_pairs.py
python benchmarks/minimal_pairs.py --carriers 4                 # four edits of each
python benchmarks/minimal_pairs.py --longest 24 --seed 1        # of shorter excerpts

GPT-2 small's shape with random weights, layer 5, one thread, by turns in one process, CPU seconds. The pairs come from
`tools.experiments.minimal_pairs` on random text: of each carrier one edit drawn at random, or several where there are
fewer carriers than pairs, as in a round of experiments. The tree saves by what it need not read, the rest is how fast
the machine multiplies; see reading.py.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.gpt2_shape import LAYER, save_gpt2_shape
from benchmarks.interleaved import set_up, timed

N_PAIRS, INDEX = 16, 7


def pairs(subject: Any, n_carriers: int, longest: int, seed: int) -> list[tuple[int, ...]]:
    """Token ids of the texts, each carrier beside its edit."""
    from tools.experiments.candidates import Setting
    from tools.experiments.carriers import draw_carriers
    from tools.experiments.minimal_pairs import minimal_pairs
    from tools.experiments.seen_words import SeenWords
    from tools.experiments.text_edits import Texts
    from tools.records.excerpts import EXCERPT_TOKENS, Excerpts, ExploreActivations
    from tools.rules.vocabulary import Vocabulary

    rng = np.random.default_rng(seed)
    n = 400
    lengths = np.full(n, longest)
    letters = rng.choice(list("abcdefghij  "), (n, 4 * EXCERPT_TOKENS))  # two letters a token at most
    texts_read = subject.tokenizer.encode(["".join(row) for row in letters])
    tokens = np.array([ids[:EXCERPT_TOKENS] for ids in texts_read], dtype=np.int32)
    tokens[:, longest:] = -1
    numbers = np.arange(n, dtype=np.int32)
    values = np.where(tokens >= 0, rng.exponential(size=tokens.shape), 0).astype(np.float32)
    explore = ExploreActivations(Excerpts(tokens, lengths, numbers, numbers, numbers), values)
    vocabulary = Vocabulary(subject.tokenizer.token_strings(), subject.embeddings())
    texts = Texts(vocabulary.strings, subject.tokenizer, EXCERPT_TOKENS)
    carriers = draw_carriers(explore, 4.0, texts, set(), set())[:n_carriers]
    nothing = cast(Any, None)
    setting = Setting(
        explore, 4.0, carriers, explore.excerpts, nothing, vocabulary, texts, SeenWords(explore, 4.0, vocabulary), [],
        nothing, nothing, nothing,
    )  # fmt: skip
    edits = minimal_pairs(setting, rng)
    out: list[tuple[int, ...]] = []
    for i, carrier in enumerate(carriers):
        own = [edit.tokens for edit in edits if edit.carrier == carrier.name and edit.tokens]
        n_own = len(range(i, N_PAIRS, n_carriers))
        for k in rng.permutation(len(own))[:n_own]:
            out += [carrier.text.tokens, own[int(k)]]
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--longest", type=int, default=64, help="tokens of the excerpts that carriers are cut from")
    parser.add_argument("--carriers", type=int, default=N_PAIRS, choices=(2, 4, 8, 16))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    set_up()
    warnings.simplefilter("ignore")
    import torch
    from transformer_lens.model_bridge import TransformerBridge

    from tools.study.simulations import padded
    from tools.subject.folder import ModelFolder
    from tools.subject.gpt2 import LeanGPT2
    from tools.subject.prefixes import in_order

    with tempfile.TemporaryDirectory() as folder:
        save_gpt2_shape(Path(folder))
        model = ModelFolder(Path(folder), "gpt2's shape")
        readers = {dtype: LeanGPT2(model, dtype=dtype) for dtype in ("float32", "bfloat16")}
        bridge = TransformerBridge.boot_transformers(folder, device="cpu", dtype=torch.float32)
        texts = pairs(readers["float32"], given.carriers, given.longest, given.seed)
        tokens, lengths = padded(texts)
        bos = np.full((len(texts), 1), readers["float32"].bos)
        ids = torch.from_numpy(np.concatenate([bos, np.maximum(tokens, 0)], axis=1)).long()
        found: dict[str, Any] = {}

        @torch.inference_mode()
        def transformer_lens() -> None:
            def keep(value: Any, hook: Any) -> None:
                found["TransformerLens"] = value[:, 1:, INDEX].clone().numpy()

            hook = f"blocks.{LAYER}.mlp.hook_post"
            bridge.run_with_hooks(ids, fwd_hooks=[(hook, keep)], stop_at_layer=LAYER + 1)

        def lean(dtype: str) -> None:
            reader = readers[dtype]
            inputs = reader._read(tokens, lengths, LAYER)  # past what it remembers
            found[dtype] = reader.neuron_values(inputs, LAYER, INDEX)

        def apart() -> None:
            for text in texts:
                one = np.array([text], dtype=np.int32)
                reader = readers["float32"]
                reader.neuron_values(reader._read(one, np.array([len(text)]), LAYER), LAYER, INDEX)

        def again(index: int = INDEX) -> None:
            reader = readers["float32"]
            reader.neuron_values(reader.mlp_input(tokens, lengths, LAYER), LAYER, index)

        other = iter(range(100, 10**6))
        seconds = timed(
            {
                "TransformerLens": transformer_lens,
                "each text alone": apart,
                "float32": lambda: lean("float32"),
                "bfloat16": lambda: lean("bfloat16"),
                "the same again": again,
                "another neuron": lambda: again(next(other)),
            },
            given.rounds,
        )
    real = tokens >= 0
    order = in_order(tokens, lengths)
    n_nodes = (order.lengths - order.shared).sum() + 1
    print(f"{len(texts)} texts of {lengths.min()}-{lengths.max()} tokens; with BOS {ids.numel()} padded, "
          f"{lengths.sum() + len(texts)} unpadded, {n_nodes} in the tree")  # fmt: skip
    for name, label in {
        "TransformerLens": "TransformerLens, one padded batch",
        "each text alone": "lean, each text alone",
        "float32": "lean, as a tree",
        "bfloat16": "lean, as a tree, bfloat16 (screening only)",
        "another neuron": "another neuron of the layer",
        "the same again": "the same neuron again",
    }.items():
        line = f"{label:<43} {1000 * seconds[name]:>9.3f} ms {seconds['TransformerLens'] / seconds[name]:>9.1f}x"
        if name in found:
            line += f"   differs by at most {np.abs(found[name] - found['TransformerLens'])[real].max():.1e}"
        print(line)
    print("to reach: 7x as a tree, 0.1 ms the same again")


if __name__ == "__main__":
    main()
