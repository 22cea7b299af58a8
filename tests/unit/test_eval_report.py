"""The report of evaluations: what stands on the page is what was given, whatever was given."""

import argparse
import html
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from evals.folder import EvalFolder
from evals.records import (
    AnytimePoint,
    CellError,
    CellResult,
    Kind,
    Manifest,
    NeuronRecord,
    Registered,
    ScoredClaim,
    ScorerCheck,
)
from evals.report import anytime, calibration, ceiling, overview
from evals.report.command import report, report_command
from evals.report.drawing import draw, label
from evals.report.page import Entry, Page, Section, Table, measured
from evals.report.study import Study, basis
from evals.stability import save_simulation
from tools.errors import BadInput, StorageError
from tools.records.result import Baselines, Budget, Interval, Measured, ScoreValue, Unscored

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}} $\\frac{$ \x1b[31m\u202e漢"


def score(value: float, split: str = "sealed") -> ScoreValue:
    return ScoreValue(
        value=value, low=value - 0.05, high=value + 0.05, protocol="simulation", split=split, n_excerpts=201
    )


def cell(
    variant: str = "tournament",
    neuron: str = "L0N1",
    seed: int = 0,
    value: float | None = 0.6,
    *,
    kind: Kind = "real",
    gain: float | None = 0.3,
    **more: object,
) -> CellResult:
    found: Measured = Unscored(reason="the neuron is constant") if value is None else score(value)
    compared = Unscored(reason="no null") if gain is None else Interval(value=gain, low=gain - 0.1, high=gain + 0.1)
    settings: dict[str, object] = {
        "suite": "s", "variant": variant, "neuron": neuron, "kind": kind, "seed": seed, "score": found,
        "development_score": found if value is None else score(value + 0.02, "development"),
        "optimism_gap": None if value is None else 0.02, "explanation": "Fires on `a` (5).", "verdict": "supported",
        "baselines": Baselines(token_lookup_30=compared, token_lookup_full=compared, null=compared),
        "gains": {"null": compared, "token_lookup_30": compared}, "fold": 0, "budget": Budget(limit=20, used=10),
        "calls": 12, "seconds": 3.25,
    }  # fmt: skip
    return CellResult.model_validate(settings | more)


def failed(variant: str, neuron: str, seed: int = 0, message: str = "the disk is full") -> CellResult:
    reason = Unscored(reason=message)
    return cell(
        variant, neuron, seed, None, score=reason, development_score=reason, verdict=None, explanation=None, fold=None,
        error=CellError(kind="StorageError", message=message),
    )  # fmt: skip


def manifest(variants: list[str], suite: str = "s", **more: object) -> Manifest:
    settings: dict[str, object] = {
        "suite": suite, "suite_sha256": "a" * 64, "variants": {name: {} for name in variants}, "seeds": 2,
        "model": "mini", "corpus": "python", "model_fingerprint": "m", "corpus_fingerprint": "c", "code": "d" * 64,
        "commit": "0123456789abcdef",
    }  # fmt: skip
    return Manifest.model_validate(settings | more)


def neuron(name: str, kind: Kind = "real", **more: object) -> NeuronRecord:
    return NeuronRecord.model_validate({"name": name, "kind": kind, "target": name} | more)


def evaluation(path: Path, cells: list[CellResult], neurons: list[NeuronRecord], **more: object) -> EvalFolder:
    folder = EvalFolder(path)
    folder.write_manifest(manifest(list(dict.fromkeys(cell.variant for cell in cells)), **more))
    folder.add_neurons(neurons)
    for one in cells:
        folder.add_cell(one)
    return folder


def everything(path: Path, n: int = 12) -> EvalFolder:
    """An evaluation in which every section has something to show."""
    rng = np.random.default_rng(5)
    variants = {"token-lookup-30": -0.06, "one-shot": 0.0, "tournament": 0.07}
    families = ["single token", "token set", "phrase", "conjunction", "exception", "inside brackets", "induction"]
    cells, neurons = [], []
    for i in range(n):
        truth = float(rng.uniform(0.55, 0.95))
        name, family = f"planted-{i}", families[i % len(families)]
        claim = [ScoredClaim(sentence=f"claim {k} of {name}", score=score(v)) for k, v in enumerate((truth, truth - 0.2))]
        wrong = [ScoredClaim(sentence="too good", score=score(0.99)), ScoredClaim(
            sentence="unread", score=Unscored(reason="no such token"))] if i == 3 else claim[1:]  # fmt: skip
        neurons.append(
            neuron(
                name, "truth", family=family, difficulty=("easy", "medium", "hard")[i % 3], noise=(0, 0, 0.5)[i % 3],
                truth=f"fires on {family}", scorer=ScorerCheck(true=claim[0], false=wrong), status="firing",
            )
        )  # fmt: skip
        limit = float(rng.uniform(0.5, 0.95))
        neurons.append(neuron(f"L{i % 6}N{i}", ceiling=[score(limit), score(limit + 0.02)], status="firing"))
        shape = ("dense noise", "sparse noise", "bursty noise", "dead")[i % 4]
        neurons.append(neuron(f"nothing-{i}", "nothing", family=shape, status="dead" if shape == "dead" else "firing"))
        for variant, better in variants.items():
            for seed in range(2):
                cells += _cells(rng, variant, better, i, seed, truth, limit, shape)
    folder = evaluation(path, cells, neurons, halves=True)
    for one in cells:
        levels = np.random.default_rng(len(one.neuron)).uniform(0, 10, 300) + rng.normal(0, 2, 300)
        save_simulation(path, one.key, levels)
    (path / "runs").mkdir()
    (path / "runs" / "events.jsonl").write_text("{}\n")
    return folder


def _cells(
    rng: np.random.Generator, variant: str, better: float, i: int, seed: int, truth: float, limit: float, shape: str
) -> list[CellResult]:
    out = []
    for kind, top in (("truth", truth), ("real", limit - 0.1)):
        value = float(np.clip(top + better + rng.normal(0, 0.05), -0.1, 1))
        grown = [0.5, 0.8, 0.95, 1.0] if variant == "tournament" else [0.8, 0.9, 1.0, 1.0]
        points = [
            AnytimePoint(used=used, development=score(value * part + 0.01, "development"), sealed=score(value * part))
            for used, part in zip((1 + i % 3, 4, 8, 14), grown, strict=True)
        ]
        p = rng.uniform(0.02, 0.98, 60)
        fired = rng.random(60) < 0.5 + (p - 0.5) * (0.8 if variant == "tournament" else 0.5)
        outcomes = [(float(a), bool(b)) for a, b in zip(p, fired, strict=True)]
        looked_up = variant == "token-lookup-30"
        more = {
            "kind": kind, "gain": 0.3 + better * 5, "anytime": [] if looked_up else points,
            "registered": Registered(chosen=[] if looked_up else outcomes[:30], probe=outcomes[30:]),
            "probe_skill": score(0.2 + better), "trace": "runs/events.jsonl",
            "optimism_gap": float(rng.normal(0.01, 0.03)), "budget": Budget(limit=20, used=0 if looked_up else 14),
            "verdict": "supported" if value > 0.6 else "unresolved",
            "recovery": score(min(1.0, value + 0.1)) if kind == "truth" else None,
        }  # fmt: skip
        name = f"planted-{i}" if kind == "truth" else f"L{i % 6}N{i}"
        if i == 5 and kind == "real" and seed:
            out.append(failed(variant, name, seed))
            continue
        out.append(cell(variant, name, seed, value, **more))  # type: ignore[arg-type]
        if kind == "real":
            out += [cell(variant, name, seed, value - 0.02, half=half, **more) for half in (0, 1)]  # type: ignore[arg-type]
    verdict = "dead" if shape == "dead" else "supported" if i == 1 and better >= 0 else "noise"
    out.append(cell(variant, f"nothing-{i}", seed, None, kind="nothing", verdict=verdict, explanation=None))
    return out
