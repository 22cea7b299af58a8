"""Stands in for `evals.worker` where no model is wanted. What a neuron is called decides what becomes of its run."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from evals.records import CellError, CellResult, NeuronRecord
from tools.errors import BadInput
from tools.records.result import Baselines, Budget, ScoreValue, Unscored


@dataclass(frozen=True)
class Setting:
    suite_name: str
    out: Path
    model: str
    planted: tuple[str, ...]
    corpus: str | None
    corpus_tokens: int | None
    budget: int | None
    ceiling: bool
    trust_remote_code: bool


def fingerprints(setting):
    return setting.model, f"model {setting.model} with {len(setting.planted)}", f"corpus {setting.corpus}"


def scan(setting, layer, planted, display):
    with (setting.out / "scans.txt").open("a") as file:
        file.write(f"{layer} {planted}\n")


def survey(setting, neuron, n_folds):
    if neuron.name == "unmeasurable":
        raise ValueError("no such\nthing")
    return NeuronRecord(
        name=neuron.name,
        kind=neuron.kind,
        target=neuron.target,
        truth=neuron.truth,
        status="dead" if neuron.name == "silent" else "firing",
    )


def run_cell(setting, neuron, variant, seed, half):
    with (setting.out / "ran.txt").open("a") as file:
        file.write(f"{variant.name} {neuron.name} {seed} {half}\n")
    again = setting.out / f"{neuron.name}-again"
    if neuron.name == "dies" or (neuron.name == "dies_once" and not again.exists()):
        again.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if neuron.name == "raises" and not (setting.out / "mended").exists():
        raise BadInput("it is\nbroken: mend it.")
    if neuron.name == "leaves":
        raise SystemExit(0)
    if neuron.name == "slow":
        time.sleep(60 if seed else 0)
    print("what a library says")
    return cell(setting.suite_name, neuron, variant, seed, half, score(0.5), None)


def failed_cell(suite, neuron, variant, seed, half, kind, message):
    return cell(suite, neuron, variant, seed, half, Unscored(reason=message), CellError(kind=kind, message=message))


def score(value):
    return ScoreValue(value=value, low=0.4, high=0.6, protocol="p", split="sealed", n_excerpts=10)


def cell(suite, neuron, variant, seed, half, scored, error):
    return CellResult(
        suite=suite, variant=variant.name, neuron=neuron.name, kind=neuron.kind, seed=seed, half=half, score=scored,
        development_score=scored, baselines=Baselines(token_lookup_30=scored, token_lookup_full=scored, null=scored),
        verdict=None if error else "supported", budget=Budget(limit=20, used=10), error=error,
    )  # fmt: skip
