"""The agreement of runs of one neuron: in the verdict, and in the simulations on development text.

DIR/simulations/<variant>/<neuron>.s<seed>.npy          predicted levels, uint8 [n_tokens], tenths of 0-10
DIR/simulations/<variant>/<neuron>.s<seed>.h<half>.npy  of an explanation from one half of the text
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evals.folder import EvalFolder, folder_name
from evals.records import CellResult, Kind, Record
from evals.statistics import mean_by_cluster, mean_interval
from tools.errors import StorageError
from tools.records.result import Compared, Unscored
from tools.scoring.pearson import pearson
from traces.storage import storage_errors

CellKey = tuple[str, str, int, int | None]
"""(variant, neuron, seed, half), see `CellResult.key`."""

_STEPS_PER_LEVEL = 10


class Agreement(Record):
    """Mean correlation of pairs of simulations of one neuron, its interval clustered by neuron.

    Attributes:
        mean: over neurons, each the mean over its pairs.
        n_neurons, n_pairs: that have a correlation.
        n_same: pairs with identical simulations; all pairs of a deterministic variant.
        unscored: the number of pairs without one, by reason.
    """

    mean: Compared
    n_neurons: int
    n_pairs: int
    n_same: int
    unscored: dict[str, int]


class Verdicts(Record):
    """Whether runs of one neuron with different seeds reach the same verdict.

    Attributes:
        kept: share of neurons with the same verdict for all seeds, and its interval, clustered by neuron.
        n_kept, n_neurons: the count, and the neurons with two or more seeds.
        changes: how often two seeds of a neuron differ, by the two verdicts.
    """

    kept: Compared
    n_kept: int
    n_neurons: int
    changes: dict[str, int]


class Stability(Record):
    """The agreement of explanations over seeds and over the two halves of the text; None without pairs."""

    verdicts: Verdicts | None = None
    seeds: Agreement | None = None
    halves: Agreement | None = None


def save_simulation(folder: Path, cell_key: CellKey, levels: NDArray[np.floating]) -> None:
    """Store the simulation of a cell's explanation on the development text of its evaluation.

    Args:
        folder: of the evaluation.
        levels: within 0-10, one per token, [n_tokens]; the same texts for all cells.

    Raises:
        StorageError: it cannot be written.
    """
    path = _path(folder, cell_key)
    steps = np.rint(np.clip(levels, 0, 10) * _STEPS_PER_LEVEL).astype(np.uint8)
    with storage_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            np.save(file, steps)
        new.replace(path)


def _path(folder: Path, key: CellKey) -> Path:
    variant, neuron, seed, half = key
    part = "" if half is None else f".h{half}"
    return folder / "simulations" / folder_name(variant) / f"{folder_name(neuron)}.s{seed}{part}.npy"


def stability(
    folder: EvalFolder, cells: Sequence[CellResult], clusters: Mapping[str, str], rng: np.random.Generator
) -> dict[tuple[str, Kind], Stability]:
    """The agreement over seeds and over halves by variant and kind of neuron, of those with a run of the agent and
    something to find: real ones, and planted ones with a truth.

    Args:
        folder: where the simulations are.
        cells: of that folder, under the names they have there.
        clusters: of neurons that are no independent ones, see `NeuronRecord`.
        rng: draws the resamples of the intervals.

    Raises:
        StorageError: a simulation cannot be read or is damaged.
    """
    groups: dict[tuple[str, Kind], list[CellResult]] = {}
    for cell in sorted(cells, key=lambda cell: cell.seed):
        if cell.kind in ("real", "truth"):
            groups.setdefault((cell.variant, cell.kind), []).append(cell)
    out = {}
    for key, own in groups.items():
        pairs = list(combinations(own, 2))
        seeds = [(a, b) for a, b in pairs if a.neuron == b.neuron and a.half is None and b.half is None]
        halves = [(a, b) for a, b in pairs if (a.neuron, a.seed) == (b.neuron, b.seed) and {a.half, b.half} == {0, 1}]
        out[key] = Stability(
            seeds=_agreement(folder.path, seeds, clusters, rng), halves=_agreement(folder.path, halves, clusters, rng),
            verdicts=_verdicts(own, clusters, rng),
        )  # fmt: skip
    return out


def _verdicts(cells: Sequence[CellResult], clusters: Mapping[str, str], rng: np.random.Generator) -> Verdicts | None:
    found: dict[str, list[str]] = {}
    for cell in cells:
        if cell.half is None and cell.verdict is not None:
            found.setdefault(cell.neuron, []).append(cell.verdict)
    several = {neuron: verdicts for neuron, verdicts in found.items() if len(verdicts) > 1}
    if not several:
        return None
    kept = [(neuron, float(len(set(verdicts)) == 1)) for neuron, verdicts in several.items()]
    changes = Counter(
        " and ".join(sorted(pair)) for verdicts in several.values() for pair in combinations(verdicts, 2)
        if pair[0] != pair[1]
    )  # fmt: skip
    return Verdicts(
        kept=mean_interval(mean_by_cluster(kept, clusters).values(), rng), n_kept=int(sum(same for _, same in kept)),
        n_neurons=len(kept), changes=dict(changes),
    )  # fmt: skip


def _agreement(
    folder: Path,
    pairs: Iterable[tuple[CellResult, CellResult]],
    clusters: Mapping[str, str],
    rng: np.random.Generator,
) -> Agreement | None:
    found: list[tuple[str, float]] = []
    unscored: Counter[str] = Counter()
    n_same = 0
    for a, b in pairs:
        ours, theirs = _read(_path(folder, a.key)), _read(_path(folder, b.key))
        one = _correlation(ours, theirs)
        if isinstance(one, Unscored):
            unscored[one.reason] += 1
        else:
            found.append((a.neuron, one))
            n_same += ours is not None and theirs is not None and np.array_equal(ours, theirs)
    if not found and not unscored:
        return None
    return Agreement(
        mean=mean_interval(mean_by_cluster(found, clusters).values(), rng), n_neurons=len({name for name, _ in found}),
        n_pairs=len(found), n_same=n_same, unscored=dict(unscored),
    )  # fmt: skip


def _read(path: Path) -> NDArray[np.float64] | None:
    if not path.is_file():
        return None
    with storage_errors("read", path):
        try:
            steps = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise StorageError(f"{path} is damaged: delete it, and run its cell again if you need it.") from error
    return np.asarray(steps, dtype=np.float64)


def _correlation(a: NDArray[np.float64] | None, b: NDArray[np.float64] | None) -> float | Unscored:
    if a is None or b is None:
        return Unscored(reason="a simulation is missing")
    if a.shape != b.shape:
        return Unscored(reason="the simulations are of different texts")
    found = pearson(a, b)
    return Unscored(reason="a simulation is constant") if found is None else found
