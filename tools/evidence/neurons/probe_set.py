"""The fixed probe set: probe texts on which every run of a neuron must register predictions, whoever runs it.

The agent chooses its own experiments where its rivals disagree, so how well it predicts those says little about how
well it predicts. These texts depend on neuron and corpus alone. About half of them end where the neuron fires, which
whoever predicts is told; which half is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.evidence.neurons.scan import LayerScan, _part_values

N_FIXED = 96
MIN_FIRING = 8
_SEED = 20


def fixed_probe_positions(scan: LayerScan, index: int, theta: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the texts of the fixed set end: rows of the probe split, and positions in them; both empty when there are
    fewer than eight excerpts in which the neuron fires.

    Half are drawn from where it fires and half from where it does not, one per excerpt, in random order.
    """
    rng = np.random.default_rng([scan.layer, index, _SEED])
    probe = scan.corpus.probe
    fires: NDArray[np.bool_] = (_part_values(scan, "probe", index) > theta) & probe.mask
    silent: NDArray[np.bool_] = probe.mask & ~fires
    order = rng.permutation(len(probe))
    firing_rows = order[np.any(fires, axis=1)[order]][: N_FIXED // 2]
    others = np.setdiff1d(order, firing_rows, assume_unique=True)
    silent_rows = others[np.any(silent, axis=1)[others]][: len(firing_rows)]
    if min(len(firing_rows), len(silent_rows)) < MIN_FIRING:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    draws = rng.random((len(probe), probe.width))
    at_firing = np.where(fires[firing_rows], draws[firing_rows], -1).argmax(1)
    at_silent = np.where(silent[silent_rows], draws[silent_rows], -1).argmax(1)
    rows, positions = np.concatenate([firing_rows, silent_rows]), np.concatenate([at_firing, at_silent])
    shuffled = rng.permutation(len(rows))
    return rows[shuffled].astype(np.int64), positions[shuffled].astype(np.int64)
