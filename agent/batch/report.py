"""What a batch has found: progress, verdicts and which of them survive, old scores beside new ones, failures."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import Any

from tools.records.scores import read_score
from tools.scoring.multiplicity import p_above_zero, q_values
from traces.database.batches import Batch, Entry, entries_of, results_of
from traces.database.results import ResultsDatabase
from traces.database.rows import ResultRow
from traces.text.formatting import one_line, runs_dir_option, score_text, shorten

CLAIMS = ("supported", "split")
_N_SHOWN = 20


def report(database: ResultsDatabase, batch: Batch, fdr: float) -> dict[str, Any]:
    """All that is known of a batch, as plain JSON values.

    Args:
        database: where its queue and results are.
        batch: which.
        fdr: the rate of false discoveries to be kept.

    Raises:
        StorageError: the database cannot be used.
    """
    entries, rows = entries_of(database, batch.batch_id), results_of(database, batch.batch_id)
    status = Counter(entry.status for entry in entries)
    return {
        "batch_id": batch.batch_id,
        "created_at": batch.created_at,
        "model": batch.model,
        "model_fingerprint": batch.model_fingerprint,
        "asked": batch.asked,
        "n_neurons": len(entries),
        "status": {name: status[name] for name in ("done", "failed", "running", "waiting")},
        "verdicts": dict(sorted(Counter(row.verdict for row in rows.values()).items())),
        "cost": {
            "tokens": sum(row.tokens or 0 for row in rows.values()),
            "usd": None
            if any(row.usd is None for row in rows.values())
            else sum(row.usd or 0 for row in rows.values()),
        },
        "seconds": round(sum(row.seconds for row in rows.values()), 1),
        "discoveries": discoveries(list(rows.values()), fdr),
        "sealed_reused": sorted(neuron for neuron, row in rows.items() if row.sealed_reused),
        "measured_again": [again for entry in entries if (again := _again(entry, rows.get(entry.neuron)))],
        "published": [
            {"neuron": entry.neuron, **{k: v for k, v in entry.about.items() if k != "earlier"}}
            for entry in entries
            if "published" in entry.about
        ],
        "failures": [
            {"neuron": entry.neuron, "reason": entry.reason, "attempts": entry.attempts, "run_id": entry.run_id}
            for entry in entries
            if entry.status == "failed"
        ],
    }


def discoveries(rows: list[ResultRow], fdr: float) -> dict[str, Any]:
    """Which verdicts survive the correction for many tests, by Benjamini and Hochberg.

    The family is every neuron that has a final score, whatever its verdict. Dead neurons and those without a score
    were not tested and are counted apart. A verdict is a discovery when it claims something and its q-value is at
    most `fdr`.
    """
    scored = [row for row in rows if row.score is not None and row.verdict != "dead"]
    p = [p_of(row) for row in scored]
    tested: list[dict[str, Any]] = [
        {"neuron": row.neuron, "run_id": row.run_id, "verdict": row.verdict, "p": p_value, "q": q}
        for row, p_value, q in zip(scored, p, q_values(p), strict=True)
    ]
    claims = [one for one in tested if one["verdict"] in CLAIMS]
    n_dead = sum(row.verdict == "dead" for row in rows)
    return {
        "fdr": fdr,
        "n_tested": len(tested),
        "n_dead": n_dead,
        "n_unscored": len(rows) - len(scored) - n_dead,
        "n_claims": len(claims),
        "surviving": [one["neuron"] for one in claims if one["q"] <= fdr],
        "not_surviving": [one["neuron"] for one in claims if one["q"] > fdr],
        "tested": tested,
    }


def p_of(row: ResultRow) -> float:
    """How likely such sealed gains are by chance: the larger of the p-values against both baselines.

    A claim on a neuron that is a set of few tokens need not beat a list of them (see `agent.graph.verdict`); then the
    gain over null alone counts. A gain that could not be computed is no evidence, and p is 1.
    """
    over_null = _p(row.gain_null, row.gain_null_low, row.gain_null_high)
    list_is_the_truth = row.verdict in CLAIMS and (row.gain_token_lookup_30_low or 0.0) <= 0
    if list_is_the_truth:
        return over_null
    low, high = row.gain_token_lookup_30_low, row.gain_token_lookup_30_high
    return max(over_null, _p(row.gain_token_lookup_30, low, high))


def _p(value: float | None, low: float | None, high: float | None) -> float:
    return 1.0 if value is None or low is None or high is None else p_above_zero(value, low, high)


def _again(entry: Entry, row: ResultRow | None) -> dict[str, Any] | None:
    """The earlier run's explanation beside the new one, both on the fold that this run opened."""
    earlier = entry.about.get("earlier")
    if row is None or (earlier is None and row.previous_explanation is None):
        return None
    return {
        "neuron": entry.neuron,
        "chosen_for": None if earlier is None else {name: earlier[name] for name in ("run_id", "score", "low", "high")},
        "old": {
            "run_id": row.previous_run_id,
            "explanation": row.previous_explanation,
            **_score(row.previous_score, row.previous_low, row.previous_high),
        },
        "new": {"run_id": row.run_id, "explanation": row.explanation, **_score(row.score, row.low, row.high)},
        "gain": _score(row.gain_previous, row.gain_previous_low, row.gain_previous_high),
        "sealed_fold": row.sealed_fold,
        "sealed_reused": bool(row.sealed_reused),
        "other_corpus": earlier is not None and earlier["corpus"] != row.corpus,
    }


def _score(value: float | None, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"value": value, "low": low, "high": high}


def lines(found: dict[str, Any], runs_dir: str, width: int) -> list[str]:
    """A report for a person."""
    status, where = found["status"], runs_dir_option(runs_dir)
    head = (
        f"batch {found['batch_id']} of {found['model']}: {status['done']:,} of {found['n_neurons']:,} neurons explained"
    )
    others = [f"{status[name]:,} {name}" for name in ("failed", "running", "waiting") if status[name]]
    out = [", ".join([head, *others])]
    if found["verdicts"]:
        out.append("  verdicts  " + ", ".join(f"{verdict} {n:,}" for verdict, n in found["verdicts"].items()))
        out += _discovery_lines(found["discoveries"], width)
    if found["cost"]["tokens"]:
        usd = found["cost"]["usd"]
        price = "price unknown" if usd is None else f"{usd:.4f} US dollars"
        out.append(f"  cost      {found['cost']['tokens']:,} LLM tokens, {price}")
    out += _again_lines(found["measured_again"])
    if reused := found["sealed_reused"]:
        out.append(
            f"  warning: {len(reused):,} scored on sealed text that an earlier run had been scored on, since no fold "
            f"was left, which is no fresh evidence: {shorten(', '.join(reused), max(40, width - 20))}"
        )
    kept = [one for one in found["published"] if "does_not_compete" in one]
    if kept:
        out.append(f"  published explanations that did not compete: {len(kept):,}, such as {kept[0]['neuron']}: "
                   f"{one_line(kept[0]['does_not_compete'])}")  # fmt: skip
    for failure in found["failures"][:_N_SHOWN]:
        tries = f" (attempt {failure['attempts']})" if failure["attempts"] > 1 else ""
        out.append(f"  failed    {failure['neuron']}: {shorten(failure['reason'], max(40, width - 20))}{tries}")
    out += _more(found["failures"])
    if found["failures"]:
        out.append(f"  agent batch resume {found['batch_id']} --retry-failed{where}")
    elif status["waiting"] or status["running"]:
        out.append(f"  agent batch resume {found['batch_id']}{where}")
    return out


def _discovery_lines(found: dict[str, Any], width: int) -> list[str]:
    apart = [
        f"{found[key]:,} {what}" for key, what in (("n_dead", "dead"), ("n_unscored", "without a score")) if found[key]
    ]
    said = f"; not tested: {', '.join(apart)}" if apart else ""
    out = [
        f"  at a false discovery rate of {found['fdr']:g}, {len(found['surviving']):,} of {found['n_claims']:,} claims "
        f"(supported or split) survive among {found['n_tested']:,} tested{said}"
    ]
    if found["not_surviving"]:
        q = {one["neuron"]: one["q"] for one in found["tested"]}
        lost = ", ".join(f"{neuron} (q {q[neuron]:.2g})" for neuron in found["not_surviving"])
        out.append(f"  not surviving: {shorten(lost, max(40, width - 17))}")
    return out


def _again_lines(again: list[dict[str, Any]]) -> list[str]:
    if not again:
        return []
    both = [one for one in again if one["old"]["value"] is not None and one["new"]["value"] is not None]
    out = []
    if both:
        old, new = (fmean(one[which]["value"] for one in both) for which in ("old", "new"))
        chosen = [one["chosen_for"]["score"] for one in both if one["chosen_for"]]
        then = f" (chosen for {fmean(chosen):.3f})" if chosen else ""
        out.append(
            f"  old explanations scored again beside new ones: {len(both):,}, mean {old:.3f}{then} and {new:.3f}"
        )
    for one in again[:_N_SHOWN]:
        chosen_for = "" if one["chosen_for"] is None else f"chosen for {one['chosen_for']['score']:.3f}, "
        before = score_text(read_score(one["old"])) if one["old"]["value"] is not None else _why_not(one)
        gain = "" if one["gain"]["value"] is None else f", gain {score_text(read_score(one['gain']))}"
        reused = ", sealed fold used before" if one["sealed_reused"] else ""
        now = score_text(read_score(one["new"]))
        out.append(f"    {one['neuron']:<9} {chosen_for}old {before}, new {now}{gain}{reused}")
    return out + _more(again)


def _why_not(one: dict[str, Any]) -> str:
    return "not scored again: the corpus is another" if one["other_corpus"] else "not scored again"


def _more(shown: list[Any]) -> list[str]:
    return [f"    and {len(shown) - _N_SHOWN:,} more; --json shows them all"] if len(shown) > _N_SHOWN else []
