"""Summaries of an evaluation's results by variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from evals.metrics import (
    METRICS,
    CostPerCell,
    Group,
    by_cluster,
    by_group,
    clusters_of,
    has_recovered,
    mean_costs,
    value_of,
)
from evals.records import CellResult, Kind, NeuronRecord, Record
from evals.scorer import truth_first
from evals.stability import Stability
from evals.statistics import ALPHA, counted_share, mean_by_cluster, mean_interval, permutation_p, ratio_of_means
from tools.readable.contract import why_not
from tools.records.result import Compared, Interval, ScoreValue, Unscored

CONFIDENT = ("supported", "split")


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
    for group, whole in by_group(cells).items():
        for variant in dict.fromkeys(cell.variant for cell in whole):
            own = [cell for cell in whole if cell.variant == variant]
            alike = (stability or {}).get((variant, "real" if group == "real" else "truth"))
            out.append(
                _summary(
                    group, own, records, alike if group != "puzzles" else None, variant not in without_experiments, rng
                )
            )
    return out


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
        cost=mean_costs(ran),
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


def _confident(cells: Iterable[CellResult]) -> list[tuple[str, float]]:
    return [(cell.neuron, float(cell.verdict in CONFIDENT)) for cell in cells if cell.verdict is not None]


def share_of(hits: Iterable[tuple[str, float]], clusters: Mapping[str, str]) -> Compared:
    """The share of (neuron, 1 or 0), with an interval for as many observations as clusters."""
    shares = mean_by_cluster(hits, clusters)
    return counted_share(sum(shares.values()), len(shares))


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
