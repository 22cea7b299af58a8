"""Summaries of an evaluation's results by variant, and paired differences between variants.

Cells of half the text serve stability only and are left out here. Neurons with nothing to find have no score to
average; they count for false confidence. Planted neurons, real ones and puzzles are separate groups. On puzzles no
agent runs, so variants are not compared there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final, Literal

import numpy as np

from evals.records import Applied, CellResult, Kind, NeuronRecord, Record
from evals.scorer import truth_first
from evals.stability import Stability
from evals.statistics import ALPHA, mean_by_cluster, mean_interval, permutation_p, ratio_of_means, wilson
from tools.readable.contract import n_words, quoted, why_not
from tools.records.result import Compared, Interval, ScoreValue, Unscored
from tools.scoring.multiplicity import q_values

RECOVERED = 0.9
"""A truth counts as recovered from this agreement on."""

TIE = 0.01
"""A smaller difference between two variants on a neuron is a tie."""

CONFIDENT = ("supported", "split")

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

_COSTS = ("calls", "units", "seconds", "tokens", "usd")

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


class VariantSummary(Record):
    """One variant on one group of neurons. Means are over neurons, after the mean over seeds.

    Attributes:
        n_cells: all of them; of these `n_errors` failed, and `n_to_find` have something to find.
        n_neurons: with something to find.
        n_clusters: these, with noise levels of one function counted once; the unit of all means.
        n_nothing: neurons with nothing to find.
        errors: failed cells, by kind of error.
        n_scored: cells with a sealed score.
        unscored: cells that ran, with something to find and no sealed score, by reason.
        protocol, split, n_excerpts: how the scores were measured, and the fewest and the most excerpts.
        null_gain: the gain over the matched null.
        beats_null: whether the interval of that gain lies above zero and the sign-flip test agrees; None if unknown,
            and `null_unknown` says why.
        n_with: how many cells have each metric, of `n_to_find` (of those with a truth for recovery).
        n_with_ceiling: cells with a score and a ceiling.
        words, quoted: means over the explanations; Unscored without any.
        n_readable: explanations that a person can use (`tools.readable.contract.why_not`), and all explanations.
        predictor: mean sealed score of the predictors; None if no run has one.
        reader_gap: the explanation's score minus the predictor's; None like it.
        lookup, lookup_full: mean sealed scores of the list of 30 tokens and of the table of all.
        lookup_gain: the explanation's score minus the list's, paired.
        trigger, random_texts: mean shares of texts made from the explanation, and of random passages, that fire.
        near_misses: mean share of near misses that stay silent.
        discrimination: share of neurons that the reader picks out of ten by the explanation.
        score_or_zero, recovery_or_zero: the mean with 0 for runs without an explanation; None if all have one.
        recovery: of planted neurons with a truth; None if there are none.
        recovered: the share of them recovered, by runs that did not fail (Wilson interval at as many witnesses as
            neurons, since seeds of a neuron are alike). A run without an explanation has recovered nothing.
        n_recovered: cells (recovered, that ran, all with a truth).
        n_recovered_readable: the same (recovered, that ran) for truths that a readable explanation can describe.
        runs_experiments: whether the variant does; without, no run can end as "supported" or "split".
        false_confidence: the share of these verdicts on noise, with an interval like that of `recovered`; None without
            noise or experiments.
        n_confident: such verdicts on noise (confident, all); `n_confident_dead` on dead neurons.
        true_confidence: their share among verdicts on neurons with a truth; None without such neurons or experiments.
        ceiling_share: ratio of mean score to mean ceiling; None if no ceiling was measured.
        verdicts: the number of cells with each.
        ranked: of puzzles: results with the true explanation first, with another first, and without a ranking; None for
            other groups.
        readers: of puzzles.
        n_requests: of puzzles: requests to an LLM.
    """

    variant: str
    group: Group
    n_cells: int
    n_neurons: int
    n_clusters: int
    n_nothing: int
    n_to_find: int
    n_errors: int
    errors: dict[str, int]
    n_scored: int
    unscored: dict[str, int]
    protocol: str
    split: str
    n_excerpts: tuple[int, int] | None
    score: Compared
    words: Compared
    quoted: Compared
    n_readable: tuple[int, int]
    predictor: Compared | None
    reader_gap: Compared | None
    lookup: Compared
    lookup_gain: Compared
    lookup_full: Compared
    trigger: Compared
    near_misses: Compared
    random_texts: Compared
    discrimination: Compared
    score_or_zero: Compared | None
    null_gain: Compared
    beats_null: bool | None
    null_unknown: str
    n_with: dict[str, int]
    n_with_ceiling: int
    optimism_gap: Compared
    recovery: Compared | None
    recovery_or_zero: Compared | None
    recovered: Compared | None
    n_recovered: tuple[int, int, int]
    n_recovered_readable: tuple[int, int]
    runs_experiments: bool
    false_confidence: Compared | None
    n_confident: tuple[int, int]
    n_confident_dead: tuple[int, int]
    true_confidence: Compared | None
    probe_skill: Compared
    ceiling_share: Compared | None
    verdicts: dict[str, int]
    cost: CostPerCell
    stability: Stability | None = None
    ranked: tuple[int, int, int] | None = None
    readers: tuple[str, ...] = ()
    n_requests: int = 0


class Comparison(Record):
    """The paired difference of a metric, `a` minus `b`.

    Attributes:
        difference: mean over neurons with its interval.
        p, p_adjusted: two-sided permutation p-value, and after Benjamini-Hochberg over the pairs of its group;
            None when no neuron could be compared.
        n_neurons: compared neurons; noise levels of one function are averaged and count once below.
        wins, losses, ties: neurons on which `a` is better, `b` is better, or they differ by less than `TIE`.
        by_cluster: the difference on each.
        n_left_out: common neurons without a seed at which both have a value.
        n_runs_left_out: pairs of runs without a value on both sides, including those of `n_left_out`.
        n_unmatched: neurons without a common seed.
        n_other_fold: pairs of cells scored on different sealed folds.
        cost: difference of the means per cell, over the pairs of cells that both ran.
    """

    metric: str
    group: Group
    a: str
    b: str
    difference: Compared
    p: float | None
    p_adjusted: float | None
    n_neurons: int
    wins: int
    losses: int
    ties: int
    by_cluster: dict[str, float]
    n_left_out: int
    n_runs_left_out: int
    n_unmatched: int
    n_other_fold: int
    cost: CostPerCell


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
            found = cell.gains.get("null")
        case "gain-lookup":
            found = cell.gains.get("token_lookup_30")
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


def _of_applied(applied: Applied | None, metric: str) -> float | Unscored | None:
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


def summarise(
    cells: Iterable[CellResult],
    rng: np.random.Generator,
    *,
    neurons: Iterable[NeuronRecord] = (),
    stability: Mapping[tuple[str, Kind], Stability] | None = None,
    without_experiments: Collection[str] = (),
) -> list[VariantSummary]:
    """One summary per group and variant, in the order of first appearance.

    Args:
        cells: of one or several evaluations of one suite.
        rng: draws the resamples of the intervals.
        neurons: their clusters, whether they are dead, their ceilings, where those were measured.
        stability: by variant and kind of neuron.
        without_experiments: variants that run none.
    """
    records = {record.name: record for record in neurons}
    out = []
    for group, whole in _groups(cells).items():
        for variant in dict.fromkeys(cell.variant for cell in whole):
            own = [cell for cell in whole if cell.variant == variant]
            alike = (stability or {}).get((variant, "real" if group == "real" else "truth"))
            out.append(
                _summary(
                    group, own, records, alike if group != "puzzles" else None, variant not in without_experiments, rng
                )
            )
    return out


def _groups(cells: Iterable[CellResult]) -> dict[Group, list[CellResult]]:
    groups: dict[Group, list[CellResult]] = {"planted": [], "real": [], "puzzles": []}
    for cell in cells:
        if cell.half is None:
            groups[GROUPS[cell.kind]].append(cell)
    return {group: whole for group, whole in groups.items() if whole}


def _summary(
    group: Group,
    cells: Sequence[CellResult],
    records: Mapping[str, NeuronRecord],
    stability: Stability | None,
    runs_experiments: bool,
    rng: np.random.Generator,
) -> VariantSummary:
    clusters = clusters_of(records.values())
    ran = [cell for cell in cells if cell.error is None]
    to_find = [cell for cell in cells if cell.kind != "nothing"]
    with_truth = [cell for cell in cells if cell.kind == "truth"]
    scores = [cell.score for cell in to_find if isinstance(cell.score, ScoreValue)]
    gains = by_cluster(cells, "gain", clusters)
    null_gain = _mean(cells, "gain", clusters, rng)
    beats_null, null_unknown = _beats_null(null_gain, list(gains.values()), rng)
    recovered = [(cell.neuron, float(has_recovered(cell))) for cell in with_truth if cell.error is None]
    unreadable = {name for name, record in records.items() if not record.readable}
    sayable = [(neuron, hit) for neuron, hit in recovered if neuron not in unreadable]
    (aside,) = rng.spawn(1)  # drawn last, so that the intervals of older metrics do not change
    explanations = [cell.explanation for cell in to_find if cell.error is None and cell.explanation is not None]
    has_predictor = any(cell.predictor is not None for cell in to_find)
    dead = {name for name, record in records.items() if record.status == "dead"}
    noise = _confident(cell for cell in ran if cell.kind == "nothing" and cell.neuron not in dead)
    of_dead = _confident(cell for cell in ran if cell.kind == "nothing" and cell.neuron in dead)
    of_truth = _confident(cell for cell in ran if cell.kind == "truth")
    ceiling_share, n_with_ceiling = _ceiling_share(to_find, records, clusters, rng)
    return VariantSummary(
        variant=cells[0].variant,
        group=group,
        n_cells=len(cells),
        n_neurons=len({cell.neuron for cell in to_find}),
        n_clusters=len({clusters.get(cell.neuron, cell.neuron) for cell in to_find}),
        n_nothing=len({cell.neuron for cell in cells if cell.kind == "nothing"}),
        n_to_find=len(to_find),
        n_errors=len(cells) - len(ran),
        errors=dict(Counter(cell.error.kind for cell in cells if cell.error is not None)),
        n_scored=len(scores),
        unscored=dict(
            Counter(cell.score.reason for cell in to_find if cell.error is None and isinstance(cell.score, Unscored))
        ),
        protocol=", ".join(sorted({score.protocol for score in scores})),
        split=", ".join(sorted({score.split for score in scores})),
        n_excerpts=(min(s.n_excerpts for s in scores), max(s.n_excerpts for s in scores)) if scores else None,
        score=_mean(cells, "score", clusters, rng),
        words=_mean(cells, "words", clusters, aside),
        quoted=_mean(cells, "quoted", clusters, aside),
        n_readable=(sum(why_not(sentence) is None for sentence in explanations), len(explanations)),
        predictor=_mean(cells, "predictor", clusters, aside) if has_predictor else None,
        reader_gap=_mean(cells, "reader-gap", clusters, aside) if has_predictor else None,
        lookup=_mean(cells, "lookup", clusters, aside),
        lookup_gain=_mean(cells, "gain-lookup", clusters, aside),
        lookup_full=_mean(cells, "lookup-full", clusters, aside),
        trigger=_mean(cells, "trigger", clusters, aside),
        near_misses=_mean(cells, "near-misses", clusters, aside),
        random_texts=_mean(cells, "random-texts", clusters, aside),
        discrimination=_mean(cells, "discrimination", clusters, aside),
        score_or_zero=_or_zero(cells, "score", clusters, rng),
        null_gain=null_gain,
        beats_null=beats_null,
        null_unknown=null_unknown,
        n_with={metric: sum(isinstance(value_of(cell, metric), float) for cell in to_find) for metric in METRICS},
        n_with_ceiling=n_with_ceiling,
        optimism_gap=_mean(cells, "optimism-gap", clusters, rng),
        recovery=_mean(cells, "recovery", clusters, rng) if with_truth else None,
        recovery_or_zero=_or_zero(cells, "recovery", clusters, rng),
        recovered=share_of(recovered, clusters) if with_truth else None,
        n_recovered_readable=(int(sum(hit for _, hit in sayable)), len(sayable)),
        n_recovered=(int(sum(hit for _, hit in recovered)), len(recovered), len(with_truth)),
        runs_experiments=runs_experiments,
        false_confidence=share_of(noise, clusters) if noise and runs_experiments else None,
        n_confident=(int(sum(hit for _, hit in noise)), len(noise)),
        n_confident_dead=(int(sum(hit for _, hit in of_dead)), len(of_dead)),
        true_confidence=share_of(of_truth, clusters) if of_truth and runs_experiments else None,
        probe_skill=_mean(cells, "probe-skill", clusters, rng),
        ceiling_share=ceiling_share,
        verdicts=dict(Counter(cell.verdict for cell in ran if cell.verdict is not None)),
        cost=CostPerCell(**{name: _mean_cost(ran, name) for name in _COSTS}),
        stability=stability,
        ranked=ranked_of(cells) if group == "puzzles" else None,
        readers=tuple(sorted({cell.reader for cell in ran if cell.reader})),
        n_requests=sum(cell.requests for cell in ran),
    )


def ranked_of(cells: Iterable[CellResult]) -> tuple[int, int, int]:
    """Results on puzzles: with the true explanation first, with another first, and without a ranking.

    Without false explanations there is nothing to rank.
    """
    found = Counter(
        None if cell.ranking is None else truth_first(cell.ranking)
        for cell in cells
        if cell.ranking is None or cell.ranking.false or isinstance(cell.score, Unscored)
    )
    return found[True], found[False], found[None]


def clusters_of(neurons: Iterable[NeuronRecord]) -> dict[str, str]:
    """The cluster of each neuron, by name."""
    return {record.name: record.cluster for record in neurons}


def by_cluster(cells: Iterable[CellResult], metric: str, clusters: Mapping[str, str]) -> dict[str, float]:
    """The mean of a metric by cluster; clusters without a value are left out."""
    values = ((cell.neuron, value_of(cell, metric)) for cell in cells)
    return mean_by_cluster(((neuron, value) for neuron, value in values if isinstance(value, float)), clusters)


def _mean(cells: Sequence[CellResult], metric: str, clusters: Mapping[str, str], rng: np.random.Generator) -> Compared:
    means = by_cluster(cells, metric, clusters)
    reasons = Counter(reason for cell in cells if isinstance(reason := value_of(cell, metric), str))
    if not means and reasons:
        return Unscored(reason=reasons.most_common(1)[0][0])
    return mean_interval(means.values(), rng)


def _or_zero(
    cells: Iterable[CellResult], metric: str, clusters: Mapping[str, str], rng: np.random.Generator
) -> Compared | None:
    found = []
    any_zero = False
    for cell in cells:
        value = value_of(cell, metric)
        if value is not None and cell.error is None and cell.explanation is None and not isinstance(value, float):
            any_zero = True
            value = 0.0
        if isinstance(value, float):
            found.append((cell.neuron, value))
    return mean_interval(mean_by_cluster(found, clusters).values(), rng) if any_zero else None


def _beats_null(gain: Compared, gains: Sequence[float], rng: np.random.Generator) -> tuple[bool | None, str]:
    if isinstance(gain, Unscored):
        return None, gain.reason
    if gain.low <= 0:
        return False, ""
    if 2.0 ** (1 - len(gains)) >= ALPHA:
        return None, f"{len(gains)} neurons are too few to tell a gain from chance"
    return permutation_p(gains, rng) < ALPHA, ""


def has_recovered(cell: CellResult) -> bool:
    """Whether the run recovered the neuron's meaning; a run without an explanation did not."""
    value = value_of(cell, "recovery")
    return isinstance(value, float) and value >= RECOVERED


def _confident(cells: Iterable[CellResult]) -> list[tuple[str, float]]:
    return [(cell.neuron, float(cell.verdict in CONFIDENT)) for cell in cells if cell.verdict is not None]


def share_of(hits: Iterable[tuple[str, float]], clusters: Mapping[str, str]) -> Compared:
    """The share of (neuron, 1 or 0), with an interval for as many observations as clusters."""
    shares = mean_by_cluster(hits, clusters)
    return wilson(sum(shares.values()), len(shares))


def _ceiling_share(
    cells: Iterable[CellResult],
    records: Mapping[str, NeuronRecord],
    clusters: Mapping[str, str],
    rng: np.random.Generator,
) -> tuple[Compared | None, int]:
    scores, limits = [], []
    any_ceiling = False
    for cell in cells:
        by_fold = records[cell.neuron].ceiling if cell.neuron in records else []
        any_ceiling = any_ceiling or bool(by_fold)
        limit = by_fold[cell.fold] if cell.fold is not None and cell.fold < len(by_fold) else None
        value = value_of(cell, "score")
        if isinstance(limit, Interval) and isinstance(value, float):
            scores.append((cell.neuron, value))
            limits.append((cell.neuron, limit.value))
    if not any_ceiling:
        return None, 0
    means = [np.array(list(mean_by_cluster(values, clusters).values())) for values in (scores, limits)]
    return ratio_of_means(means[0], means[1], rng), len(scores)


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


def _mean_cost(cells: Sequence[CellResult], name: str) -> float | None:
    known = [cost for cell in cells if (cost := _cost(cell, name)) is not None]
    return sum(known) / len(known) if known and len(known) == len(cells) else None


def compare(
    cells: Iterable[CellResult], metric: str, rng: np.random.Generator, *, neurons: Iterable[NeuronRecord] = ()
) -> list[Comparison]:
    """The paired differences of all comparable pairs of variants, earlier minus later.

    A neuron counts with its mean over the seeds at which both variants have a value.

    Args:
        cells: of one or several evaluations of one suite.
        metric: a key of `METRICS`.
        rng: draws the resamples of the intervals and the flips of the test.
        neurons: their clusters.
    """
    clusters = clusters_of(neurons)
    out: list[Comparison] = []
    for group, whole in _groups(cells).items():
        if group == "puzzles" or all(value_of(cell, metric) is None for cell in whole):
            continue
        pairs = [
            _compare_pair(whole, a, b, metric, group, clusters, rng)
            for a, b in combinations(dict.fromkeys(cell.variant for cell in whole), 2)
        ]
        corrected = iter(q_values([pair.p for pair in pairs if pair.p is not None]))
        out += [pair if pair.p is None else pair.model_copy(update={"p_adjusted": next(corrected)}) for pair in pairs]
    return out


def _compare_pair(
    cells: Sequence[CellResult],
    a: str,
    b: str,
    metric: str,
    group: Group,
    clusters: Mapping[str, str],
    rng: np.random.Generator,
) -> Comparison:
    sides = [
        {(cell.suite, cell.neuron, cell.seed): cell for cell in cells if cell.variant == variant} for variant in (a, b)
    ]
    both = [(sides[0][key], sides[1][key]) for key in sides[0] if key in sides[1]]
    differences, left_out, n_other_fold = [], [], 0
    for one, other in both:
        x, y = value_of(one, metric), value_of(other, metric)
        if isinstance(x, float) and isinstance(y, float):
            differences.append((one.neuron, x - y))
            n_other_fold += one.fold != other.fold
        elif x is not None:
            left_out.append(one.neuron)
    compared = {neuron for neuron, _ in differences}
    means = mean_by_cluster(differences, clusters)
    ran = [pair for pair in both if all(cell.error is None for cell in pair)]
    costs = {name: [_mean_cost(side, name) for side in zip(*ran, strict=True)] for name in _COSTS} if ran else {}
    applies = {cell.neuron for side in sides for cell in side.values() if value_of(cell, metric) is not None}
    return Comparison(
        metric=metric,
        group=group,
        a=a,
        b=b,
        difference=mean_interval(means.values(), rng),
        p=permutation_p(means.values(), rng) if means else None,
        p_adjusted=None,
        n_neurons=len(compared),
        wins=sum(d >= TIE for d in means.values()),
        losses=sum(d <= -TIE for d in means.values()),
        ties=sum(abs(d) < TIE for d in means.values()),
        by_cluster=means,
        n_left_out=len(set(left_out) - compared),
        n_runs_left_out=len(left_out),
        n_unmatched=len(applies - {one.neuron for one, _ in both}),
        n_other_fold=n_other_fold,
        cost=CostPerCell(
            **{
                name: None if both_means[0] is None or both_means[1] is None else both_means[0] - both_means[1]
                for name, both_means in costs.items()
            }
        ),
    )
