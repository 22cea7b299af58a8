"""How alike explanations are over seeds and over halves of the text."""

from pathlib import Path

import numpy as np
import pytest
from eval_samples import cell, rng

from evals.folder import EvalFolder, folder_name
from evals.stability import save_simulation, stability
from tools.errors import StorageError
from tools.records.result import Interval

UP = np.array([0.0, 1.0, 2.0, 9.96])
DOWN = 10 - UP


def test_levels_are_kept_in_tenths(tmp_path: Path) -> None:
    save_simulation(tmp_path, ("v", "org/a b", 3, 1), np.array([0.0, 0.26, 9.96, 10.0]))
    kept = np.load(tmp_path / "simulations" / "v" / f"{folder_name('org/a b')}.s3.h1.npy")
    assert kept.dtype == np.uint8
    assert kept.tolist() == [0, 3, 100, 100]
    assert [path.name for path in (tmp_path / "simulations" / "v").iterdir()] == [f"{folder_name('org/a b')}.s3.h1.npy"]


def test_agreement_is_a_mean_over_pairs_then_neurons(tmp_path: Path) -> None:
    simulated = {("one", 0): UP, ("one", 1): UP, ("one", 2): DOWN}
    simulated |= {(name, seed): UP for name in ("two", "three", "four", "five", "five+noise") for seed in (0, 1)}
    cells = [cell("a", neuron, 0.5, seed) for neuron, seed in simulated]
    for one in cells:
        save_simulation(tmp_path, one.key, simulated[one.neuron, one.seed])
    found = stability(EvalFolder(tmp_path), cells, {"five+noise": "five"}, rng())["a", "real"]
    assert found.halves is None
    assert found.seeds is not None
    assert isinstance(found.seeds.mean, Interval)
    assert found.seeds.mean.value == pytest.approx((-1 / 3 + 4) / 5, abs=1e-6)
    assert (found.seeds.n_neurons, found.seeds.n_pairs, found.seeds.n_same, found.seeds.unscored) == (6, 8, 6, {})


def test_halves_are_paired_within_a_seed(tmp_path: Path) -> None:
    cells = [cell("a", name, 0.5, seed, half=half) for name in "vwxyz" for seed in (0, 1) for half in (0, 1)]
    for one in cells:
        save_simulation(tmp_path, one.key, UP if one.seed == 0 else DOWN)
    found = stability(EvalFolder(tmp_path), cells, {}, rng())["a", "real"]
    assert found.seeds is None
    assert found.halves is not None
    assert found.halves.n_pairs == 10
    assert isinstance(found.halves.mean, Interval)
    assert found.halves.mean.value == pytest.approx(1)


def test_what_has_no_correlation_is_counted_by_reason(tmp_path: Path) -> None:
    simulated = {("c", 0): UP, ("c", 1): np.ones(4), ("m", 0): UP, ("l", 0): UP, ("l", 1): np.arange(5.0)}
    cells = [cell("a", neuron, 0.5, seed) for neuron in "cml" for seed in (0, 1)]
    cells += [cell("a", "noise", None, seed, kind="nothing") for seed in (0, 1)]  # nothing to be alike about
    cells += [cell("a", "puzzle", 0.5, seed, kind="puzzle") for seed in (0, 1)]  # no explanation of the agent's
    for one in cells:
        if (one.neuron, one.seed) in simulated:
            save_simulation(tmp_path, one.key, simulated[one.neuron, one.seed])
    found = stability(EvalFolder(tmp_path), cells, {}, rng())["a", "real"].seeds
    assert found is not None
    assert found.n_pairs == 0
    assert found.unscored == {
        "a simulation is constant": 1,
        "a simulation is missing": 1,
        "the simulations are of different texts": 1,
    }


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    cells = [cell("a", "x", 0.5, seed) for seed in (0, 1)]
    for one in cells:
        save_simulation(tmp_path, one.key, UP)
    path = tmp_path / "simulations" / "a" / "x.s1.npy"
    path.write_bytes(b"no array")
    with pytest.raises(StorageError, match=r"x\.s1\.npy is damaged"):
        stability(EvalFolder(tmp_path), cells, {}, rng())


def test_names_that_look_alike_have_simulations_of_their_own(tmp_path: Path) -> None:
    for name, levels in (("müde", UP), ("möde", DOWN), ("n" * 90 + "1", UP), ("n" * 90 + "2", UP)):
        save_simulation(tmp_path, ("v", name, 0, None), levels)
    assert len(list((tmp_path / "simulations" / "v").iterdir())) == 4


def test_planted_and_real_neurons_are_apart(tmp_path: Path) -> None:
    cells = [cell("a", kind, 0.5, seed, kind=kind) for kind in ("real", "truth") for seed in (0, 1)]
    for one in cells:
        save_simulation(tmp_path, one.key, UP if one.kind == "real" or one.seed else DOWN)
    found = stability(EvalFolder(tmp_path), cells, {}, rng())
    same = {kind: alike.seeds.n_same for (_, kind), alike in found.items() if alike.seeds}
    assert same == {"real": 1, "truth": 0}


def test_verdicts_over_seeds(tmp_path: Path) -> None:
    told = {"a": ["supported"] * 3, "b": ["supported", "unresolved", "supported"], "c": ["noise"], "d": ["noise"] * 2}
    cells = [
        cell("v", neuron, 0.5, seed, verdict=verdict)
        for neuron, verdicts in told.items()
        for seed, verdict in enumerate(verdicts)
    ]
    cells += [cell("v", "d", 0.5, 0, verdict="supported", half=0)]  # of half the text: not another seed
    found = stability(EvalFolder(tmp_path), cells, {}, rng())["v", "real"].verdicts
    assert found is not None
    assert (found.n_kept, found.n_neurons) == (2, 3)
    assert found.changes == {"supported and unresolved": 2}
    assert isinstance(stability(EvalFolder(tmp_path), cells[:1], {}, rng())["v", "real"].verdicts, type(None))
