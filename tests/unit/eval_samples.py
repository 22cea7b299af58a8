"""Results of an evaluation, made up."""

from pathlib import Path
from typing import Any

import numpy as np

from evals.folder import EvalFolder
from evals.records import CellResult, Manifest, NeuronRecord
from tools.records.result import Measured, ScoreValue, Unscored

MISSING = Unscored(reason="the simulation is constant")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def score(value: float | None) -> Measured:
    if value is None:
        return MISSING
    return ScoreValue(value=value, low=value - 0.1, high=value + 0.1, protocol="corr", split="sealed", n_excerpts=201)


def cell(variant: str, neuron: str, value: float | None, seed: int = 0, **more: Any) -> CellResult:
    fields: dict[str, Any] = {
        "suite": "s", "variant": variant, "neuron": neuron, "kind": "real", "seed": seed, "verdict": "supported",
        "score": score(value), "development_score": score(value),
        "baselines": {"token_lookup_30": MISSING, "token_lookup_full": MISSING, "null": MISSING},
        "gains": {"null": MISSING if value is None else {"value": value - 0.1, "low": 0.0, "high": 0.2}},
        "optimism_gap": None if value is None else 0.02, "fold": 0,
        "budget": {"limit": 20, "used": 10}, "calls": 12, "seconds": 2.0, "cost": {"tokens": 0, "usd": 0.0},
    }  # fmt: skip
    return CellResult.model_validate(fields | more)


def manifest(**more: Any) -> Manifest:
    fields: dict[str, Any] = {
        "suite": "s", "suite_sha256": "0" * 64, "variants": {"new": {}, "old": {}}, "seeds": 1, "model": "mini",
        "corpus": "stdlib", "model_fingerprint": "m", "corpus_fingerprint": "c", "code": "a" * 64,
    }  # fmt: skip
    return Manifest.model_validate(fields | more)


def make(path: Path, cells: list[CellResult], **more: Any) -> Path:
    folder = EvalFolder(path)
    folder.write_manifest(manifest(**more))
    names = dict.fromkeys(c.neuron for c in cells)
    folder.add_neurons(NeuronRecord(name=name, kind="real", target=name, ceiling=[score(0.8)]) for name in names)
    for one in cells:
        folder.add_cell(one)
    return path
