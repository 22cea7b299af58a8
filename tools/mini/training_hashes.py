"""Hashes of what `mini` trained on, by which text of another Python's standard library is known to be new.

`python -m tools.training.seen` writes them; see `tools.evidence.splits.training_overlap`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import NotAvailable

SEEN_FILE = "seen.npy"
WEIGHTS = Path(__file__).parent / "weights"


def load_training_hashes(folder: Path = WEIGHTS) -> NDArray[np.uint32]:
    """The hashes that ship with `mini`.

    Raises:
        NotAvailable: they are not there.
    """
    try:
        seen: NDArray[np.uint32] = np.load(folder / SEEN_FILE)
    except (OSError, ValueError) as error:
        raise NotAvailable(
            f"{folder / SEEN_FILE} is missing or damaged: write it again with `python -m tools.training.seen "
            f"--out {folder}`."
        ) from error
    return seen
