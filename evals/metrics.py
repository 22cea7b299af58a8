"""What is measured on one cell of an evaluation, by name, and cells by group and by cluster.

Cells of half the text serve stability only and are in no group. Neurons with nothing to find have no score to average;
they count for false confidence. Planted neurons, real ones and puzzles are separate groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from evals.records import CellResult, Kind, NeuronRecord, Record, TriggerAndLineup
from evals.statistics import mean_by_cluster
from tools.readable.contract import n_words, quoted
from tools.records.result import Compared, Interval, ScoreValue, Unscored

RECOVERED = 0.9
"""A truth counts as recovered from this agreement on."""

METRICS = {
    "score": "sealed score",
    "recovery": "recovery of the truth",
    "gain": "gain over the matched null",
    "gain-lookup": "gain over token-lookup-30",
    "development": "development score",
    "probe-skill": "skill of predictions on the fixed probe set",
    "optimism-gap": "development minus sealed score",
    "predictor": "sealed score of the predictor",
    "reader-gap": "reader's minus predictor's sealed score",
    "lookup": "sealed score of token-lookup-30",
    "lookup-full": "sealed score of token-lookup-full",
    "words": "words of the explanation",
    "quoted": "words and pieces that the explanation quotes",
    "trigger": "share of texts made from the explanation that fire",
    "near-misses": "share of near misses that stay silent",
    "random-texts": "share of random passages that fire",
    "discrimination": "choice of the neuron among ten",
}
"""Metrics to compare, with descriptions."""

Group = Literal["planted", "real", "puzzles"]

GROUPS: Final[dict[Kind, Group]] = {"truth": "planted", "nothing": "planted", "real": "real", "puzzle": "puzzles"}
"""Groups of neurons; each has its own table."""


class CostPerCell(Record):
    """Means per cell, or their differences; None if unknown for some cell."""

    calls: float | None = None
    units: float | None = None
    seconds: float | None = None
    tokens: float | None = None
    usd: float | None = None

    def minus(self, other: CostPerCell) -> CostPerCell:
        """The differences; None where either is unknown."""
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in CostPerCell.model_fields}
        return CostPerCell(**{name: None if None in pair else pair[0] - pair[1] for name, pair in pairs.items()})


def value_of(cell: CellResult, metric: str) -> float | str | None:
    """The value of a metric on a cell, or the reason for none; None if the metric does not apply."""
    if cell.kind == "nothing" or (metric == "recovery" and cell.kind != "truth"):
        return None
    if cell.error is not None:
        return f"the run failed ({cell.error.kind})"
    found: Compared | float | None
    match metric:
        case "score":
            found = cell.score
        case "development":
            found = cell.development_score
        case "gain":
            found = cell.gains.null
        case "gain-lookup":
            found = cell.gains.token_lookup_30
        case "recovery":
            found = cell.recovery
        case "probe-skill":
            found = cell.probe_skill
        case "optimism-gap":
            found = cell.optimism_gap
        case "predictor":
            found = cell.predictor
        case "reader-gap":
            found = _reader_gap(cell)
        case "lookup":
            found = cell.baselines.token_lookup_30
        case "lookup-full":
            found = cell.baselines.token_lookup_full
        case "words":
            found = _of_explanation(cell, n_words)
        case "quoted":
            found = _of_explanation(cell, lambda sentence: len(quoted(sentence)))
        case "trigger" | "near-misses" | "random-texts" | "discrimination":
            found = _of_applied(cell.applied, metric)
        case _:
            raise ValueError(f"{metric} is not one of {', '.join(METRICS)}")
    if isinstance(found, Unscored):
        return found.reason
    if found is None:
        return f"the run has no {METRICS[metric]}"
    return found.value if isinstance(found, Interval) else found


def _reader_gap(cell: CellResult) -> float | Unscored | None:
    """The explanation's score minus the predictor's."""
    if isinstance(cell.score, Unscored):
        return cell.score
    if isinstance(cell.predictor, ScoreValue):
        return cell.score.value - cell.predictor.value
    return cell.predictor


def _of_applied(applied: TriggerAndLineup | None, metric: str) -> float | Unscored | None:
    if applied is None:
        return None
    match metric:
        case "trigger":
            return applied.fire
        case "near-misses":
            return applied.silent
        case "random-texts":
            return applied.random
    return applied.chosen if isinstance(applied.chosen, Unscored) else float(applied.chosen == "right")


def _of_explanation(cell: CellResult, count: Callable[[str], int]) -> float | Unscored:
    return Unscored(reason="there is no explanation") if cell.explanation is None else float(count(cell.explanation))


def by_group(cells: Iterable[CellResult]) -> dict[Group, list[CellResult]]:
    """Cells of whole text by group, without empty groups."""
    groups: dict[Group, list[CellResult]] = {"planted": [], "real": [], "puzzles": []}
    for cell in cells:
        if cell.half is None:
            groups[GROUPS[cell.kind]].append(cell)
    return {group: whole for group, whole in groups.items() if whole}


def clusters_of(neurons: Iterable[NeuronRecord]) -> dict[str, str]:
    """The cluster of each neuron, by name."""
    return {record.name: record.cluster for record in neurons}


def by_cluster(cells: Iterable[CellResult], metric: str, clusters: Mapping[str, str]) -> dict[str, float]:
    """The mean of a metric by cluster; clusters without a value are left out."""
    values = ((cell.neuron, value_of(cell, metric)) for cell in cells)
    return mean_by_cluster(((neuron, value) for neuron, value in values if isinstance(value, float)), clusters)


def has_recovered(cell: CellResult) -> bool:
    """Whether the run recovered the neuron's meaning; a run without an explanation did not."""
    value = value_of(cell, "recovery")
    return isinstance(value, float) and value >= RECOVERED


def _cost(cell: CellResult, name: str) -> float | None:
    match name:
        case "calls":
            return cell.calls
        case "units":
            return cell.budget.used
        case "seconds":
            return cell.seconds
        case "tokens":
            return cell.cost.tokens
        case _:
            return cell.cost.usd


def mean_costs(cells: Sequence[CellResult]) -> CostPerCell:
    """The means over cells; None where it is unknown for one of them."""
    return CostPerCell(**{name: _mean_cost(cells, name) for name in CostPerCell.model_fields})


def _mean_cost(cells: Sequence[CellResult], name: str) -> float | None:
    known = [cost for cell in cells if (cost := _cost(cell, name)) is not None]
    return sum(known) / len(known) if known and len(known) == len(cells) else None
