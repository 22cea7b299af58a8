"""Does the agent beat a table of its own length? The firing neurons with the smallest SHA-256 of "layer:neuron".

    agent eval sample --model mini --neurons 40 --budget 20 --runs-dir runs/sample

Runs the agent on each neuron, prints a line per neuron and the paired differences to every baseline with a bootstrap
interval over neurons. Neurons that are finished in the folder of runs are not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from agent import explain
from agent.config import RunConfig
from agent.opening import open_bench, open_subject_for
from tools.records.neuron import NeuronId
from tools.records.result import Interval, Result
from traces.console import QuietDisplay
from traces.runs import RunFolder, run_ids

BASELINES = ("token_lookup_30", "token_lookup_full", "null")
N_RESAMPLES = 10_000


def hash_order(n_layers: int, d_mlp: int) -> list[NeuronId]:
    """All neurons of a model by SHA-256 of "layer:neuron"."""
    everything = [NeuronId(layer, index) for layer in range(n_layers) for index in range(d_mlp)]
    return sorted(everything, key=lambda n: hashlib.sha256(f"{n.layer}:{n.index}".encode()).hexdigest())


def firing_neurons(settings: argparse.Namespace) -> Iterator[NeuronId]:
    """Firing neurons in hash order."""
    subject, _ = open_subject_for("L0N0", settings.model, QuietDisplay())
    for neuron in hash_order(subject.n_layers, subject.d_mlp):
        config = RunConfig.checked(
            target=str(neuron), model=settings.model, corpus=settings.corpus, corpus_tokens=settings.corpus_tokens
        )
        if open_bench(config, QuietDisplay()).evidence.status == "firing":
            yield neuron


def finished(runs_dir: Path, settings: argparse.Namespace, model: str) -> dict[str, Result]:
    """Results in the folder that were reached with these settings on the model of that fingerprint, by neuron."""
    found = {}
    for run_id in run_ids(runs_dir):
        folder = RunFolder(runs_dir / run_id)
        manifest = folder.manifest()
        config = manifest["config"]
        if manifest["model"]["fingerprint"] != model:
            continue
        wanted = {name: getattr(settings, name) for name in ("model", "corpus", "corpus_tokens", "budget", "seed")}
        if all(config.get(name) == value for name, value in wanted.items()):
            for neuron in folder.neurons():
                result = neuron.read_result()
                if result is not None:
                    found[result.neuron] = result
    return found


def mean_interval(values: list[float], rng: np.random.Generator) -> Interval:
    """The mean over neurons with a 95 % bootstrap interval."""
    data = np.array(values)
    means = data[rng.integers(len(data), size=(N_RESAMPLES, len(data)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(value=float(data.mean()), low=float(low), high=float(high))


def value_of(score: object) -> float | None:
    """The number of a score that has one."""
    return score.value if isinstance(score, Interval) else None


def line(result: Result) -> str:
    """One neuron as a line of the table."""
    cells = [value_of(result.score), *(value_of(getattr(result.baselines, name)) for name in BASELINES)]
    shown = " ".join("unscored" if cell is None else f"{cell:8.3f}" for cell in cells)
    spent = f"{result.seconds:6.1f} s {result.budget.used:3}"
    return f"{result.neuron:>9} {shown} {spent} {result.verdict:<11} {result.explanation}"


def report(results: list[Result], seed: int) -> str:
    """Means, paired differences with intervals, and counts of what could not be scored."""
    rng = np.random.default_rng(seed)
    out = []
    own = [value_of(result.score) for result in results]
    scored = [value for value in own if value is not None]
    out.append(f"explanations: {len(results)}, unscored {len(results) - len(scored)}")
    if scored:
        out.append(f"mean sealed score {_shown(mean_interval(scored, rng))}")
    for name in BASELINES:
        others = [value_of(getattr(result.baselines, name)) for result in results]
        pairs = [(a, b) for a, b in zip(own, others, strict=True) if a is not None and b is not None]
        if pairs:
            level = float(np.mean([b for _, b in pairs]))
            difference = mean_interval([a - b for a, b in pairs], rng)
            out.append(f"{name:<18} mean {level:.3f}; paired difference {_shown(difference)}, {len(pairs)} neurons")
    gaps = [
        result.development_score.value - result.score.value
        for result in results
        if isinstance(result.development_score, Interval) and isinstance(result.score, Interval)
    ]
    if gaps:
        out.append(f"optimism gap (development - sealed) {_shown(mean_interval(gaps, rng))}")
    layers = [int(result.neuron[1:].split("N")[0]) for result in results]
    out.append("neurons by layer: " + ", ".join(f"{layers.count(layer)} in {layer}" for layer in sorted(set(layers))))
    verdicts = [result.verdict for result in results]
    out.append("verdicts: " + ", ".join(f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts))))
    return "\n".join(out)


def _shown(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def sample(settings: argparse.Namespace) -> None:
    """Run what is not finished yet, a line each, then print the comparison."""
    runs_dir = Path(settings.runs_dir)
    subject, _ = open_subject_for("L0N0", settings.model, QuietDisplay())
    known = finished(runs_dir, settings, subject.fingerprint)
    results: list[Result] = []
    started, fresh = time.monotonic(), 0
    print("   neuron   winner lookup30 lookup-full   null     time units verdict, explanation")
    for neuron in firing_neurons(settings):
        result = known.get(str(neuron))
        if result is None:
            fresh += 1
            result = explain(
                str(neuron),
                model=settings.model,
                corpus=settings.corpus,
                corpus_tokens=settings.corpus_tokens,
                budget=settings.budget,
                seed=settings.seed,
                runs_dir=runs_dir,
            )
        results.append(result)
        print(line(result), flush=True)
        left = (time.monotonic() - started) / max(fresh, 1) * (settings.neurons - len(results)) / 60
        print(f"{len(results)} of {settings.neurons} neurons, about {left:.0f} minutes left", file=sys.stderr)
        if len(results) == settings.neurons:
            break
    print(report(results, settings.seed))
