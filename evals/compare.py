"""`agent eval compare`: evaluations side by side, as tables or as one JSON document."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.cli.output import say, say_json, width
from evals.differences import Comparison, compare
from evals.folder import EvalFolder
from evals.metrics import METRICS, clusters_of
from evals.records import CellResult, Kind, Manifest, NeuronRecord
from evals.scorer import scorer_tally
from evals.stability import Stability, stability
from evals.summaries import VariantSummary, summarise
from tools.errors import BadInput
from traces.storage import storage_errors

__all__ = ["Comparison", "Evaluations", "VariantSummary", "compare", "compare_command", "default_folder", "load",
           "summarise"]  # fmt: skip

EVALUATIONS = Path("evaluations")


@dataclass(frozen=True)
class Evaluations:
    """One or several folders of comparable results.

    Attributes:
        folders: as given.
        manifests: of each folder.
        cells: of all folders; a variant in several folders is called VARIANT@FOLDER, and `trace` is relative to the
            current folder, or empty if the trace is gone.
        neurons: for each name the record with the most ceilings; their number depends on the number of seeds.
        stability: by variant, named as in `cells`, and kind of neuron.
        without_experiments: variants, named as in `cells`, that run no experiments.
        notes: what a reader should know before comparing.
    """

    folders: list[Path]
    manifests: list[Manifest]
    cells: list[CellResult]
    neurons: list[NeuronRecord]
    stability: dict[tuple[str, Kind], Stability]
    without_experiments: set[str]
    notes: list[str]

    def summaries(self, rng: np.random.Generator) -> list[VariantSummary]:
        """`summarise` on these results."""
        return summarise(
            self.cells, rng, neurons=self.neurons, stability=self.stability,
            without_experiments=self.without_experiments,
        )  # fmt: skip


def default_folder() -> Path:
    """The folder under `evaluations/` whose results changed last.

    Raises:
        BadInput: there is none.
        StorageError: they cannot be listed.
    """
    with storage_errors("read", EVALUATIONS):
        found = {
            path.parent: max(f.stat().st_mtime for f in (path, path.with_name("results.jsonl")) if f.is_file())
            for path in sorted(EVALUATIONS.glob("*/eval.json"))
        }
    if not found:
        raise BadInput(f"there is no evaluation under {EVALUATIONS}/: `agent eval run` makes one, or name its folder.")
    return max(found, key=lambda path: found[path])


def load(paths: Sequence[str | Path], rng: np.random.Generator) -> Evaluations:
    """Read folders to compare; the default one if none is given.

    Args:
        paths: of folders that `agent eval run` made.
        rng: draws the resamples of the intervals of stability.

    Raises:
        BadInput: a folder holds no evaluation or no results yet, or they are of different suites, models or texts.
        StorageError: a folder cannot be read or is damaged.
    """
    chosen = list({path.resolve(): path for path in map(Path, paths)}.values()) or [default_folder()]
    folders = [EvalFolder(path) for path in chosen]
    manifests = [folder.manifest() for folder in folders]
    _refuse_unlike(chosen, manifests)
    notes = _notes_on_code(chosen, manifests)
    how_many = Counter(variant for manifest in manifests for variant in manifest.variants)
    cells: list[CellResult] = []
    neurons: dict[str, NeuronRecord] = {}
    alike: dict[tuple[str, Kind], Stability] = {}
    without: set[str] = set()
    for path, folder, manifest in zip(chosen, folders, manifests, strict=True):
        order = {variant: i for i, variant in enumerate(manifest.variants)}
        own = sorted(folder.cells(), key=lambda cell: order.get(cell.variant, len(order)))
        records = folder.neurons()
        if not own:
            raise BadInput(f"{path} has no results yet: `agent eval run` makes them.")
        done, expected = sum(c.half is None for c in own), len(manifest.variants) * len(records) * manifest.seeds
        if done < expected:
            notes.append(f"{path} has {done} of {expected} results: `agent eval run` goes on where it stopped.")
        for record in records:
            if record.name not in neurons or len(record.ceiling) > len(neurons[record.name].ceiling):
                neurons[record.name] = record
        notes += _notes_on_neurons(path, records)
        place = path.resolve().name if len({other.resolve().name for other in chosen}) == len(chosen) else str(path)
        label = {cell.variant: cell.variant for cell in own}
        label |= {variant: f"{variant}@{place}" for variant in label if how_many[variant] > 1}
        cells += [
            cell.model_copy(update={"variant": label[cell.variant], "trace": _trace(path, cell.trace)}) for cell in own
        ]
        without |= {label[name] for name in label if manifest.variants.get(name, {}).get("max_rounds") == 0}
        if (path / "simulations").is_dir():
            found = stability(folder, own, clusters_of(records), rng)
            alike |= {(label[variant], kind): agreement for (variant, kind), agreement in found.items()}
    notes += _notes_on_budgets(cells)
    return Evaluations(chosen, manifests, cells, list(neurons.values()), alike, without, notes)


def _trace(folder: Path, trace: str) -> str:
    return str(folder / trace) if trace and (folder / trace).is_file() else ""


def _refuse_unlike(paths: Sequence[Path], manifests: Sequence[Manifest]) -> None:
    what = {"suite": "suite", "model_fingerprint": "model", "corpus_fingerprint": "corpus"}
    for path, manifest in zip(paths, manifests, strict=True):
        for field, said in what.items():
            if getattr(manifest, field) != getattr(manifests[0], field):
                ours, first = getattr(manifest, said), getattr(manifests[0], said)
                names = f" ({ours} and {first})" if ours != first else f", though both are called {ours}"
                raise BadInput(
                    f"{path} and {paths[0]} differ in their {said}{names}, so their results cannot be "
                    "compared with each other: look at them one by one."
                )


def _notes_on_code(paths: Sequence[Path], manifests: Sequence[Manifest]) -> list[str]:
    notes = []
    if len({manifest.code for manifest in manifests}) > 1:
        said = (
            f"{path}: {manifest.code[:8]}" + (f" at commit {manifest.commit[:8]}" if manifest.commit else "")
            for path, manifest in zip(paths, manifests, strict=True)
        )
        notes.append(f"the agents' code differs ({'; '.join(said)}).")
    if len({manifest.suite_sha256 for manifest in manifests}) > 1:
        notes.append("the suite file changed between these evaluations: only common neurons are compared.")
    return notes


def _notes_on_neurons(path: Path, records: Sequence[NeuronRecord]) -> list[str]:
    errors = [record.error for record in records if record.error is not None]
    if not errors:
        return []
    return [
        f"{path}: {len(errors)} of {len(records)} neurons could not be surveyed, so their status, ceiling and scorer "
        f"check are missing ({errors[0].kind}: {errors[0].message})."
    ]


def _notes_on_budgets(cells: Sequence[CellResult]) -> list[str]:
    limits: dict[int | None, dict[str, None]] = {}
    for cell in cells:
        if cell.error is None:
            limits.setdefault(cell.budget.limit, {})[cell.variant] = None
    if len(limits) < 2:
        return []
    said = (f"{'no limit' if limit is None else limit}: {', '.join(names)}" for limit, names in limits.items())
    return [f"the budgets differ, which may explain a difference ({'; '.join(said)})."]


def checked_metric(name: str) -> str:
    """`name`, if it is the name of a metric.

    Raises:
        BadInput: it is not.
    """
    if name not in METRICS:
        raise BadInput(f"{name!r} is not a metric: use one of {', '.join(METRICS)}.")
    return name


def compare_command(arguments: argparse.Namespace) -> None:
    """Print a table of the variants and a table of paired differences.

    Args:
        arguments: `folders` (list of paths, may be empty), `metric` (a key of `METRICS`), `json`.
    """
    metric = checked_metric(arguments.metric)
    rng = np.random.default_rng(0)
    found = load(arguments.folders, rng)
    summaries = found.summaries(rng)
    comparisons = compare(found.cells, metric, rng, neurons=found.neurons)
    if arguments.json:
        say_json(_document(found, metric, summaries, comparisons))
        return
    from evals.tables import screen

    manifest = found.manifests[0]
    say(
        f"suite {manifest.suite}, model {manifest.model}, corpus {manifest.corpus}; "
        f"{', '.join(map(str, found.folders))}\n"
    )
    tty = sys.stdout is not None and sys.stdout.isatty()
    scorer = scorer_tally(found.neurons)
    say(screen(summaries, comparisons, scorer, found.notes, width=width(), tty=tty))


def _document(
    found: Evaluations, metric: str, summaries: Sequence[VariantSummary], comparisons: Sequence[Comparison]
) -> dict[str, Any]:
    manifest = found.manifests[0]
    return {
        "suite": manifest.suite,
        "model": manifest.model,
        "corpus": manifest.corpus,
        "folders": [
            {"path": str(path), "code": manifest.code, "commit": manifest.commit}
            for path, manifest in zip(found.folders, found.manifests, strict=True)
        ],
        "metric": metric,
        "variants": [summary.model_dump(mode="json") for summary in summaries],
        "scorer": [one.model_dump(mode="json") for one in scorer_tally(found.neurons)],
        "comparisons": [pair.model_dump(mode="json") for pair in comparisons],
        "notes": found.notes,
    }
