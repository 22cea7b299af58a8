"""Hashes of what `mini` trained on, by which text of another Python's standard library is known to be new.

    python -m tools.mini.seen --out tools/mini/weights

writes `seen.npy` for the tokenizer in that folder: run it once after training, with the same Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import NotAvailable
from tools.evidence.splits.runs import is_in, run_hashes
from tools.mini.text import texts_of

SAMPLED_ONE_IN = 16
MAX_SHARE_SEEN = 0.3

_FILE = "seen.npy"
_WEIGHTS = Path(__file__).parent / "weights"


def fingerprint_runs(texts: Iterable[NDArray[np.int32]]) -> NDArray[np.uint32]:
    """Hashes of the runs of 12 tokens of `texts`, one run in 16 as its hash decides. uint32, sorted, distinct."""
    sampled = [np.empty(0, dtype=np.uint32)]
    for tokens in texts:
        hashes = run_hashes(tokens)
        sampled.append((hashes[hashes % SAMPLED_ONE_IN == 0] >> np.uint64(32)).astype(np.uint32))
    return np.unique(np.concatenate(sampled))


def share_seen(tokens: NDArray[np.int32], seen: NDArray[np.uint32]) -> float:
    """Fraction of a text's distinct sampled runs that are in `seen`; 0 for a text too short to have any."""
    runs = fingerprint_runs([tokens])
    return float(is_in(runs, seen).mean()) if len(runs) else 0.0


def load_seen(folder: Path = _WEIGHTS) -> NDArray[np.uint32]:
    """The hashes that ship with `mini`.

    Raises:
        NotAvailable: they are not there.
    """
    try:
        seen: NDArray[np.uint32] = np.load(folder / _FILE)
    except (OSError, ValueError) as error:
        raise NotAvailable(
            f"{folder / _FILE} is missing or damaged: write it again with `python -m tools.mini.seen --out {folder}`."
        ) from error
    return seen


def main() -> None:
    """Write `seen.npy` into the folder of a trained `mini`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=_WEIGHTS, help="folder that holds tokenizer.json")
    folder = parser.parse_args().out
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    encoded = tokenizer.encode_batch([text for _, text in texts_of("training")], add_special_tokens=False)
    seen = fingerprint_runs(np.array(text.ids, dtype=np.int32) for text in encoded)
    np.save(folder / _FILE, seen)
    print(f"{len(seen):,} hashes written to {folder / _FILE}")


if __name__ == "__main__":
    main()
