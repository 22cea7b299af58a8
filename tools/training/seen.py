"""Write `seen.npy`, the hashes of what `mini` trained on, for the tokenizer in its folder.

    python -m tools.training.seen --out tools/mini/weights

Run it once after training, with the same Python.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tools.evidence.splits.training_overlap import fingerprint_runs
from tools.mini.text import texts_of
from tools.mini.training_hashes import SEEN_FILE, WEIGHTS


def main() -> None:
    """Write `seen.npy` into the folder of a trained `mini`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder that holds tokenizer.json")
    folder = parser.parse_args().out
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = tokenizer.encode_batch([text for _, text in texts_of("training")], add_special_tokens=False)
    seen = fingerprint_runs(np.array(text.ids, dtype=np.int32) for text in encoded)
    np.save(folder / SEEN_FILE, seen)
    print(f"{len(seen):,} hashes written to {folder / SEEN_FILE}")


if __name__ == "__main__":
    main()
