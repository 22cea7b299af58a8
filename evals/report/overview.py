"""The head of the page, and the tables of `agent eval compare`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from evals.differences import TIE, Comparison
from evals.metrics import METRICS, RECOVERED, CostPerCell
from evals.records import Manifest
from evals.report.page import Entry, Section, Table, count, measured, number
from evals.report.study import Study
from evals.statistics import ALPHA
from evals.summaries import VariantSummary
from evals.tables import SECONDS, TITLES, null_alarm
from tools.records.result import Compared, Unscored

_COSTS = {"calls": "tool calls", "units": "budget units", "seconds": "seconds", "tokens": "LLM tokens",
          "usd": "US dollars"}  # fmt: skip


def alarms(summaries: Sequence[VariantSummary]) -> list[str]:
    """A sentence for each variant that does not beat its matched null, or may not."""
    return [alarm for alarm in map(null_alarm, summaries) if alarm]


def facts(study: Study) -> list[tuple[str, str]]:
    """Names and values that describe the evaluations; differing values are listed."""
    cells = study.cells
    to_score = [cell for cell in study.whole if cell.kind != "nothing"]

    def said(of: Callable[[Manifest], str]) -> str:
        return ", ".join(dict.fromkeys(of(manifest) for manifest in study.manifests))

    errors = sum(cell.error is not None for cell in cells)
    unscored = sum(isinstance(cell.score, Unscored) and cell.error is None for cell in to_score)
    kinds = Counter[str](record.kind for record in study.neurons.values())
    words = {"real": "real", "truth": "planted with a truth", "nothing": "with nothing to find", "puzzle": "puzzles"}
    return [
        ("suite", said(lambda m: m.suite)),
        ("model", said(lambda m: m.model)),
        ("corpus", said(lambda m: m.corpus)),
        ("variants", ", ".join(study.variants) or "none"),
        ("seeds", said(lambda m: str(m.seeds) + (", and both halves of the text" if m.halves else ""))),
        ("neurons", ", ".join(f"{kinds[kind]} {words[kind]}" for kind in words if kinds[kind]) or "none"),
        ("cells", f"{len(cells):,}"),
        ("unscored, with something to find", f"{unscored:,}"),
        ("errors", f"{errors:,}"),
        ("neurons not surveyed", f"{sum(record.error is not None for record in study.neurons.values()):,}"),
        ("commit", said(lambda m: m.commit[:12] if m.commit else "unknown")),
        ("code", said(lambda m: m.code[:12])),
        ("suite file", said(lambda m: m.suite_sha256[:12])),
    ]


def variants_section(study: Study) -> Section:
    """The scores and costs of each variant."""
    tables = []
    for group in dict.fromkeys(summary.group for summary in study.summaries):
        own = [summary for summary in study.summaries if summary.group == group]
        columns = [_column(summary) for summary in own]
        rows = [
            [Entry(name), *(column[name] for column in columns)]
            for name in columns[0]
            if any(column[name].text != "–" for column in columns)
        ]
        caption = (
            f"{TITLES[group]}: means over neurons, after the mean over seeds, with 95 % bootstrap intervals over "
            f"neurons, noise levels of one function counting once; shares with Wilson intervals at as many witnesses. "
            f"Neurons with nothing to find count for false confidence only, and no run that failed counts. "
            f"{SECONDS}"
        )
        tables.append(Table(caption, ["", *(summary.variant for summary in own)], rows))
    return Section("variants", "Variants", [] if tables else ["There are no results yet."], tables)


def _column(s: VariantSummary) -> dict[str, Entry]:
    gain = measured(s.null_gain)
    if null_alarm(s):
        gain = Entry(f"{gain.text}: {'null unknown' if s.beats_null is None else 'does not beat it'}", "bad")
    excerpts = "" if s.n_excerpts is None else "–".join(dict.fromkeys(map(str, s.n_excerpts)))
    hit, ran, with_truth = s.n_recovered
    confident, ended = s.n_confident
    dead_confident, dead = s.n_confident_dead
    return {
        "cells": count(s.n_cells),
        "neurons with something to find": count(s.n_neurons),
        "neurons with nothing to find": count(s.n_nothing),
        "errors": _counts(s.errors),
        "cells scored": Entry(f"{s.n_scored:,} of {s.n_to_find:,}", "number"),
        "unscored": _counts(s.unscored),
        "measured on": Entry(f"{s.split} split, {excerpts} excerpts, {s.protocol}") if s.n_scored else measured(None),
        "sealed score": measured(s.score),
        "the same, no explanation as 0": measured(s.score_or_zero),
        "predictor's sealed score": measured(s.predictor),
        "explanation's minus predictor's score": measured(s.reader_gap, signed=True),
        "sealed score of the list of 30 tokens": measured(s.lookup) if s.n_with["lookup"] else measured(None),
        "explanation's minus the list's score": measured(s.lookup_gain, signed=True)
        if s.n_with["gain-lookup"]
        else measured(None),
        "sealed score of the table of all tokens": measured(s.lookup_full)
        if s.n_with["lookup-full"]
        else measured(None),
        "words of the explanation": measured(s.words) if s.n_readable[1] else measured(None),
        "words and pieces that it quotes": measured(s.quoted) if s.n_readable[1] else measured(None),
        "explanations that a person can use": Entry(f"{s.n_readable[0]} of {s.n_readable[1]}", "number")
        if s.n_readable[1]
        else measured(None),
        **{
            said: measured(value, share=True) if s.n_with[metric] else measured(None)
            for said, metric, value in (
                ("texts made from the explanation that fire", "trigger", s.trigger),
                ("random passages that fire", "random-texts", s.random_texts),
                ("near misses that stay silent", "near-misses", s.near_misses),
                ("neurons picked out of ten by the explanation", "discrimination", s.discrimination),
            )
        },
        "gain over matched null": gain,
        "optimism gap": measured(s.optimism_gap, signed=True),
        "share of the ceiling": measured(s.ceiling_share),
        "skill on the probe set": measured(s.probe_skill),
        "cells with gain, gap, ceiling, skill": Entry(
            f"{s.n_with['gain']}, {s.n_with['optimism-gap']}, {s.n_with_ceiling}, {s.n_with['probe-skill']} of "
            f"{s.n_to_find}",
            "number",
        ),
        "recovery of the truth": measured(s.recovery),
        "cells with a recovery": measured(None)
        if s.recovery is None
        else Entry(f"{s.n_with['recovery']} of {with_truth}", "number"),
        "recovery, no explanation as 0": measured(s.recovery_or_zero),
        f"recovered (at least {RECOVERED:g})": measured(s.recovered, share=True),
        "recovered, cells that ran": measured(None) if s.recovered is None else Entry(f"{hit} of {ran}", "number"),
        "false confidence": _confidence(s, s.false_confidence, ended + dead),
        "supported or split: noise, dead": Entry(f"{confident} of {ended}, {dead_confident} of {dead}", "number")
        if ended + dead
        else measured(None),
        "supported or split of a truth": _confidence(s, s.true_confidence, with_truth),
        "verdicts": Entry(", ".join(f"{n} {verdict}" for verdict, n in sorted(s.verdicts.items())) or "none"),
        **{f"{said} a cell": _cost(s.cost, name, "") for name, said in _COSTS.items()},
    }


def _confidence(s: VariantSummary, share: Compared | None, n: int) -> Entry:
    return measured(share, share=True) if s.runs_experiments or not n else Entry("cannot be: no experiments", "muted")


def _counts(reasons: dict[str, int]) -> Entry:
    if not reasons:
        return count(0)
    if len(reasons) == 1:
        ((reason, n),) = reasons.items()
        return Entry(f"{n}: {reason}")
    most = sorted(reasons, key=lambda reason: -reasons[reason])
    return Entry(f"{sum(reasons.values())}: " + "; ".join(f"{reasons[reason]} {reason}" for reason in most))


def _cost(cost: CostPerCell, name: str, sign: str) -> Entry:
    value = getattr(cost, name)
    if value is None:
        return Entry("unknown", "muted")
    form = {"tokens": ",.0f", "usd": ".4f"}.get(name, ",.1f")
    return Entry(f"{value:{sign}{form}}".replace("-", "−"), "number")


def comparisons_section(study: Study) -> Section:
    """The paired comparisons, a table a metric, and the difference in cost."""
    title = "Paired comparisons"
    if not study.comparisons:
        return Section("comparisons", title, ["There is only one variant, so there is nothing to compare."])
    notes = [
        f"Same neurons and seeds; p by flipping the signs of the neurons' differences, two-sided, corrected after "
        f"Benjamini-Hochberg over the comparisons of one group in a table; a tie is less than {TIE:g} apart."
    ]
    tables = []
    for metric in dict.fromkeys(pair.metric for pair in study.comparisons):
        own = [pair for pair in study.comparisons if pair.metric == metric]
        head = ["pair", "difference [95 %]", "p", "p (corrected)", "wins", "losses", "ties", "neurons",
                "left out as unscored", "pairs of runs left out", "run by one only",
                "pairs on different folds"]  # fmt: skip
        caption = f"Paired difference in {METRICS[metric]}, first minus second, mean over neurons."
        tables.append(Table(caption, head, [_comparison(pair) for pair in own]))
    pairs = [pair for pair in study.comparisons if pair.metric == study.comparisons[0].metric]
    cost = [[_pair(pair), *(_cost(pair.cost, name, "+") for name in _COSTS)] for pair in pairs]
    caption = "Difference in cost a cell, first minus second, over the pairs of cells that both ran."
    tables.append(Table(caption, ["pair", *_COSTS.values()], cost))
    return Section("comparisons", title, notes, tables)


def _comparison(pair: Comparison) -> list[Entry]:
    significant = pair.p_adjusted is not None and pair.p_adjusted < ALPHA
    counts = (pair.wins, pair.losses, pair.ties, pair.n_neurons, pair.n_left_out,
              pair.n_runs_left_out, pair.n_unmatched, pair.n_other_fold)  # fmt: skip
    return [
        _pair(pair), measured(pair.difference, signed=True), _p(pair.p),
        Entry(_p(pair.p_adjusted).text, "number strong") if significant else _p(pair.p_adjusted), *map(count, counts),
    ]  # fmt: skip


def _pair(pair: Comparison) -> Entry:
    return Entry(f"{pair.a} minus {pair.b}, {pair.group}")


def _p(p: float | None) -> Entry:
    return Entry("< 0.001", "number") if p is not None and p < 0.001 else number(p)


def stability_section(study: Study) -> Section:
    """The agreement of runs of one neuron over seeds and halves of the text: explanations and verdicts."""
    title = "Stability"
    rows, kept = [], []
    for summary in study.summaries:
        alike = summary.stability
        if alike and (verdicts := alike.verdicts):
            kept.append(
                [Entry(summary.variant), Entry(summary.group), count(verdicts.n_neurons), count(verdicts.n_kept),
                 _counts(verdicts.changes), measured(verdicts.kept)]
            )  # fmt: skip
        pairs = (("seeds", alike.seeds), ("halves of the text", alike.halves)) if alike else ()
        for over, found in pairs:
            if found is not None:
                rows.append(
                    [Entry(summary.variant), Entry(summary.group), Entry(over), count(found.n_neurons),
                     count(found.n_pairs), count(found.n_same), _counts(found.unscored), measured(found.mean)]
                )  # fmt: skip
    if not rows and not kept:
        why = "With one seed and no halves, or without stored simulations, there is nothing to compare."
        return Section("stability", title, [why])
    caption = (
        "Agreement of the explanations of one neuron: correlation of what two of them predict on development text, "
        "mean over neurons with its 95 % interval; 1 is the same prediction everywhere, as it is by construction over "
        "seeds where a variant leaves nothing to chance."
    )
    head = ["variant", "group", "over", "neurons", "pairs", "of these the same", "pairs unscored", "mean correlation"]
    tables = [Table(caption, head, rows)] if rows else []
    if kept:
        caption = "Neurons that have the same verdict with every seed, as a share with its 95 % interval."
        head = ["variant", "group", "neurons", "of these the same", "pairs that differ", "share"]
        tables.insert(0, Table(caption, head, kept))
    return Section("stability", title, [], tables)
